/* fr8.h - eight elements of Fr: see field8.inc. */
#ifndef RLN_MATH_IFMA_FR8_H
#define RLN_MATH_IFMA_FR8_H

#include "../fr.h"
#include "fr8_constants.h"
#include "lanes.h"

#define FIELD8 fr8
#define FIELD fr
#define F(name) FR8_##name
#include "field8.inc"

#endif
