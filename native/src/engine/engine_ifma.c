/* engine_ifma.c - eight lanes of AVX-512 for jobs on many values, the adx engine's mathematics for the rest. */
#if !defined(__BMI2__) || !defined(__ADX__) || !defined(__AVX512F__) || !defined(__AVX512DQ__) || \
    !defined(__AVX512VL__) || !defined(__AVX512BW__) || !defined(__AVX512IFMA__) || !defined(__AVX512VBMI2__)
#error "engine_ifma.c needs its flags of native/ffi_build.py"
#endif

#include "engine.h"

#include "../math/mont_adx.h"
#include "../math/all.h"
#include "../math/ifma/poseidon8.h"
#include "../math/ifma/comb8.h"
#include "../math/ifma/ntt8.h"
#include "../math/ifma/point_jobs8.h"
#include "../math/ifma/spread_pairing.h"
#include "../math/ifma/decompress8.h"
#include "../math/ifma/subgroup8.h"

const engine engine_ifma = {
    .name = "ifma",
    .supported = cpu_has_ifma,
    .poseidon_hash_many = poseidon8_hash_many,
    .ntt = ntt8,
    .ntt_scaled = ntt8_scaled,
    .g1_msm_var = g1_msm8_var,
    .g2_msm_var = g2_msm8_var,
    .g1_table_fill_var = g1_table_fill8_var,
    .g2_table_fill_var = g2_table_fill8_var,
    .g1_table_msm_var = g1_table_msm8_var,
    .g2_table_msm_var = g2_table_msm8_var,
    .g1_mul_each_var = g1_mul_each8_var,
    .g1_ntt_var = g1_ntt8_var,
    .g1_mul_many_var = g1_mul_many8_var,
    .g2_mul_many_var = g2_mul_many8_var,
    .g1_comb_fill_var = g1_comb_fill_var,
    .g1_comb_sum_var = g1_comb_sum8_var,
    .g1_decompress_many_var = g1_decompress_many8_var,
    .g2_decompress_many_var = g2_decompress_many8_var,
    .g1_check_many_var = g1_check_many_var,
    .g2_check_many_var = g2_check_many8_var,
    .pairing_product_var = pairing_product_lanes_var,
    .pairing_lines_size = pairing_lines_size,
    .pairing_prepare = pairing_prepare,
};
