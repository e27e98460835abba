/* poseidon_rounds.h - Poseidon's rounds in direct form, as a template: poseidon.h and ifma/poseidon8.h include it.
 *
 * The including file defines ROUNDS (the function), VALUE (what it computes with, one hash or eight), WORK (the type
 * of its scratch), CONSTANT, and three operations whose results alias nothing:
 *   LAYER(x, s, n)            x[i] = s[i]^5, i < n
 *   ROW(r, u, x, c, n)        r = u + c[0] + sum x[i] c[1 + i], i < n; u = NULL stands for 0
 *   STEP(y, r, a, x, c, n)    y = a^5, then ROW(r, y, x, c, n)
 * native/gen/poseidon.py derives the rows and says in which order they stand.
 */

/* Partial rounds until the window moves back to the start of its array. */
#define POSEIDON_STRIDE 4

typedef struct WORK {
    VALUE s[POSEIDON_MAX_WIDTH];                                  /* what enters a layer of S-boxes */
    VALUE x[2 * POSEIDON_MAX_WIDTH];                              /* what leaves it; behind it y_0, y_1, .. */
    VALUE window[2 * (POSEIDON_MAX_WIDTH - 1 + POSEIDON_STRIDE)]; /* .. y_(k-1), a_k */
} WORK;

/** r = the hash of in[0 .. width - 1), values in the scale of an integer as they are; w is left for the caller to wipe.
 *  time  constant in the values */
static __attribute__((noinline)) void ROUNDS(VALUE *r, WORK *w, const VALUE *in, const CONSTANT *c, unsigned width,
                                             unsigned partial) {
    const unsigned n = width - 1;
    VALUE *const s = w->s, *const x = w->x;

    for (unsigned i = 0; i < n; i++) {
        ROW(&s[i], &in[i], in, c, 0);
        c++;
    }
    LAYER(x, s, n);
    for (unsigned i = 0; i < width; i++) {
        ROW(&s[i], &x[0], &x[1], c, n - 1);
        c += n;
    }
    for (unsigned k = 2; k < POSEIDON_HALF_FULL_ROUNDS; k++) {
        LAYER(x, s, width);
        for (unsigned i = 0; i < width; i++) {
            ROW(&s[i], &x[0], &x[1], c, n);
            c += width;
        }
    }

    LAYER(x, s, width);
    ROW(&s[0], &x[0], &x[1], c, n);
    c += width;
    VALUE *old = w->window;
    const VALUE *a = &s[0];
    for (unsigned j = 0; j < n; j++) {
        VALUE *const y = &x[width + j], *const next = &old[2 * j + 1];
        STEP(y, next, a, x, c, width + j);
        old[2 * j] = *y;
        a = next;
        c += width + j + 1;
    }
    for (unsigned k = n; k < partial; k++) {
        if (old == w->window + 2 * POSEIDON_STRIDE) {
            for (unsigned i = 0; i < 2 * n; i++) w->window[i] = old[i];
            old = w->window;
        }
        STEP(&old[2 * n], &old[2 * n + 1], &old[2 * n - 1], old, c, 2 * n);
        c += 2 * n + 1;
        old += 2;
    }

    s[0] = old[2 * n - 1];
    for (unsigned i = 1; i < width; i++) {
        ROW(&s[i], &old[0], &old[1], c, 2 * n - 1);
        c += 2 * n;
    }
    for (unsigned k = 1; k < POSEIDON_HALF_FULL_ROUNDS; k++) {
        LAYER(x, s, width);
        for (unsigned i = 0; i < width; i++) {
            ROW(&s[i], &x[0], &x[1], c, n);
            c += width;
        }
    }
    LAYER(x, s, width);
    ROW(r, (VALUE *)NULL, x, c, width);
}

#undef POSEIDON_STRIDE
#undef ROUNDS
#undef VALUE
#undef WORK
#undef CONSTANT
#undef LAYER
#undef ROW
#undef STEP
