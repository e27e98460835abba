/* share.h - Shamir's line: y = secret + a1 x with a1 = Poseidon(secret, external nullifier, message id).
 *
 * Each message id in each epoch has one line. Two points with the same nullifier Poseidon(a1) are on the same
 * line, and two points with different x determine it.
 */
#ifndef RLN_RLN_SHARE_H
#define RLN_RLN_SHARE_H

#include "../base/check.h"
#include "../math/types.h"

typedef struct share { fr x, y; } share;

/** The share at x and the line's nullifier.
 *  needs  x not zero, because y(0) is the secret; all loose
 *  gives  y loose, nullifier canonical */
void share_make(fr *y, fr *nullifier, const fr *secret, const fr *x, const fr *external_nullifier,
                const fr *message_id);
/** secret = the line's value at 0. Returns 0; or -1, with secret = 0, if the x are equal or the line through both
 *  shares has another nullifier. A return of 0 does not mean that a member is registered with this secret.
 *  needs  all loose
 *  gives  secret canonical */
RLN_MUST_USE int share_recover(fr *secret, const fr *nullifier, const share *first, const share *second);

#endif
