/* pool.h - a fixed set of threads, passed as an argument.
 *
 * pool_run runs the count pieces of a job and returns when all are done. The calling thread works too. If the
 * pool is NULL, is busy with another caller's job, or was made by another process (a fork), the calling thread
 * does every piece: there is no deadlock, and no call waits for another caller's job.
 */
#ifndef RLN_BASE_POOL_H
#define RLN_BASE_POOL_H

#include <stddef.h>

typedef struct rln_pool pool;

typedef void (*pool_job)(void *context, size_t index);

/** 1..256 threads in total, including the calling one. NULL if the system cannot start them. */
pool *pool_new(size_t threads);
void pool_free(pool *p);
/** The number of threads that a job may use; 1 for NULL. */
size_t pool_threads(const pool *p);
/** job(context, i) for every i < count, each once, in any order and in parallel. */
void pool_run(pool *p, size_t count, pool_job job, void *context);

#endif
