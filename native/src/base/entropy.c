#include "entropy.h"

#include <errno.h>
#include <sys/random.h>
#include <unistd.h>

#include "ct.h"

#define PIECE 256 /* the most that getentropy gives; getrandom up to this size is not interrupted */

/* The number of bytes drawn; 0: try again; -1: failed. */
static ssize_t draw(uint8_t *r, size_t n) {
#if defined(__linux__)
    const ssize_t got = getrandom(r, n, 0);
#else
    const ssize_t got = getentropy(r, n) ? -1 : (ssize_t)n;
#endif
    return got < 0 && errno == EINTR ? 0 : got;
}

int entropy_fill(uint8_t *r, size_t n) {
    for (size_t done = 0; done < n;) {
        const ssize_t got = draw(r + done, n - done < PIECE ? n - done : PIECE);
        if (got < 0) {
            ct_wipe(r, n);
            return -1;
        }
        done += (size_t)got;
    }
    return 0;
}
