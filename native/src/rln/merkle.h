/* merkle.h - one step up a binary tree whose nodes are Poseidon(left, right): scalars of 32 bytes. */
#ifndef RLN_RLN_MERKLE_H
#define RLN_RLN_MERKLE_H

#include <stdint.h>

/** r = the parent of node and sibling; right is 1 when node is the right child, else 0.
 *  needs  node, sibling canonical
 *  gives  r canonical
 *  alias  r may be node or sibling
 *  time   constant: the time does not show the index of the leaf */
void merkle_climb(uint8_t r[32], const uint8_t node[32], const uint8_t sibling[32], uint8_t right);

#endif
