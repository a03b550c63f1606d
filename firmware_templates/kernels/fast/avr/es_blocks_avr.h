/* The row loop of es_isa.h: blocks of four rows. The including file names the function ES_BLOCKS and says whether it
 * must SATURATE, and gives the requantisation's SHIFT if it is the one that most layers have, else 0.
 *
 * In: Z stream, X part, r25:r24 result, r22 blocks. Out: Z the next block. Keeps Y
 * alone, so that callers save registers once a layer.
 *
 * r2-r9 and r16-r19 accumulators of 24 bits, r10 zero, r11 x, r13:r12 view, r14 rounds of eight columns, r15 columns
 * after them, r21:r20 those left, r24 scale, r25 blocks left, X view, Y result. */
#if ES_AVR

#define ES_START(low, middle, high) "lpm " low ", Z+\n\tlpm " middle ", Z+\n\tlpm " high ", Z+\n\t"

/* 8 cycles. */
#define ES_MAC(low, middle, high)                                                                                      \
    "lpm r0, Z+\n\tmul r0, r11\n\tadd " low ", r0\n\tadc " middle ", r1\n\tadc " high ", r10\n\t"

/* Subtract 128 * sum, then double and add 1. */
#define ES_BIAS(low, middle, high)                                                                                     \
    "sec\n\trol " low "\n\trol " middle "\n\trol " high "\n\tsub " middle ", r22\n\tsbc " high ", r23\n\t"

#define ES_ROWS(each) each("r2", "r3", "r16") each("r4", "r5", "r17") each("r6", "r7", "r18") each("r8", "r9", "r19")

#define ES_COLUMN "ld r11, X+\n\t" ES_ROWS(ES_MAC)
#define ES_FOUR_COLUMNS ES_COLUMN ES_COLUMN ES_COLUMN ES_COLUMN

/* Accumulator times multiplier -> bytes 1 to 4 of the product in r26, r27, r22, r23. */
#define ES_MULTIPLY(low, middle, high)                                                                                 \
    "lpm r20, Z+\n\tlpm r21, Z+\n\t"                                                                                   \
    "mulsu " high ", r21\n\tmovw r22, r0\n\t"                                                                          \
    "mul " low ", r20\n\tmov r26, r1\n\t"                                                                              \
    "mul " low ", r21\n\tadd r0, r26\n\tadc r1, r10\n\tmovw r26, r0\n\t"                                               \
    "mul " middle ", r20\n\tadd r26, r0\n\tadc r27, r1\n\tadc r22, r10\n\tadc r23, r10\n\t"                            \
    "mul " middle ", r21\n\tadd r27, r0\n\tadc r22, r1\n\tadc r23, r10\n\t"                                            \
    "mulsu " high ", r20\n\tsbc r23, r10\n\tadd r27, r0\n\tadc r22, r1\n\tadc r23, r10\n\t"

/* Bytes 2 and up, shifted right by two bits, rounded by the last bit out. */
#if SHIFT == 18
#define ES_SHIFT_BIT "asr r23\n\tror r22\n\tror r27\n\t"
#define ES_RESULT ES_SHIFT_BIT ES_SHIFT_BIT "adc r27, r10\n\tadc r22, r10\n\tst Y+, r27\n\tst Y+, r22\n\t"
#else
/* Times the scale in r24, bytes 3 and 4, rounded -> r21:r20. */
#if SATURATE
#define ES_SCALE                                                                                                       \
    "mul r23, r24\n\tmov r21, r0\n\tmov r11, r1\n\tsbrc r23, 7\n\tsub r11, r24\n\t"                                    \
    "mul r22, r24\n\tmov r20, r0\n\tadd r21, r1\n\tadc r11, r10\n\t"                                                   \
    "mul r27, r24\n\tlsl r0\n\tadc r20, r1\n\tadc r21, r10\n\tadc r11, r10\n\t"                                        \
    "mov r0, r21\n\tlsl r0\n\tmov r0, r11\n\tadc r0, r10\n\tbreq 1f\n\t"                                               \
    "ldi r20, 255\n\tldi r21, 127\n\tsbrs r11, 7\n\trjmp 1f\n\tcom r20\n\tcom r21\n1:\n\t"
#else
#define ES_SCALE                                                                                                       \
    "mul r23, r24\n\tmov r21, r0\n\tmul r22, r24\n\tmov r20, r0\n\tadd r21, r1\n\t"                                    \
    "mul r27, r24\n\tlsl r0\n\tadc r20, r1\n\tadc r21, r10\n\t"
#endif
#define ES_RESULT ES_SCALE "st Y+, r20\n\tst Y+, r21\n\t"
#endif

#define ES_FINISH(low, middle, high) ES_MULTIPLY(low, middle, high) ES_RESULT

#define ES_ENTER                                                                                                       \
    "push r28\n\tpush r29\n\tmovw r28, r24\n\tmov r25, r22\n\tclr r10\n\t"                                             \
    "ld r14, X+\n\tld r15, X+\n\tld r24, X+\n\tld r12, X+\n\tld r13, X\n\t"
#define ES_COLUMNS                                                                                                     \
    "movw r26, r12\n\tmovw r20, r14\n\tsubi r20, 1\n\tbrcc 1f\n\trjmp 4f\n"                                            \
    "1:\n\t" ES_FOUR_COLUMNS ES_FOUR_COLUMNS "subi r20, 1\n\tbrcs 4f\n\trjmp 1b\n"                                     \
    "3:\n\t" ES_COLUMN "4:\n\tsubi r21, 1\n\tbrcc 3b\n\tld r22, X+\n\tld r23, X\n\t"
#define ES_BLOCK ES_ROWS(ES_START) ES_COLUMNS ES_ROWS(ES_BIAS) ES_ROWS(ES_FINISH)
#define ES_LEAVE "pop r29\n\tpop r28\n\tclr r1\n\tret\n"

__attribute__((naked)) void ES_BLOCKS(void)
{
    __asm__ volatile(ES_ENTER "5:\n\t" ES_BLOCK "dec r25\n\tbreq 6f\n\trjmp 5b\n6:\n\t" ES_LEAVE);
}

#endif
