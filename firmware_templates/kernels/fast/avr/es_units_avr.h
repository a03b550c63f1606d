/* The curves and products of es_isa.h in assembly, and what they are made of. r18 is zero throughout, T a sign. */
#ifndef ES_UNITS_AVR_H
#define ES_UNITS_AVR_H

#if ES_AVR

#define ES_TABLE "s"(es_sigmoid_table)

/* r25:r24 -> its magnitude, and its sign in T. */
#define ES_MAGNITUDE "bst r25, 7\n\tbrtc 1f\n\tcom r25\n\tneg r24\n\tsbci r25, 255\n1:\n\t"

/* r25:r24 times the scale -> entry in r25, fraction in r24; both end with the last but one entry. */
#define ES_ENTRY(scale)                                                                                                \
    "mul r25, " scale "\n\tmovw r26, r0\n\tmul r24, " scale "\n\tadd r26, r1\n\tadc r27, r18\n\tmov r24, r0\n\t"       \
    "cpi r26, 255\n\tcpc r27, r18\n\tmov r25, r26\n\tbrlo 2f\n\tldi r25, 254\n\tldi r24, 255\n2:\n\t"

/* The same for the usual scales: 2 of a sigmoid, 4 of tanh. */
#define ES_DOUBLE "lsl r24\n\trol r25\n\tbrcs 1f\n\t"
#define ES_CLAMP "cpi r25, 255\n\tbrlo 2f\n1:\n\tldi r25, 254\n\tldi r24, 255\n2:\n\t"

/* 256 * left + fraction * (right - left) -> r23, r22, r0. The table is the statement's operand: what no C
 * code names, link-time optimisation would drop. */
#define ES_INTERPOLATE                                                                                                 \
    "ldi r30, lo8(%0)\n\tldi r31, hi8(%0)\n\t"                                                                         \
    "add r30, r25\n\tadc r31, r18\n\tadd r30, r25\n\tadc r31, r18\n\t"                                                 \
    "lpm r22, Z+\n\tlpm r23, Z+\n\tlpm r26, Z+\n\tlpm r27, Z\n\tsub r26, r22\n\tsbc r27, r23\n\t"                      \
    "mul r24, r27\n\tadd r22, r0\n\tadc r23, r1\n\tmul r24, r26\n\tadd r22, r1\n\tadc r23, r18\n\t"

/* That, rounded to steps of 2^-15, with its sign -> r25:r24. */
#define ES_ROUND_TANH                                                                                                  \
    "lsl r0\n\tadc r22, r18\n\tadc r23, r18\n\tmovw r24, r22\n\tbrtc 3f\n\tcom r25\n\tneg r24\n\tsbci r25, "           \
    "255\n3:\n\t"

/* 16384 +- half of it -> r25:r24. */
#define ES_ROUND_SIGMOID                                                                                               \
    "subi r22, 255\n\tsbci r23, 255\n\tlsr r23\n\tror r22\n\tbrtc 3f\n\tcom r23\n\tneg r22\n\tsbci r23, 255\n"         \
    "3:\n\tmovw r24, r22\n\tsubi r25, 192\n\t"

/* Twins of es_fast_tanh and es_fast_sigmoid: r25:r24 -> r25:r24. */
#define ES_TANH(scale)                                                                                                 \
    ES_MAGNITUDE ES_ENTRY(scale)                                                                                       \
    ES_INTERPOLATE ES_ROUND_TANH
#define ES_SIGMOID(scale)                                                                                              \
    ES_MAGNITUDE ES_ENTRY(scale)                                                                                       \
    ES_INTERPOLATE ES_ROUND_SIGMOID
#define ES_TANH_4 ES_MAGNITUDE ES_DOUBLE ES_DOUBLE ES_CLAMP ES_INTERPOLATE ES_ROUND_TANH
#define ES_SIGMOID_2 ES_MAGNITUDE ES_DOUBLE ES_CLAMP ES_INTERPOLATE ES_ROUND_SIGMOID

/* r21:r20 > 0 times r23:r22, plus 2^14 + 1, or 2^14 - 1 if that is negative -> r27, r26, r25. */
#define ES_MULTIPLY                                                                                                    \
    "ldi r24, 1\n\tldi r25, 64\n\tsbrs r23, 7\n\trjmp 1f\n\tldi r24, 255\n\tldi r25, 63\n"                             \
    "1:\n\tmuls r21, r23\n\tmovw r26, r0\n\t"                                                                          \
    "mul r20, r22\n\tadd r24, r0\n\tadc r25, r1\n\tadc r26, r18\n\tadc r27, r18\n\t"                                   \
    "mulsu r23, r20\n\tsbc r27, r18\n\tadd r25, r0\n\tadc r26, r1\n\tadc r27, r18\n\t"                                 \
    "mul r21, r22\n\tadd r25, r0\n\tadc r26, r1\n\tadc r27, r18\n\t"

/* Twin of es_product -> r27:r26. */
#define ES_PRODUCT ES_MULTIPLY "lsl r25\n\trol r26\n\trol r27\n\t"

/* The same with an extra shift in r19. The half moves up: floors nest, so shifting first and adding it
 * then is the same. */
#define ES_PRODUCT_SHIFTED                                                                                             \
    ES_MULTIPLY                                                                                                        \
    "subi r25, 64\n\tsbci r26, 0\n\tsbci r27, 0\n\trjmp 2f\n"                                                          \
    "1:\n\tasr r27\n\tror r26\n\tror r25\n2:\n\tdec r19\n\tbrpl 1b\n\t"                                                \
    "subi r25, 192\n\tsbci r26, 255\n\tsbci r27, 255\n\tlsl r25\n\trol r26\n\trol r27\n\t"

/* Both parts of a gate, at these displacements, added and saturated -> r25:r24. */
#define ES_SUM(input, input_high, state, state_high)                                                                   \
    "ldd r24, Y+" input "\n\tldd r25, Y+" input_high "\n\tldd r22, Y+" state "\n\tldd r23, Y+" state_high "\n\t"       \
    "add r24, r22\n\tadc r25, r23\n\t" ES_SATURATE("r24", "r25", "r23")

/* The flags of an addition to `low` and `high`: if it overflowed, the limit on the side of the addend. */
#define ES_SATURATE(low, high, addend)                                                                                 \
    "brvc 1f\n\tldi " low ", 255\n\tldi " high ", 127\n\tsbrs " addend ", 7\n\trjmp 1f\n\tcom " low "\n\tcom " high    \
    "\n1:\n\t"

#endif

#endif
