/* The curves and products of es_isa.h, called as C functions: arguments in r25:r24, r23:r22, r20; result in r25:r24. */
#include "es_isa.h"

#if ES_AVR

/* r25:r24 -> its magnitude, and its sign in T. r18 becomes zero. */
#define ES_MAGNITUDE "clr r18\n\tbst r25, 7\n\tbrtc 1f\n\tcom r25\n\tneg r24\n\tsbci r25, 255\n1:\n\t"

/* r25:r24 times the scale in r22 -> entry in r26, fraction in r21; both end at the last but one entry. */
#define ES_ENTRY                                                                                                       \
    "mul r25, r22\n\tmovw r26, r0\n\tmul r24, r22\n\tadd r26, r1\n\tadc r27, r18\n\tmov r21, r0\n\t"                   \
    "cpi r26, 255\n\tcpc r27, r18\n\tbrlo 2f\n\tldi r26, 254\n\tldi r21, 255\n2:\n\t"

/* 256 * left + fraction * (right - left) -> r23, r22, r0. */
#define ES_INTERPOLATE                                                                                                 \
    "ldi r30, lo8(es_sigmoid_table)\n\tldi r31, hi8(es_sigmoid_table)\n\t"                                             \
    "add r30, r26\n\tadc r31, r18\n\tadd r30, r26\n\tadc r31, r18\n\t"                                                 \
    "lpm r22, Z+\n\tlpm r23, Z+\n\tlpm r24, Z+\n\tlpm r25, Z\n\tsub r24, r22\n\tsbc r25, r23\n\t"                      \
    "mul r21, r25\n\tadd r22, r0\n\tadc r23, r1\n\tmul r21, r24\n\tadd r22, r1\n\tadc r23, r18\n\t"

/* Rounded to steps of 2^-15, with the sign in T. */
#define ES_RETURN_TANH                                                                                                 \
    "lsl r0\n\tadc r22, r18\n\tadc r23, r18\n\tmovw r24, r22\n\tclr r1\n\tbrtc 3f\n\t"                                 \
    "com r25\n\tneg r24\n\tsbci r25, 255\n3:\n\tret\n"

__attribute__((naked)) int16_t es_tanh_avr(int16_t v, uint8_t scale)
{
    __asm__ volatile(ES_MAGNITUDE ES_ENTRY ES_INTERPOLATE ES_RETURN_TANH);
}

/* 16384 +- half of it, rounded. */
__attribute__((naked)) int16_t es_sigmoid_avr(int16_t v, uint8_t scale)
{
    __asm__ volatile(ES_MAGNITUDE ES_ENTRY ES_INTERPOLATE
                     "subi r22, 255\n\tsbci r23, 255\n\tlsr r23\n\tror r22\n\tclr r1\n\tldi r24, 0\n\tldi r25, 64\n\t"
                     "brts 3f\n\tadd r24, r22\n\tadc r25, r23\n\tret\n3:\n\tsub r24, r22\n\tsbc r25, r23\n\tret\n");
}

/* Rounding towards negative infinity takes 1 from the magnitude's half if the cell is negative. */
__attribute__((naked)) int16_t es_cell_tanh_avr(int16_t cell, uint8_t half, uint8_t shift)
{
    __asm__ volatile(
        ES_MAGNITUDE
        "brtc 1f\n\tdec r22\n1:\n\tmovw r26, r24\n\tclr r19\n\tlsl r24\n\trol r25\n\trol r19\n\t"
        "add r24, r26\n\tadc r25, r27\n\tadc r19, r18\n\tadd r24, r22\n\tadc r25, r18\n\tadc r19, r18\n"
        "2:\n\tlsr r19\n\tror r25\n\tror r24\n\tdec r20\n\tbrne 2b\n\tmov r26, r25\n\tmov r21, r24\n\t" ES_INTERPOLATE
            ES_RETURN_TANH);
}

/* r21:r20 times r23:r22 plus 2^14 + 1, or 2^14 - 1 if that is negative -> r27, r26, r25. */
#define ES_PRODUCT                                                                                                     \
    "clr r18\n\tmovw r20, r24\n\tldi r24, 1\n\tldi r25, 64\n\tsbrs r23, 7\n\trjmp 1f\n\tsubi r24, 2\n\t"               \
    "sbci r25, 0\n1:\n\tmuls r21, r23\n\tmovw r26, r0\n\t"                                                             \
    "mul r20, r22\n\tadd r24, r0\n\tadc r25, r1\n\tadc r26, r18\n\tadc r27, r18\n\t"                                   \
    "mulsu r23, r20\n\tsbc r27, r18\n\tadd r25, r0\n\tadc r26, r1\n\tadc r27, r18\n\t"                                 \
    "mul r21, r22\n\tadd r25, r0\n\tadc r26, r1\n\tadc r27, r18\n\t"

#define ES_RETURN_PRODUCT "lsl r25\n\trol r26\n\trol r27\n\tmovw r24, r26\n\tclr r1\n\tret\n"

__attribute__((naked)) int16_t es_product_avr(int16_t a, int16_t b)
{
    __asm__ volatile(ES_PRODUCT ES_RETURN_PRODUCT);
}

/* The half moves up: floors nest, so shifting first and adding it then is the same. */
__attribute__((naked)) int16_t es_product_shifted_avr(int16_t a, int16_t b, uint8_t extra_shift)
{
    __asm__ volatile("mov r19, r20\n\t" ES_PRODUCT "subi r25, 64\n\tsbci r26, 0\n\tsbci r27, 0\n"
                     "2:\n\tasr r27\n\tror r26\n\tror r25\n\tdec r19\n\tbrne 2b\n\t"
                     "subi r25, 192\n\tsbci r26, 255\n\tsbci r27, 255\n\t" ES_RETURN_PRODUCT);
}

#endif
