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
#define ES_ROUNDS(round, view, label)                                                                                  \
    "ldmia.w " view ", {r1, r2, r12}\n\tadd pc, r2\n\tnop\n" label ":\n\t" round round round round                     \
    "subs.w r12, r12, #1\n\tbne.w " label "b\n\t"

/* The same without rounds of zeros: a table of where to begin, by how many the first four lack. r12 turns left in its
 * upper half, lr steps. A turn's end loads the next steps; after the last one, that goes back. */
#define ES_SPARSE_ROUNDS(round, view, label)                                                                           \
    "ldr.w r1, [" view "]\n\tldrd r12, lr, [r0], #8\n\tuxtb r2, r12\n\ttbb [pc, r2]\n" label "0:\n\t"                  \
    ".byte (" label "1f-" label "0b)/2, (" label "2f-" label "0b)/2, (" label "3f-" label "0b)/2, "                    \
    "(" label "4f-" label "0b)/2, (" label "5f-" label "0b)/2, 0\n" label "1:\n\t" round("") label                     \
        "2:\n\t" round(", ror #8") label "3:\n\t" round(", ror #16") label                                             \
        "4:\n\t" round(", ror #24") "ldr.w lr, [r0], #4\n\tsubs.w r12, r12, #65536\n\tbcs.w " label "1b\n" label       \
                                    "5:\n\tsub.w r0, r0, #4\n\t"

#define ES_ROUNDS_S8(view, label) ES_ROUNDS(ES_ROUND_S8, view, label)
#define ES_ROUNDS_S16(view, label) ES_ROUNDS(ES_ROUND_S16, view, label)
#define ES_ROUNDS_S8_W4(view, label) ES_ROUNDS(ES_ROUND_S8_W4, view, label)
#define ES_ROUNDS_S16_W4(view, label) ES_ROUNDS(ES_ROUND_S16_W4, view, label)
#define ES_ROUNDS_Z8(view, label) ES_SPARSE_ROUNDS(ES_ROUND_Z8, view, label)
#define ES_ROUNDS_Z16(view, label) ES_SPARSE_ROUNDS(ES_ROUND_Z16, view, label)

#define ES_NAKED_ROWS(name)                                                                                            \
    __attribute__((naked)) const int32_t *name(const int32_t *rows ES_UNUSED, const es_views *views ES_UNUSED,         \
                                               int32_t *pre ES_UNUSED)

#define ES_SCALE                                                                                                       \
    "ldmia.w r0!, {r4-r7}\n\t"                                                                                         \
    "smmulr r8, r8, r4\n\tsmmulr r9, r9, r5\n\tsmmulr r10, r10, r6\n\tsmmulr r11, r11, r7\n\t"

/* Sparse rounds use lr. */
#define ES_IF_SPARSE_S8(text)
#define ES_IF_SPARSE_S16(text)
#define ES_IF_SPARSE_S8_W4(text)
#define ES_IF_SPARSE_S16_W4(text)
#define ES_IF_SPARSE_Z8(text) text
#define ES_IF_SPARSE_Z16(text) text

#define ES_INPUT_PART(kind)                                                                                            \
    "push {r2, r4-r11, lr}\n\tadd.w lr, r1, #20\n\tldmia.w r0!, {r8-r11}\n\t" ES_IF_SPARSE_##kind("push {lr}\n\t")     \
        ES_ROUNDS_##kind("r1", "1") ES_UNPACK_##kind("-8")                                                             \
            ES_SCALE ES_IF_SPARSE_##kind("ldr.w lr, [sp], #4\n\t") "push {r8-r11}\n\t"

#define ES_STATE_PART(kind) ES_ROUNDS_##kind("lr", "2") ES_UNPACK_##kind("12")

/* Rows whose real bias lies in the input's: the state's is 1. */
#define ES_ONE_S8 "1, 257, 1, 257"
#define ES_ONE_S16 "1, 1, 1, 1"
#define ES_ONE_Z8 ES_ONE_S8
#define ES_ONE_Z16 ES_ONE_S16
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
