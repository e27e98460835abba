/* expect.h - the common part of the C tests: EXPECT counts and prints claims that are false. */
#ifndef RLN_TESTS_EXPECT_H
#define RLN_TESTS_EXPECT_H

#include <stdio.h>

static int expect_failures;

#define EXPECT(claim)                                                   \
    do {                                                                \
        if (!(claim)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #claim); \
            expect_failures++;                                          \
        }                                                               \
    } while (0)

/** The status that main returns. */
static inline int expect_status(void) {
    return expect_failures != 0;
}

#endif
