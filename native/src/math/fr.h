/* fr.h - the scalar field of BN254: integers mod r, the order of G1 and G2. See field.inc for the functions. */
#ifndef RLN_MATH_FR_H
#define RLN_MATH_FR_H

#include <stddef.h>

#include "../base/bytes.h"
#include "../base/check.h"
#include "../base/ct.h"
#include "types.h"
#include "fr_constants.h"

#define FIELD fr
#define F(name) FR_##name
#include "field.inc"

#endif
