/* portable.h - the mathematics for floors 6 to 8, where a few operations are too small for the engine's
 * table: static, on any processor. */
#ifndef RLN_MATH_PORTABLE_H
#define RLN_MATH_PORTABLE_H

#include "mont_portable.h"
#include "all.h"

#endif
