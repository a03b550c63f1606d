#include "es_isa.h"
#include "es_units_dsp.h"

#if ES_DSP

/* |b|'s sign as 1 or -1 -> r12. */
#define ES_SIGN(b) "asr.w r12, " b ", #31\n\torr.w r12, r12, #1\n\t"

/* AAPCS: r0 pre, r1 h, r2 c, r3 scales -> table scale. [sp] points to the scales. 88 or 89 instructions a unit.
 * CELL_ARGUMENT: 4 * cell -> lr, as es_cell_tanh wants it rounded: see es_lstm_units. */
#define ES_LSTM_UNITS(name, CELL_ARGUMENT)                                                                             \
    __attribute__((naked)) void name(const int32_t *pre ES_UNUSED, int16_t *h ES_UNUSED, int16_t *c ES_UNUSED,         \
                                     const es_lstm_scales *scales ES_UNUSED)                                           \
    {                                                                                                                  \
        __asm__ volatile(                                                                                              \
            "push {r3, r4-r11, lr}\n\t" ES_LOAD_CONSTANTS "ldr.w r3, [r3]\n"                                           \
            "1:\tldr.w lr, [r0], #4\n\t" ES_SIGMOID("r10")                     /* i */                                 \
            "ldr.w lr, [r0, #28]\n\tlsl.w lr, lr, #1\n\t" ES_TANH("r11", "r3") /* i * g, in steps of the cell */       \
            ES_SIGN("r11") "smlabb r11, r10, r11, r12\n\tldr.w r12, [sp]\n\tldr.w r12, [r12, #4]\n\t"                  \
                           "smmulr r11, r11, r12\n\t" /* + f * c */                                                    \
                           "ldr.w lr, [r0, #12]\n\t" ES_SIGMOID("r10") "ldrsh.w lr, [r2]\n\t" ES_SIGN(                 \
                               "lr") "smlabb r12, r10, lr, r12\n\tsmmlar r11, r12, r8, r11\n\tssat r11, #16, r11\n\t"  \
                                     "strh.w r11, [r2], #2\n\t" /* tanh(cell) */                                       \
            CELL_ARGUMENT "ldr.w r12, [sp]\n\tldrd r10, r12, [r12, #8]\n\tsmmulr lr, lr, r10\n\t" ES_TANH(             \
                "r11", "r12") /* o * tanh(cell) */                                                                     \
            "ldr.w lr, [r0, #44]\n\t" ES_SIGMOID("r10")                                                                \
                ES_SIGN("r11") "smlabb r12, r10, r11, r12\n\tsmmulr r12, r12, r8\n\tstrh.w r12, [r1], #2\n\t"          \
                               "ldr.w r12, [sp]\n\tldr.w r12, [r12, #16]\n\tcmp r1, r12\n\tbne.w 1b\n\t"               \
                               "pop {r3, r4-r11, pc}\n\t" ES_CONSTANTS);                                               \
    }

ES_LSTM_UNITS(es_lstm_units_dsp, "lsl.w lr, r11, #2\n\t")
/* A large cell is a product: ties of negative ones round down. */
ES_LSTM_UNITS(es_lstm_units_large_dsp, "asr.w lr, r11, #31\n\tadd.w lr, lr, r11, lsl #2\n\t")

#else
/* The C of es_fast.h serves any other machine. */
typedef int es_units_lstm_unused;
#endif
