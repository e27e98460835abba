/* ntt_domain.h - the domain of a transform, shared by the transforms and the engine's table. */
#ifndef RLN_MATH_NTT_DOMAIN_H
#define RLN_MATH_NTT_DOMAIN_H

#include "types.h"

/* A transform's domain: powers of a 2^log_n-th root of unity w, and of the coset's shift g (g^2 = w). */
typedef struct ntt_domain {
    unsigned log_n;
    const fr *roots;          /* w^i, i < n / 2 */
    const fr *inverse_roots;  /* w^-i, i < n / 2 */
    const fr *shifts;         /* g^i / n, i < n */
    fr inverse_n;             /* 1 / n */
} ntt_domain;

#endif
