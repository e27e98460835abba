/* cpu.h - the engines of this build, and whether this processor can run them. No other header names processors.
 *
 * CPU_ENGINES(E) is E(name) for every engine of this build, best first; native/ffi_build.py compiles the
 * matching engine_<name>.c, each with the flags it needs. A build for more than one architecture at once
 * defines RLN_PORTABLE_ONLY, because no compiler flag is right for all of them.
 */
#ifndef RLN_ENGINE_CPU_H
#define RLN_ENGINE_CPU_H

#if defined(__x86_64__) && !defined(RLN_PORTABLE_ONLY)

#define CPU_ENGINES(E) E(ifma) E(adx) E(portable)

/** 1 when the processor has MULX, ADCX and ADOX. */
int cpu_has_adx(void);
/** 1 when it also has AVX-512 with 52-bit multiply-add, and the operating system saves its registers. */
int cpu_has_ifma(void);

#else

#define CPU_ENGINES(E) E(portable)

#endif

#endif
