/* merkle.h - one step up a binary tree whose nodes are Poseidon(left, right). */
#ifndef RLN_RLN_MERKLE_H
#define RLN_RLN_MERKLE_H

#include <stdint.h>

#include "../math/types.h"

/** node becomes its parent; right is 1 when it is the right child, else 0.
 *  needs  node, sibling loose
 *  gives  node canonical
 *  time   constant: who watches does not learn the leaf's place */
void merkle_climb(fr *node, const fr *sibling, uint8_t right);

#endif
