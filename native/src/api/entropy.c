#include "api.h"
#include "../base/entropy.h"
#include "../base/pool.h"

#define THREADS_LIMIT 256

rln_status rln_entropy(uint8_t *r, size_t n) {
    if (!r && n) return RLN_ERR_PARAMETER;
    return entropy_fill(r, n) == 0 ? RLN_OK : RLN_ERR_ENTROPY;
}

rln_status rln_pool_new(size_t threads, rln_pool **r) {
    if (!r) return RLN_ERR_PARAMETER;
    *r = NULL;
    if (threads < 1 || threads > THREADS_LIMIT) return RLN_ERR_PARAMETER;
    *r = pool_new(threads);
    return *r ? RLN_OK : RLN_ERR_MEMORY;
}

void rln_pool_free(rln_pool *pool) {
    pool_free(pool);
}
