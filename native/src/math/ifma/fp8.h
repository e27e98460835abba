/* fp8.h - eight elements of Fp: see field8.inc. */
#ifndef RLN_MATH_IFMA_FP8_H
#define RLN_MATH_IFMA_FP8_H

#include "../fp.h"
#include "fp8_constants.h"
#include "lanes.h"

#define FIELD8 fp8
#define FIELD fp
#define F(name) FP8_##name
#include "field8.inc"

#endif
