/* starve.h - calls without memory. The including file defines struct world, the argument of its calls. */
#ifndef RLN_TESTS_STARVE_H
#define RLN_TESTS_STARVE_H

#include "rln.h"
#include "base/mem.h"
#include "expect.h"

struct world;
typedef rln_status (*call)(const struct world *w);

/* Let the first, second, .. allocation of the call fail, until no allocation fails. */
static void starve(const char *name, call c, const struct world *w) {
    uint64_t n = 1;
    rln_status status;
    do {
        mem_fail_at(n);
        status = c(w);
        mem_fail_at(0);
        if (status != RLN_OK && status != RLN_ERR_MEMORY) {
            fprintf(stderr, "%s, allocation %u: status %d\n", name, (unsigned)n, (int)status);
            expect_failures++;
            return;
        }
        n++;
    } while (status == RLN_ERR_MEMORY && n < 1000);
    EXPECT(status == RLN_OK);
    EXPECT(n > 2);
}

#endif
