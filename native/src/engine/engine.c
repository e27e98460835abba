#include "engine.h"

#include <stdatomic.h>
#include <string.h>

#define ADDRESS(name) &engine_##name,
static const engine *const ENGINES[] = {CPU_ENGINES(ADDRESS)};
#undef ADDRESS

#define ENGINE_COUNT (sizeof ENGINES / sizeof ENGINES[0])

/* engine_choose writes it once, before other threads run; all others only read it. */
static _Atomic(const engine *) chosen;

const engine *engine_at(size_t i) {
    return i < ENGINE_COUNT ? ENGINES[i] : NULL;
}

const engine *engine_find(const char *name) {
    for (size_t i = 0; i < ENGINE_COUNT; i++)
        if (strcmp(ENGINES[i]->name, name) == 0) return ENGINES[i];
    return NULL;
}

int engine_choose(const char *name) {
    const engine *best = NULL;
    if (name != NULL) {
        best = engine_find(name);
    } else {
        for (size_t i = 0; i < ENGINE_COUNT && best == NULL; i++)
            if (ENGINES[i]->supported()) best = ENGINES[i];
    }
    if (best == NULL || !best->supported()) return -1;
    atomic_store(&chosen, best);
    return 0;
}

const engine *engine_get(void) {
    const engine *e = atomic_load_explicit(&chosen, memory_order_acquire);
    if (e == NULL) {
        /* the portable engine runs anywhere, so a choice exists */
        (void)engine_choose(NULL);
        e = atomic_load(&chosen);
    }
    return e;
}
