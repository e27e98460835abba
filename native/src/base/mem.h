/* mem.h - all memory of the core.
 *
 * A mem is a list of blocks for one job. mem_close wipes and frees every block, so no path out of a job
 * leaks memory or leaves a witness in it. Memory for secrets that outlive a call (identities, witnesses) and
 * for toxic waste comes from mem_secret_new: its own pages, locked and kept out of core dumps as far as the
 * system allows (best effort: SECURITY.md).
 */
#ifndef RLN_BASE_MEM_H
#define RLN_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

#include "check.h"

typedef struct mem_block mem_block;
typedef struct mem { mem_block *last; } mem;

/** An empty list. */
#define MEM_EMPTY {NULL}

/** Room for count elements of size bytes, zeroed, aligned to 64 bytes; NULL if count * size overflows or there is no
 *  memory. count = 0 gives a valid pointer to no elements. Not thread-safe: call it before starting threads' work. */
void *mem_take(mem *m, size_t count, size_t size);
/** Wipe and free all that was taken. */
void mem_close(mem *m);

/** One block outside any list: zeroed, aligned to 64 bytes; NULL as above. */
void *mem_new(size_t count, size_t size);
/** Wipe and free. NULL is allowed. */
void mem_free(void *a);

/** Pages for a secret, zeroed, aligned to 64 bytes; NULL: no memory. With wipe_on_fork (toxic waste) a forked child
 *  finds zeros if the system supports it; otherwise it finds a copy. */
void *mem_secret_new(size_t size, int wipe_on_fork);
/** Wipe and unmap. NULL is allowed. */
void mem_secret_free(void *a);

#ifdef RLN_VERIFY
/** Only in the tests' build: the n-th allocation from now fails (1: the next one; 0: none). */
void mem_fail_at(uint64_t n);
#endif

#endif
