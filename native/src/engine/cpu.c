#include "cpu.h"

#if defined(__x86_64__) && !defined(RLN_PORTABLE_ONLY)

#include <cpuid.h>
#include <stdint.h>

/* Feature bits are named after the manuals (Intel SDM volume 2, CPUID). */
#define LEAF1_ECX_FMA (1u << 12)
#define LEAF1_ECX_POPCNT (1u << 23)
#define LEAF1_ECX_OSXSAVE (1u << 27)
#define LEAF1_ECX_F16C (1u << 29)
#define LEAF7_EBX_AVX2 (1u << 5)
#define LEAF7_EBX_BMI2 (1u << 8)
#define LEAF7_EBX_AVX512F (1u << 16)
#define LEAF7_EBX_AVX512DQ (1u << 17)
#define LEAF7_EBX_ADX (1u << 19)
#define LEAF7_EBX_AVX512IFMA (1u << 21)
#define LEAF7_EBX_AVX512BW (1u << 30)
#define LEAF7_EBX_AVX512VL (1u << 31)
#define LEAF7_ECX_AVX512VBMI2 (1u << 6)
/* XCR0: the registers that the operating system saves: SSE, AVX, masks, both halves of the 512-bit ones. */
#define XCR0_AVX512 0xE6u

static int has(uint32_t value, uint32_t bits) {
    return (value & bits) == bits;
}

/* The low half of XCR0. The instruction exists if OSXSAVE is set. */
static uint32_t saved_state(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

int cpu_has_adx(void) {
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && has(b, LEAF7_EBX_BMI2 | LEAF7_EBX_ADX);
}

int cpu_has_ifma(void) {
    unsigned a, b, c, d;
    /* with AVX-512 on, compilers also use older extensions: FMA, F16C, POPCNT, AVX2 */
    if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
    if (!has(c, LEAF1_ECX_OSXSAVE | LEAF1_ECX_FMA | LEAF1_ECX_F16C | LEAF1_ECX_POPCNT)) return 0;
    if (!has(saved_state(), XCR0_AVX512)) return 0;
    if (!cpu_has_adx() || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    return has(b, LEAF7_EBX_AVX2 | LEAF7_EBX_AVX512F | LEAF7_EBX_AVX512DQ | LEAF7_EBX_AVX512IFMA | LEAF7_EBX_AVX512BW |
                      LEAF7_EBX_AVX512VL) &&
           has(c, LEAF7_ECX_AVX512VBMI2);
}

#endif
