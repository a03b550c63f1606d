/* The row loops of es_isa.h in assembly: LDM loads four words at once, which no compiler at hand makes of C, and all
 * fourteen registers are in use. AAPCS: r0 rows, r1 views, r2 pre; returns rows in r0.
 *
 * r0 rows, r1 view, r2-r3 x, r4-r7 weights, r8-r11 accumulators, r12 rounds left, lr views->state. */
#ifndef ES_ROWS_DSP_H
#define ES_ROWS_DSP_H

#include "es_isa.h"

#if ES_DSP

#include "es_rounds_dsp.h"

/* Jump into the first round of four so that the last one ends it. The NOP is where pc points. */
#define ES_ROUNDS(round, label)                                                                                        \
    "add pc, r2\n\tnop\n" label ":\n\t" round round round round "subs.w r12, r12, #1\n\tbne.w " label "b\n\t"

#define ES_NAKED_ROWS(name)                                                                                            \
    __attribute__((naked)) const int32_t *name(const int32_t *rows ES_UNUSED, const es_views *views ES_UNUSED,         \
                                               int32_t *pre ES_UNUSED)

#define ES_SCALE                                                                                                       \
    "ldmia.w r0!, {r4-r7}\n\t"                                                                                         \
    "smmulr r8, r8, r4\n\tsmmulr r9, r9, r5\n\tsmmulr r10, r10, r6\n\tsmmulr r11, r11, r7\n\t"

#define ES_INPUT_PART(kind)                                                                                            \
    "push {r2, r4-r11, lr}\n\tadd.w lr, r1, #20\n\tldmia.w r0!, {r8-r11}\n\t"                                          \
    "ldmia.w r1, {r1, r2, r12}\n\t" ES_ROUNDS(ES_ROUND_##kind, "1") ES_UNPACK_##kind("-8") ES_SCALE                    \
        "push {r8-r11}\n\t"

#define ES_STATE_PART(kind) "ldmia.w lr, {r1, r2, r12}\n\t" ES_ROUNDS(ES_ROUND_##kind, "2") ES_UNPACK_##kind("12")

/* Rows whose real bias lies in the input's: the state's is 1. */
#define ES_ONE_S8 "1, 257, 1, 257"
#define ES_ONE_S16 "1, 1, 1, 1"
#define ES_ONE_S8_W4 "0x1111, 0x1110, 0x1100, 0x1000"
#define ES_ONE_S16_W4 "1, 17, 1, 17"

#define ES_ROWS_SUM(name, input, state)                                                                                \
    ES_NAKED_ROWS(name)                                                                                                \
    {                                                                                                                  \
        __asm__ volatile(ES_INPUT_PART(input) "adr r2, 3f\n\tldmia.w r2, {r8-r11}\n\t" ES_STATE_PART(                  \
            state) "ldmia.w r0!, {r4-r7}\n\tpop {r1-r3, r12}\n\t"                                                      \
                   "smmlar r8, r8, r4, r1\n\tsmmlar r9, r9, r5, r2\n\t"                                                \
                   "smmlar r10, r10, r6, r3\n\tsmmlar r11, r11, r7, r12\n\t"                                           \
                   "ldr.w r1, [sp]\n\tstmia.w r1, {r8-r11}\n\tpop {r2, r4-r11, pc}\n\t"                                \
                   ".p2align 2\n3:\t.word " ES_ONE_##state "\n");                                                      \
    }

#define ES_ROWS_PARTS(name, input, state)                                                                              \
    ES_NAKED_ROWS(name)                                                                                                \
    {                                                                                                                  \
        __asm__ volatile(ES_INPUT_PART(input) "ldmia.w r0!, {r8-r11}\n\t" ES_STATE_PART(state) ES_SCALE                \
                         "pop {r4-r7}\n\tldr.w r1, [sp]\n\t"                                                           \
                         "stmia.w r1!, {r4-r7}\n\tstmia.w r1, {r8-r11}\n\tpop {r2, r4-r11, pc}\n");                    \
    }

#else
#include "es_rows_dsp_c.h"
#endif

#endif
