/* The row loop of es_isa.h: one block of four rows. The including file names the function ES_ROWS and says whether it
 * must SATURATE.
 *
 * In: Z stream, X view, r25:r24 result, r20 rounds of eight columns, r21 single columns after them, r22 scale,
 * r23 whether to add to the result. Out: Z the next block. Keeps Y alone, so that callers save registers once a layer.
 *
 * r2-r9 and r16-r19 accumulators of 24 bits, r10 zero, r11 x, r13:r12 sum of the view. */
#if ES_AVR

#define ES_START(low, middle, high) "lpm " low ", Z+\n\tlpm " middle ", Z+\n\tlpm " high ", Z+\n\t"

/* 8 cycles. */
#define ES_MAC(low, middle, high)                                                                                      \
    "lpm r0, Z+\n\tmul r0, r11\n\tadd " low ", r0\n\tadc " middle ", r1\n\tadc " high ", r10\n\t"

#define ES_COLUMN                                                                                                      \
    "ld r11, X+\n\t" ES_MAC("r2", "r3", "r16") ES_MAC("r4", "r5", "r17") ES_MAC("r6", "r7", "r18")                     \
        ES_MAC("r8", "r9", "r19")

#define ES_FOUR_COLUMNS ES_COLUMN ES_COLUMN ES_COLUMN ES_COLUMN

/* acc = 2 * (acc - 128 * sum) + 1, times r21:r20 -> bytes 1 to 4 of the product in r14, r15, r22, r23. */
#define ES_MULTIPLY(low, middle, high)                                                                                 \
    "sec\n\trol " low "\n\trol " middle "\n\trol " high "\n\tsub " middle ", r12\n\tsbc " high ", r13\n\t"             \
    "lpm r20, Z+\n\tlpm r21, Z+\n\t"                                                                                   \
    "mulsu " high ", r21\n\tmovw r22, r0\n\t"                                                                          \
    "mul " low ", r20\n\tmov r14, r1\n\t"                                                                              \
    "mul " low ", r21\n\tadd r0, r14\n\tadc r1, r10\n\tmovw r14, r0\n\t"                                               \
    "mul " middle ", r20\n\tadd r14, r0\n\tadc r15, r1\n\tadc r22, r10\n\tadc r23, r10\n\t"                            \
    "mul " middle ", r21\n\tadd r15, r0\n\tadc r22, r1\n\tadc r23, r10\n\t"                                            \
    "mulsu " high ", r20\n\tsbc r23, r10\n\tadd r15, r0\n\tadc r22, r1\n\tadc r23, r10\n\t"

/* Times the scale in r24, bytes 3 and up, rounded: r21:r20, and r11 above if it may leave int16. */
#if SATURATE
#define ES_SHIFT                                                                                                       \
    "mul r23, r24\n\tmov r21, r0\n\tmov r11, r1\n\tsbrc r23, 7\n\tsub r11, r24\n\t"                                    \
    "mul r22, r24\n\tmov r20, r0\n\tadd r21, r1\n\tadc r11, r10\n\t"                                                   \
    "mul r15, r24\n\tlsl r0\n\tadc r20, r1\n\tadc r21, r10\n\tadc r11, r10\n\t"                                        \
    "mov r0, r21\n\tlsl r0\n\tmov r0, r11\n\tadc r0, r10\n\tbreq 1f\n\t"                                               \
    "ldi r20, 255\n\tldi r21, 127\n\tsbrs r11, 7\n\trjmp 1f\n\tcom r20\n\tcom r21\n1:\n\t"
#else
#define ES_SHIFT                                                                                                       \
    "mul r23, r24\n\tmov r21, r0\n\tmul r22, r24\n\tmov r20, r0\n\tadd r21, r1\n\t"                                    \
    "mul r15, r24\n\tlsl r0\n\tadc r20, r1\n\tadc r21, r10\n\t"
#endif

#define ES_STORE                                                                                                       \
    "brtc 2f\n\tld r0, X+\n\tld r1, X\n\tadd r20, r0\n\tadc r21, r1\n\tbrvc 1f\n\t"                                    \
    "ldi r20, 255\n\tldi r21, 127\n\tsbrs r1, 7\n\trjmp 1f\n\tcom r20\n\tcom r21\n"                                    \
    "1:\n\tst X, r21\n\tst -X, r20\n\tadiw r26, 2\n\trjmp 3f\n"                                                        \
    "2:\n\tst X+, r20\n\tst X+, r21\n3:\n\t"

#define ES_FINISH(low, middle, high) ES_MULTIPLY(low, middle, high) ES_SHIFT ES_STORE

__attribute__((naked)) void ES_ROWS(void)
{
    __asm__ volatile(ES_START("r2", "r3", "r16") ES_START("r4", "r5", "r17") ES_START("r6", "r7", "r18")
                         ES_START("r8", "r9", "r19") "bst r23, 0\n\tld r12, X+\n\tld r13, X+\n\tclr r10\n\trjmp 2f\n"
                     "1:\n\t" ES_FOUR_COLUMNS ES_FOUR_COLUMNS "2:\n\tsubi r20, 1\n\tbrcs 4f\n\trjmp 1b\n"
                     "3:\n\t" ES_COLUMN "4:\n\tsubi r21, 1\n\tbrcc 3b\n\t"
                     /* The scale moves to r24, the result's address to X. */
                     "movw r26, r24\n\tmov r24, r22\n\t"
                     ES_FINISH("r2", "r3", "r16") ES_FINISH("r4", "r5", "r17") ES_FINISH("r6", "r7", "r18")
                     ES_FINISH("r8", "r9", "r19") "clr r1\n\tret\n");
}

#endif
