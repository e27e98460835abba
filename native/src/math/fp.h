/* fp.h - the base field of BN254: the coordinates of G1. See field.inc for the functions. */
#ifndef RLN_MATH_FP_H
#define RLN_MATH_FP_H

#include <stddef.h>

#include "../base/bytes.h"
#include "../base/check.h"
#include "../base/ct.h"
#include "types.h"
#include "fp_constants.h"

#define FIELD fp
#define F(name) FP_##name
#include "field.inc"

#endif
