#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "check.h"
#include "mem.h"

/* How often a thread yields and looks again before it sleeps. Waking a thread costs about as much, and the jobs of a
 * proof follow each other closely. */
#define YIELDS 200
#define STACK_BYTES ((size_t)2 << 20) /* the default on some systems is half a megabyte */

struct rln_pool {
    atomic_flag busy;   /* a caller's job is in the pool */
    pid_t process;      /* threads do not survive a fork */
    size_t threads;

    pthread_mutex_t lock; /* guards everything below except next */
    pthread_cond_t wake;
    pthread_cond_t done;
    int stop;
    size_t wanted;  /* workers that may still join the job */
    size_t working; /* workers in it */
    pool_job job;
    void *context;
    size_t count;
    atomic_size_t next;

    size_t workers; /* started; threads - 1, unless pool_new failed */
    pthread_t worker[];
};

static void serve(pool_job job, void *context, size_t count, atomic_size_t *next) {
    for (;;) {
        const size_t i = atomic_fetch_add_explicit(next, 1, memory_order_relaxed);
        if (i >= count) return;
        job(context, i);
    }
}

/* Wait for a change that sign signals. The caller holds the lock. */
static void await(pool *p, pthread_cond_t *sign, unsigned *yields) {
    if (*yields == YIELDS) {
        pthread_cond_wait(sign, &p->lock);
        return;
    }
    ++*yields;
    pthread_mutex_unlock(&p->lock);
    sched_yield();
    pthread_mutex_lock(&p->lock);
}

static void *worker_main(void *argument) {
    pool *const p = argument;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        for (unsigned yields = 0; !p->wanted && !p->stop;) await(p, &p->wake, &yields);
        if (p->stop) break;
        p->wanted--;
        p->working++;
        const pool_job job = p->job;
        void *const context = p->context;
        const size_t count = p->count;
        pthread_mutex_unlock(&p->lock);
        serve(job, context, count, &p->next);
        pthread_mutex_lock(&p->lock);
        if (--p->working == 0) pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* Workers block all signals, which the host's threads handle. */
static int start_workers(pool *p) {
    pthread_attr_t attributes;
    sigset_t all, before;
    if (pthread_attr_init(&attributes)) return -1;
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (p->workers + 1 < p->threads) {
        if (pthread_create(&p->worker[p->workers], &attributes, worker_main, p)) break;
        p->workers++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return p->workers + 1 == p->threads ? 0 : -1;
}

pool *pool_new(size_t threads) {
    RLN_CHECK(threads >= 1 && threads <= 256);
    pool *const p = mem_new(1, sizeof(pool) + threads * sizeof(pthread_t));
    if (!p) return NULL;
    atomic_flag_clear(&p->busy);
    p->process = getpid();
    p->threads = threads;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->done, NULL);
    if (start_workers(p)) {
        pool_free(p);
        return NULL;
    }
    return p;
}

void pool_free(pool *p) {
    if (!p) return;
    if (p->process == getpid()) {
        pthread_mutex_lock(&p->lock);
        p->stop = 1;
        pthread_cond_broadcast(&p->wake);
        pthread_mutex_unlock(&p->lock);
        for (size_t i = 0; i < p->workers; i++) pthread_join(p->worker[i], NULL);
        pthread_cond_destroy(&p->done);
        pthread_cond_destroy(&p->wake);
        pthread_mutex_destroy(&p->lock);
    }
    mem_free(p);
}

size_t pool_threads(const pool *p) {
    return p && p->process == getpid() ? p->threads : 1;
}

void pool_run(pool *p, size_t count, pool_job job, void *context) {
    if (count < 2 || pool_threads(p) < 2 || atomic_flag_test_and_set_explicit(&p->busy, memory_order_acquire)) {
        for (size_t i = 0; i < count; i++) job(context, i);
        return;
    }
    pthread_mutex_lock(&p->lock);
    p->job = job;
    p->context = context;
    p->count = count;
    atomic_store_explicit(&p->next, 0, memory_order_relaxed);
    p->wanted = count - 1 < p->workers ? count - 1 : p->workers;
    for (size_t i = 0; i < p->wanted; i++) pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);

    serve(job, context, count, &p->next);

    pthread_mutex_lock(&p->lock);
    p->wanted = 0; /* a worker that wakes later finds no job */
    for (unsigned yields = 0; p->working;) await(p, &p->done, &yields);
    pthread_mutex_unlock(&p->lock);
    atomic_flag_clear_explicit(&p->busy, memory_order_release);
}
