#include "share.h"

#include "../math/mont_portable.h"
#include "../math/fr.h"
#include "hash.h"

void share_make(fr *y, fr *nullifier, const fr *secret, const fr *x, const fr *external_nullifier,
                const fr *message_id) {
    fr in[3] = {*secret, *external_nullifier, *message_id}, a1, t;
    hash_elements(&a1, in, 3);
    hash_elements(nullifier, &a1, 1);
    fr_mul(&t, &a1, x);
    fr_add(y, secret, &t);
    ct_wipe(in, sizeof in);
    ct_wipe(&a1, sizeof a1);
    ct_wipe(&t, sizeof t);
}

/* a1 = (y2 - y1) / (x2 - x1) and secret = (y1 x2 - y2 x1) / (x2 - x1); equal x make the divisor's inverse 0. */
int share_recover(fr *secret, const fr *nullifier, const share *first, const share *second) {
    fr divisor, a1, s, t;
    fr_sub(&divisor, &second->x, &first->x);
    const uint64_t same_x = fr_is_zero(&divisor);
    fr_inv(&divisor, &divisor);
    fr_sub(&a1, &second->y, &first->y);
    fr_mul(&a1, &a1, &divisor);
    fr_mul(&s, &first->y, &second->x);
    fr_mul(&t, &second->y, &first->x);
    fr_sub(&s, &s, &t);
    fr_mul(&s, &s, &divisor);
    hash_elements(&t, &a1, 1);
    const uint64_t good = ~same_x & fr_equal(&t, nullifier);
    fr_canonical(&s, &s);
    const fr zero = fr_zero();
    fr_select(secret, good, &s, &zero);
    ct_wipe(&a1, sizeof a1);
    ct_wipe(&s, sizeof s);
    ct_wipe(&t, sizeof t);
    return (int)(good & 1) - 1;
}
