/* What happens to the units of a group, in assembly: compilers spill the constants that every curve needs. The C of
 * es_fast_gates.h says what each line does.
 *
 * r3 table scale, r4 table - 1, r5 512, r6 65535, r7 2^22, r8 2^17, r9 16384; r10-r12 and lr are free. */
#ifndef ES_UNITS_DSP_H
#define ES_UNITS_DSP_H

#if ES_DSP

#define ES_LOAD_CONSTANTS "adr r12, 9f\n\tldmia.w r12, {r4-r9}\n\t"
#define ES_CONSTANTS ".p2align 2\n9:\t.word es_sigmoid_table - 2, 512, 65535, 4194304, 131072, 16384\n"

/* es_curve(lr) -> t; r12 is lost. scale: a register. */
#define ES_CURVE(t, scale)                                                                                             \
    "eor.w " t ", lr, lr, asr #31\n\tsub.w " t ", " t ", lr, asr #31\n\tmla " t ", " t ", " scale ", r5\n\t"           \
    "usat " t ", #17, " t "\n\tlsr.w r12, " t ", #9\n\tldr.w r12, [r4, r12, lsl #1]\n\tubfx " t ", " t ", #0, #9\n\t"  \
    "mla " t ", " t ", r6, r5\n\tsmuad " t ", r12, " t "\n\teor.w " t ", " t ", lr, asr #31\n\t"

#define ES_SIGMOID(t) ES_CURVE(t, "r3") "smmlar " t ", " t ", r7, r9\n\t"

/* The shift's carry rounds. */
#define ES_TANH(t, scale) ES_CURVE(t, scale) "asrs.w " t ", " t ", #9\n\tadc " t ", " t ", #0\n\t"

#endif

#endif
