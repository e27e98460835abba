/* check.h - RLN_CHECK tests a precondition in the build for tests; a release build leaves it out. */
#ifndef RLN_BASE_CHECK_H
#define RLN_BASE_CHECK_H

#ifdef RLN_VERIFY
#include <stdio.h>
#include <stdlib.h>
#define RLN_CHECK(claim)                                                                \
    do {                                                                                \
        if (!(claim)) {                                                                 \
            fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #claim); \
            abort();                                                                    \
        }                                                                               \
    } while (0)
#else
#define RLN_CHECK(claim) ((void)0)
#endif

#define RLN_MUST_USE __attribute__((warn_unused_result))

#endif
