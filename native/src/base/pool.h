/* pool.h - a fixed set of threads, handed down as an argument.
 *
 * pool_run cuts a job into count pieces and returns when all are done. The caller works too. When the pool
 * is NULL, is busy with another caller's job, or was made by another process (a fork), the caller does
 * every piece itself: never a deadlock, never a wait for strangers.
 */
#ifndef RLN_BASE_POOL_H
#define RLN_BASE_POOL_H

#include <stddef.h>

typedef struct rln_pool pool;

typedef void (*pool_job)(void *context, size_t index);

/** threads 1..256 in all, the caller included. NULL when the system gives none. */
pool *pool_new(size_t threads);
void pool_free(pool *p);
/** Threads that a job may use: 1 for NULL. */
size_t pool_threads(const pool *p);
/** job(context, i) for every i < count, each once, in any order and in parallel. */
void pool_run(pool *p, size_t count, pool_job job, void *context);

#endif
