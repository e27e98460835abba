/* base: memory, the pool, Keccak-256, ChaCha20, entropy. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/chacha.h"
#include "base/ct.h"
#include "base/entropy.h"
#include "base/keccak.h"
#include "base/mem.h"
#include "base/pool.h"
#include "expect.h"

static int equals_hex(const uint8_t *a, size_t n, const char *hex) {
    char text[3];
    for (size_t i = 0; i < n; i++) {
        snprintf(text, sizeof text, "%02x", a[i]);
        if (memcmp(text, hex + 2 * i, 2)) return 0;
    }
    return hex[2 * n] == 0;
}

static int is_zero(const uint8_t *a, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (a[i]) return 0;
    return 1;
}

static void test_constant_time_choices(void) {
    const uint64_t values[] = {0, 1, 2, UINT64_MAX, UINT64_MAX - 1, 1ull << 63, 1ull << 32};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        EXPECT(ct_is_zero(values[i]) == (values[i] ? 0 : UINT64_MAX));
        EXPECT(ct_select(UINT64_MAX, values[i], 7) == values[i] && ct_select(0, 7, values[i]) == values[i]);
    }
    uint8_t a[33], b[33];
    memset(a, 9, sizeof a), memset(b, 9, sizeof b);
    EXPECT(ct_equal(a, b, 33) == 1 && ct_equal(a, b, 0) == 1);
    b[32] ^= 0x80;
    EXPECT(ct_equal(a, b, 33) == 0 && ct_equal(a, b, 32) == 1);
    ct_wipe(a, 33);
    EXPECT(is_zero(a, 33));
}

static void test_keccak_known_digests(void) {
    const struct {
        const char *message, *digest;
    } known[] = {
        {"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"},
        {"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"},
        {"hey hey", "049be11fd722a91f2fb496911c47ed74e83afc003c6a10355b4b9bd2a4655651"},
        {"test-epoch", "8bec855b612540fc986b42322f8cb91c2273afad58ed006fdba0c97b4b16b12f"},
    };
    uint8_t r[32];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        keccak256(r, (const uint8_t *)known[i].message, strlen(known[i].message));
        EXPECT(equals_hex(r, 32, known[i].digest));
    }
    keccak256(r, NULL, 0);
    EXPECT(equals_hex(r, 32, known[0].digest));
}

/* source: RFC 8439 appendix A.1, test vectors 1 and 2: zero key, zero nonce, blocks 0 and 1 */
static void test_chacha_known_stream(void) {
    const uint8_t key[32] = {0};
    uint8_t stream[128];
    chacha c;
    chacha_start(&c, key);
    for (int i = 0; i < 16; i++) bytes_u64_encode(stream + 8 * i, chacha_next_u64(&c));
    EXPECT(equals_hex(stream, 64,
                      "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
                      "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"));
    EXPECT(equals_hex(stream + 64, 64,
                      "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
                      "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f"));
}

static void test_chacha_counter_has_64_bits(void) {
    const uint8_t key[32] = {0};
    chacha c;
    chacha_start(&c, key);
    const uint64_t first = chacha_next_u64(&c);
    chacha_start(&c, key);
    c.counter = 1ull << 32;
    EXPECT(chacha_next_u64(&c) != first);
}

static void test_entropy_fills_every_length(void) {
    uint8_t a[1000];
    for (size_t n = 0; n <= sizeof a; n += 125) {
        memset(a, 0, sizeof a);
        EXPECT(entropy_fill(a, n) == 0);
        for (size_t i = 0; i + 32 <= n; i += 31) EXPECT(!is_zero(a + i, 32));
        EXPECT(is_zero(a + n, sizeof a - n));
    }
}

static void test_memory_is_zeroed_aligned_and_bounded(void) {
    mem m = MEM_EMPTY;
    for (size_t n = 0; n < 300; n += 7) {
        uint8_t *const a = mem_take(&m, n, 3);
        EXPECT(a && (uintptr_t)a % 64 == 0 && is_zero(a, 3 * n));
        if (a) memset(a, 0xa5, 3 * n);
    }
    EXPECT(mem_take(&m, SIZE_MAX, 2) == NULL);
    EXPECT(mem_take(&m, SIZE_MAX, 1) == NULL);
    EXPECT(mem_take(&m, SIZE_MAX / 64, 64) == NULL);
    EXPECT(mem_new(SIZE_MAX - 64, 1) == NULL);
    EXPECT(mem_secret_new(SIZE_MAX, 0) == NULL);
    mem_close(&m);
    EXPECT(m.last == NULL);
    mem_close(&m);
    mem_free(NULL);
    mem_secret_free(NULL);
}

static void test_the_nth_allocation_fails(void) {
    mem m = MEM_EMPTY;
    mem_fail_at(3);
    void *const a = mem_new(1, 1);
    EXPECT(a != NULL);
    EXPECT(mem_take(&m, 1, 1) != NULL);
    EXPECT(mem_secret_new(1, 0) == NULL);
    EXPECT(mem_take(&m, 1, 1) != NULL);
    mem_fail_at(1);
    EXPECT(mem_take(&m, 1, 1) == NULL);
    mem_fail_at(1);
    mem_fail_at(0);
    EXPECT(mem_take(&m, 1, 1) != NULL);
    mem_free(a);
    mem_close(&m);
}

/* 0 if the check holds in the child. */
static int in_child(int (*check)(void *), void *context) {
    int status = -1;
    const pid_t child = fork();
    if (child == 0) _exit(check(context) ? 0 : 1);
    if (child < 0 || waitpid(child, &status, 0) != child) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int finds_copy(void *a) {
    const int found = ((uint8_t *)a)[4000] == 42;
    mem_secret_free(a);
    return found;
}

static int finds_zeros(void *a) {
    const int found = is_zero(a, 5000);
    mem_secret_free(a);
    return found;
}

static void test_toxic_waste_does_not_survive_a_fork(void) {
    for (int wipe = 0; wipe < 2; wipe++) {
        uint8_t *const a = mem_secret_new(5000, wipe);
        EXPECT(a && (uintptr_t)a % 64 == 0 && is_zero(a, 5000));
        if (!a) continue;
        memset(a, 42, 5000);
#if defined(__linux__) && !defined(RLN_TESTS_EMULATED) /* qemu ignores MADV_WIPEONFORK */
        EXPECT(in_child(wipe ? finds_zeros : finds_copy, a) == 0);
#endif
        EXPECT(a[0] == 42 && a[4999] == 42);
        mem_secret_free(a);
    }
}

#define MOST 1000

typedef struct tally {
    atomic_int runs[MOST];
    atomic_int elsewhere; /* runs on other threads than this one */
    pthread_t thread;
    pool *inner;
} tally;

static void count_run(void *context, size_t index) {
    tally *const t = context;
    atomic_fetch_add(&t->runs[index], 1);
    if (!pthread_equal(t->thread, pthread_self())) atomic_fetch_add(&t->elsewhere, 1);
}

static int each_once(const tally *t, size_t count) {
    for (size_t i = 0; i < MOST; i++)
        if (t->runs[i] != (i < count)) return 0;
    return 1;
}

static void test_pool_runs_each_index_once(void) {
    static const size_t counts[] = {0, 1, 2, 3, 7, 64, MOST};
    for (size_t threads = 1; threads <= 5; threads++) {
        pool *const p = pool_new(threads);
        EXPECT(p && pool_threads(p) == threads);
        for (int round = 0; round < 50; round++) {
            for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
                tally t = {.thread = pthread_self()};
                pool_run(p, counts[i], count_run, &t);
                EXPECT(each_once(&t, counts[i]));
                if (threads == 1) EXPECT(t.elsewhere == 0);
            }
        }
        pool_free(p);
    }
    tally t = {.thread = pthread_self()};
    pool_run(NULL, 9, count_run, &t);
    EXPECT(each_once(&t, 9) && t.elsewhere == 0 && pool_threads(NULL) == 1);
    pool_free(NULL);
}

/* Each piece waits until the other has started, so the job ends only if two threads work. */
static void meet(void *context, size_t index) {
    (void)index;
    atomic_int *const arrived = context;
    atomic_fetch_add(arrived, 1);
    while (atomic_load(arrived) < 2) usleep(100);
}

static void test_pool_works_in_parallel(void) {
    atomic_int arrived = 0;
    pool *const p = pool_new(2);
    pool_run(p, 2, meet, &arrived);
    EXPECT(arrived == 2);
    pool_free(p);
}

static void run_inner(void *context, size_t index) {
    tally *const t = context;
    tally inner = {.thread = pthread_self()};
    pool_run(t->inner, 20, count_run, &inner);
    if (each_once(&inner, 20) && inner.elsewhere == 0) atomic_fetch_add(&t->runs[index], 1);
}

static void test_pool_inside_its_own_job_runs_serially(void) {
    pool *const p = pool_new(3);
    tally t = {.thread = pthread_self(), .inner = p};
    pool_run(p, 30, run_inner, &t);
    EXPECT(each_once(&t, 30));
    pool_free(p);
}

typedef struct stay {
    pool *p;
    atomic_int inside, leave;
} stay;

static void stay_inside(void *context, size_t index) {
    (void)index;
    stay *const s = context;
    atomic_fetch_add(&s->inside, 1);
    while (!atomic_load(&s->leave)) usleep(100);
}

static void *occupy(void *context) {
    stay *const s = context;
    pool_run(s->p, 2, stay_inside, s);
    return NULL;
}

static void test_pool_that_is_busy_runs_serially_in_the_caller(void) {
    stay s = {.p = pool_new(3)};
    pthread_t other;
    EXPECT(pthread_create(&other, NULL, occupy, &s) == 0);
    while (!atomic_load(&s.inside)) usleep(100);
    tally t = {.thread = pthread_self()};
    pool_run(s.p, 100, count_run, &t);
    EXPECT(each_once(&t, 100) && t.elsewhere == 0);
    atomic_store(&s.leave, 1);
    pthread_join(other, NULL);
    pool_free(s.p);
}

static int child_uses_pool(void *context) {
    tally t = {.thread = pthread_self()};
    pool_run(context, 100, count_run, &t);
    const int good = each_once(&t, 100) && t.elsewhere == 0 && pool_threads(context) == 1;
    pool_free(context);
    return good;
}

static void test_pool_of_the_parent_runs_serially_in_a_child(void) {
    pool *const p = pool_new(3);
    EXPECT(in_child(child_uses_pool, p) == 0);
    tally t = {.thread = pthread_self()};
    pool_run(p, 100, count_run, &t);
    EXPECT(each_once(&t, 100));
    pool_free(p);
}

static void test_pool_without_memory_is_null(void) {
    mem_fail_at(1);
    EXPECT(pool_new(2) == NULL);
    mem_fail_at(0);
}

int main(void) {
    test_constant_time_choices();
    test_keccak_known_digests();
    test_chacha_known_stream();
    test_chacha_counter_has_64_bits();
    test_entropy_fills_every_length();
    test_memory_is_zeroed_aligned_and_bounded();
    test_the_nth_allocation_fails();
    test_toxic_waste_does_not_survive_a_fork();
    test_pool_runs_each_index_once();
    test_pool_works_in_parallel();
    test_pool_inside_its_own_job_runs_serially();
    test_pool_that_is_busy_runs_serially_in_the_caller();
    test_pool_of_the_parent_runs_serially_in_a_child();
    test_pool_without_memory_is_null();
    return expect_status();
}
