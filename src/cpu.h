/* cpu.h - floor 0: what this processor can do and how many of its cores to use. */
#ifndef CPU_H
#define CPU_H
#include <stdint.h>
/* AVX512_VNNI: with the VL and BW parts, for 256-bit registers.  AMD: its maker, which decides how memory is
 * read best.  NEON: of ARMv8 and 64 bits.  AMX: tiles, for integers and bfloat16. */
enum {
    CPU_AVX2 = 1 << 0, CPU_FMA = 1 << 1, CPU_F16C = 1 << 2, CPU_AVX_VNNI = 1 << 3, CPU_AVX512_VNNI = 1 << 4, CPU_AMD = 1 << 5,
    CPU_NEON = 1 << 6, CPU_DOTPROD = 1 << 7, CPU_I8MM = 1 << 8, CPU_AVX512_BF16 = 1 << 9, CPU_AMX = 1 << 10
};
/* Features that the processor has and the operating system saves.  The first call asks the system for AMX, which a
 * sandbox would refuse: sandbox_enter() makes it. */
uint32_t cpu_features(void);
/* One thread per physical performance core inside this process's affinity mask, no more than the
 * cgroup's CPU quota; at least 1. */
int cpu_default_threads(void);
/* How often the system has set a thread of this process aside for another; 0 where it does not count. */
int64_t cpu_switches(void);
/* A short wait inside a spin loop. */
static inline void cpu_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || (defined(__arm__) && __ARM_ARCH >= 7)
    __asm__ __volatile__("yield");
#endif
}
#endif
