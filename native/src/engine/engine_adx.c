/* engine_adx.c - the portable engine's mathematics with MULX, ADCX and ADOX. */
#if !defined(__BMI2__) || !defined(__ADX__)
#error "engine_adx.c needs its flags of native/ffi_build.py"
#endif

#include "engine.h"

#include "../math/mont_adx.h"
#include "../math/all.h"

const engine engine_adx = {
    .name = "adx",
    .supported = cpu_has_adx,
    .poseidon_hash_many = poseidon_hash_many,
    .ntt = ntt,
    .ntt_scaled = ntt_scaled,
    .g1_msm_var = g1_msm_var,
    .g2_msm_var = g2_msm_var,
    .g1_table_fill_var = g1_table_fill_var,
    .g2_table_fill_var = g2_table_fill_var,
    .g1_table_msm_var = g1_table_msm_var,
    .g2_table_msm_var = g2_table_msm_var,
    .g1_mul_each_var = g1_mul_each_var,
    .g1_ntt_var = g1_ntt_var,
    .g1_mul_many_var = g1_mul_many_var,
    .g2_mul_many_var = g2_mul_many_var,
    .g1_comb_fill_var = g1_comb_fill_var,
    .g1_comb_sum_var = g1_comb_sum_var,
    .g1_decompress_many_var = g1_decompress_many_var,
    .g2_decompress_many_var = g2_decompress_many_var,
    .g1_check_many_var = g1_check_many_var,
    .g2_check_many_var = g2_check_many_var,
    .pairing_product_var = pairing_product_var,
    .pairing_lines_size = pairing_lines_size,
    .pairing_prepare = pairing_prepare,
};
