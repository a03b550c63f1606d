#include "es_isa.h"
#include "es_units_dsp.h"

#if ES_DSP

/* AAPCS: r0 pre, r1 h, r2 end of h, r3 table scale. 54 instructions a unit. r2 becomes 1, [sp] holds the end. */
__attribute__((naked)) void es_gru_units_dsp(const int32_t *pre ES_UNUSED, int16_t *h ES_UNUSED,
                                             const int16_t *end ES_UNUSED, int32_t scale ES_UNUSED)
{
    __asm__ volatile("push {r2, r4-r11, lr}\n\t" ES_LOAD_CONSTANTS "movs r2, #1\n"
                     "1:\tldr.w lr, [r0], #4\n\t" ES_SIGMOID("r10") /* z */
                     "ldr.w lr, [r0, #12]\n\t" ES_SIGMOID("r11")    /* r */
                     /* 2 * (input part + r * state part), since tanh has twice the table's scale. */
                     "ldr.w lr, [r0, #44]\n\torr.w r12, r2, lr, asr #31\n\tsmlabb r11, r11, lr, r12\n\t"
                     "ldr.w lr, [r0, #28]\n\tsmmlar lr, r11, r8, lr\n\tlsl.w lr, lr, #1\n\t" ES_TANH("r11", "r3")
                     /* candidate - z * candidate */
                     "orr.w r12, r2, r11, asr #31\n\tsmlabb r12, r10, r11, r12\n\tsmmulr r12, r12, r8\n\t"
                     "sub.w r11, r11, r12\n\t"
                     /* + z * h */
                     "ldrsh.w lr, [r1]\n\torr.w r12, r2, lr, asr #31\n\tsmlabb r12, r10, lr, r12\n\t"
                     "smmlar r11, r12, r8, r11\n\tstrh.w r11, [r1], #2\n\t"
                     "ldr.w r12, [sp]\n\tcmp r1, r12\n\tbne.w 1b\n\tpop {r2, r4-r11, pc}\n\t" ES_CONSTANTS);
}

#else
/* The C of es_fast.h serves any other machine. */
typedef int es_units_gru_unused;
#endif
