/* Rows whose x has 16 bits: those of 15-bit codes, and of Dense layers. */
#ifndef ES_WIDE_AVR_H
#define ES_WIDE_AVR_H

#if ES_AVR

/* Blocks of two rows and a 16-bit x, see es_rows_s16. Results lie a byte higher if `far`.
 *
 * In: Z stream, X x, r21:r20 y, r19:r18 columns and in the highest bit whether to double, r17 scale, r16 rows, r12 far.
 * Out: Z the next block. Keeps Y alone. r5-r2 and r12-r9 accumulators, r8-r6 and r15-r13 their shares of low bytes of
 * x, r16 zero, r17 scale, r18 weight, r20:r19 x, r21 columns left, r22 rounds of 256 after them, r23 rows left, T far.
 */
#define ES_WIDE_ENTER                                                                                                  \
    "push r28\n\tpush r29\n\tmovw r28, r20\n\tmovw r24, r18\n\tmov r23, r16\n\tbst r12, 0\n\tclr r16\n"
#define ES_WIDE_LEAVE "pop r29\n\tpop r28\n\tclr r1\n\tret\n"
#define ES_WIDE_BIAS(a0, a1, a2, a3) "lpm " a0 ", Z+\n\tlpm " a1 ", Z+\n\tlpm " a2 ", Z+\n\tlpm " a3 ", Z+\n\t"
#define ES_WIDE_SUM(kind, with, low, middle, high)                                                                     \
    kind " r18, " with "\n\tsbc " high ", r16\n\tadd " low ", r0\n\tadc " middle ", r1\n\tadc " high ", r16\n\t"
#define ES_WIDE_MAC(a1, a2, a3, low, middle, high)                                                                     \
    "lpm r18, Z+\n\t" ES_WIDE_SUM("mulsu", "r19", low, middle, high) ES_WIDE_SUM("muls", "r20", a1, a2, a3)
#define ES_WIDE_JOIN(a0, a1, a2, a3, low, middle, high)                                                                \
    "clr r18\n\tsbrc " high ", 7\n\tcom r18\n\tadd " a0 ", " low "\n\tadc " a1 ", " middle "\n\tadc " a2 ", " high     \
    "\n\tadc " a3 ", r18\n\t"
#define ES_WIDE_TWO_MACS                                                                                               \
    ES_WIDE_MAC("r3", "r4", "r5", "r6", "r7", "r8") ES_WIDE_MAC("r10", "r11", "r12", "r13", "r14", "r15")
#define ES_WIDE_TWO_JOINS                                                                                              \
    ES_WIDE_JOIN("r2", "r3", "r4", "r5", "r6", "r7", "r8") ES_WIDE_JOIN("r9", "r10", "r11", "r12", "r13", "r14", "r15")
#define ES_WIDE_COLUMNS                                                                                                \
    ES_WIDE_BIAS("r2", "r3", "r4", "r5")                                                                               \
    ES_WIDE_BIAS("r9", "r10", "r11", "r12")                                                                            \
    "mov r21, r24\n\tmov r22, r25\n\tandi r22, 127\n\tcpi r21, 1\n\tsbci r22, 0\n"                                     \
    "2:\n\tclr r6\n\tclr r7\n\tclr r8\n\tclr r13\n\tclr r14\n\tclr r15\n"                                              \
    "1:\n\tld r19, X+\n\tld r20, X+\n\t" ES_WIDE_TWO_MACS "dec r21\n\tbrne 1b\n\t" ES_WIDE_TWO_JOINS                   \
    "dec r22\n\tbrpl 2b\n\tmovw r18, r24\n\tlsl r18\n\trol r19\n\tsub r26, r18\n\tsbc r27, r19\n\t"
/* Requantise: bytes 1 to 5 of the product in r6, r7, r8, r14, r15; times the scale in r18 to r21. */
#define ES_WIDE_SCALE(a0, a1, a2, a3)                                                                                  \
    "sbrs r25, 7\n\trjmp 1f\n\tsec\n\trol " a0 "\n\trol " a1 "\n\trol " a2 "\n\trol " a3 "\n1:\n\t"                    \
    "mov r18, " a3 "\n\tlpm r20, Z+\n\tlpm r21, Z+\n\tmul " a0 ", r20\n\tmov r6, r1\n\t"                               \
    "mul " a0 ", r21\n\tmov r7, r1\n\tadd r6, r0\n\tadc r7, r16\n\tmulsu r18, r21\n\tmovw r14, r0\n\t"                 \
    "mul " a2 ", r21\n\tmov r8, r0\n\tadd r14, r1\n\tadc r15, r16\n\t"                                                 \
    "mulsu r18, r20\n\tsbc r15, r16\n\tadd r8, r0\n\tadc r14, r1\n\tadc r15, r16\n\t"                                  \
    "mul " a2 ", r20\n\tadd r7, r0\n\tadc r8, r1\n\tadc r14, r16\n\tadc r15, r16\n\t"                                  \
    "mul " a1 ", r21\n\tadd r7, r0\n\tadc r8, r1\n\tadc r14, r16\n\tadc r15, r16\n\t"                                  \
    "mul " a1 ", r20\n\tadd r6, r0\n\tadc r7, r1\n\tadc r8, r16\n\tadc r14, r16\n\tadc r15, r16\n\t"                   \
    "brtc 1f\n\tmov r7, r8\n\tmov r8, r14\n\tmov r14, r15\n\tlsl r15\n\tsbc r15, r15\n1:\n\t"                          \
    "mul r7, r17\n\tmov r18, r1\n\tlsl r0\n\tadc r18, r16\n\t"                                                         \
    "mul r8, r17\n\tmov r19, r1\n\tadd r18, r0\n\tadc r19, r16\n\t"                                                    \
    "mul r14, r17\n\tmov r20, r1\n\tadd r19, r0\n\tadc r20, r16\n\t"                                                   \
    "mul r15, r17\n\tmov r21, r1\n\tadd r20, r0\n\tadc r21, r16\n\tsbrc r15, 7\n\tsub r21, r17\n\t"                    \
    "mov r0, r19\n\tlsl r0\n\tadc r20, r16\n\tadc r21, r16\n\tor r20, r21\n\tbreq 1f\n\t"                              \
    "ldi r18, 255\n\tldi r19, 127\n\tsbrs r21, 7\n\trjmp 1f\n\tcom r18\n\tcom r19\n"                                   \
    "1:\n\tst Y+, r18\n\tst Y+, r19\n\t"

__attribute__((naked, noinline, unused)) static void es_wide_avr(void)
{
    __asm__ volatile(ES_WIDE_ENTER "5:\n\t" ES_WIDE_COLUMNS
                         ES_WIDE_SCALE("r2", "r3", "r4", "r5") "dec r23\n\tbrne 1f\n\trjmp 6f\n1:\n\t" ES_WIDE_SCALE(
                             "r9", "r10", "r11", "r12") "dec r23\n\tbreq 6f\n\trjmp 5b\n6:\n\t" ES_WIDE_LEAVE);
}

/* Blocks of two rows and a 16-bit x -> y: sum w * x + bias, requantised. doubled: 2 * (sum w * x + bias) + 1. */
ES_INLINE const ES_FLASH es_rows *es_rows_s16(const ES_FLASH es_rows *stream, const int16_t *x, uint16_t columns,
                                              uint16_t rows, uint8_t doubled, uint8_t shift, int16_t *y)
{
    for (uint16_t done = 0; done < rows; done = (uint16_t)(done + 254)) {
        register int16_t *to __asm__("r20") = y + done;
        register uint16_t doubled_columns __asm__("r18") = (uint16_t)(columns | (doubled ? 0x8000u : 0u));
        register uint8_t scale __asm__("r17") = shift > 24 ? (uint8_t)(1u << (32 - shift)) : es_row_scale(shift);
        register uint8_t left __asm__("r16") = (uint8_t)(rows - done < 254 ? rows - done : 254);
        register uint8_t far __asm__("r12") = shift > 24;
        const int16_t *from = x;
        __asm__ volatile("%~call %x[callee]"
                         : "+z"(stream), "+x"(from), "+r"(to), "+r"(doubled_columns), "+r"(scale), "+r"(left), "+r"(far)
                         : [callee] "s"(es_wide_avr)
                         : "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r13", "r14", "r15", "r22",
                           "r23", "r24", "r25", "memory");
    }
    return stream;
}

#else

ES_INLINE const ES_FLASH es_rows *es_rows_s16(const ES_FLASH es_rows *stream, const int16_t *x, uint16_t columns,
                                              uint16_t rows, uint8_t doubled, uint8_t shift, int16_t *y)
{
    const uint8_t right = shift == 16 ? 17 : shift;
    for (uint16_t row = 0; row < rows; ++row) {
        const ES_FLASH es_rows *bias = stream + 4 * (row & 1), *weight = stream + 8 + (row & 1);
        const ES_FLASH es_rows *multiplier = stream + 8 + 2 * columns + 2 * (row & 1);
        int32_t acc = (int32_t)(es_load24(bias) | (uint32_t)bias[3] << 24);
        for (uint16_t i = 0; i < columns; ++i) {
            acc += (int32_t)(int8_t)weight[2 * i] * x[i];
        }
        const int64_t product = (int64_t)(doubled ? 2 * acc + 1 : acc) * (uint16_t)(multiplier[0] | multiplier[1] << 8);
        y[row] = (int16_t)es_saturate_s16((int32_t)((product + ((int64_t)1 << (right - 1))) >> right));
        stream += (row & 1) * (12 + 2 * columns);
    }
    return stream;
}

#endif

#endif
