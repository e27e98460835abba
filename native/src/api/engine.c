#include "api.h"
#include "../engine/engine.h"

const char *rln_engine_name_at(size_t index) {
    const engine *e = engine_at(index);
    return e ? e->name : NULL;
}

int rln_engine_supported(const char *name) {
    const engine *e = name ? engine_find(name) : NULL;
    return e && e->supported();
}

rln_status rln_engine_choose(const char *name) {
    return engine_choose(name) == 0 ? RLN_OK : RLN_ERR_ENGINE;
}

const char *rln_engine_name(void) {
    return engine_get()->name;
}
