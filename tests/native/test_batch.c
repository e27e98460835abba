/* math: many affine additions on eight lanes, in all special cases. */
#include <string.h>

#include "math/portable.h"
#include "math/ifma/msm8.h"
#include "expect.h"
#include "sample.h"

#define GROUP g1
#define COORD fp
#define G(name) G1_##name
#include "batches.inc"
#undef GROUP
#undef COORD
#undef G
#define GROUP g2
#define COORD fp2
#define G(name) G2_##name
#include "batches.inc"
#undef GROUP
#undef COORD
#undef G

int main(void) {
    g1_test_batches();
    g2_test_batches();
    return expect_status();
}
