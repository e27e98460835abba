#include "mem.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ct.h"

#ifdef RLN_VERIFY
#include <stdatomic.h>
#endif

#define ALIGNMENT 64

#if !defined(MAP_ANONYMOUS)
#define MAP_ANONYMOUS MAP_ANON
#endif

/* The header before the bytes that a caller gets; its size keeps them aligned. */
struct mem_block {
    _Alignas(ALIGNMENT) mem_block *before;
    size_t size; /* of the block, including this header */
};

_Static_assert(sizeof(mem_block) == ALIGNMENT, "the bytes after a header are aligned");

#ifdef RLN_VERIFY
static _Atomic uint64_t fail_in;

void mem_fail_at(uint64_t n) {
    atomic_store(&fail_in, n);
}

static int must_fail(void) {
    uint64_t n = atomic_load(&fail_in);
    while (n && !atomic_compare_exchange_weak(&fail_in, &n, n - 1)) {
    }
    return n == 1;
}
#else
static int must_fail(void) {
    return 0;
}
#endif

/* r = header and bytes, rounded up to unit, a power of two; -1: overflow. */
static int block_size(size_t *r, size_t count, size_t size, size_t unit) {
    if (__builtin_mul_overflow(count, size, r)) return -1;
    if (__builtin_add_overflow(*r, sizeof(mem_block) + unit - 1, r)) return -1;
    *r &= ~(unit - 1);
    return 0;
}

static mem_block *block_of(void *a) {
    return (mem_block *)a - 1;
}

static mem_block *block_new(size_t count, size_t size) {
    size_t n;
    void *p;
    if (block_size(&n, count, size, ALIGNMENT) || must_fail() || posix_memalign(&p, ALIGNMENT, n)) return NULL;
    memset(p, 0, n);
    mem_block *const r = p;
    r->size = n;
    return r;
}

static void block_free(mem_block *b) {
    ct_wipe(b, b->size);
    free(b);
}

void *mem_new(size_t count, size_t size) {
    mem_block *const b = block_new(count, size);
    return b ? b + 1 : NULL;
}

void mem_free(void *a) {
    if (a) block_free(block_of(a));
}

void *mem_take(mem *m, size_t count, size_t size) {
    mem_block *const b = block_new(count, size);
    if (!b) return NULL;
    b->before = m->last;
    m->last = b;
    return b + 1;
}

void mem_close(mem *m) {
    while (m->last) {
        mem_block *const b = m->last;
        m->last = b->before;
        block_free(b);
    }
}

void *mem_secret_new(size_t size, int wipe_on_fork) {
    size_t n;
    if (block_size(&n, size, 1, (size_t)sysconf(_SC_PAGESIZE)) || must_fail()) return NULL;
    void *const p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return NULL;
    /* Each of these calls may fail (RLIMIT_MEMLOCK, an old kernel); the secret is then as safe as on the heap. mlock
     * comes last because it touches the pages: only untouched pages merge with the neighbouring mapping, and a
     * process may have about 65000 mappings. */
#ifdef MADV_DONTDUMP
    (void)madvise(p, n, MADV_DONTDUMP);
#endif
#ifdef MADV_WIPEONFORK
    if (wipe_on_fork) (void)madvise(p, n, MADV_WIPEONFORK);
#else
    (void)wipe_on_fork;
#endif
    (void)mlock(p, n);
    mem_block *const r = p;
    r->size = n;
    return r + 1;
}

void mem_secret_free(void *a) {
    if (!a) return;
    mem_block *const b = block_of(a);
    const size_t n = b->size;
    if (n == 0) return; /* in a forked child the pages are wiped, including the header; they are freed when it ends */
    ct_wipe(b, n);
    (void)munlock(b, n);
    (void)munmap(b, n);
}
