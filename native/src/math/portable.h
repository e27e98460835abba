/* portable.h - the mathematics for the floors above engine: for operations that are too small for the engine's table.
 * Its functions are static and run on any processor. */
#ifndef RLN_MATH_PORTABLE_H
#define RLN_MATH_PORTABLE_H

#include "mont_portable.h"
#include "all.h"

#endif
