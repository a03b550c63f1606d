/* What the row loops of 4-bit weights share. AAPCS: r0 rows, r1 part, r2 to, r3 mode; returns rows in r0. Stack:
 * r8-r11, part, to, mode, r4-r7, lr. */
#ifndef ES_NIBBLE_ROWS_THUMB1_H
#define ES_NIBBLE_ROWS_THUMB1_H

#include "es_isa.h"
#include "es_rows_thumb1.h"

#if ES_THUMB1

/* clang-format off */
/* r4 the view's first value, lr its end, r1 the part's skip8. */
#define ES_ENTER \
    ".syntax unified\n\tpush {r1-r7, lr}\n\tmov r4, r8\n\tmov r5, r9\n\tmov r6, r10\n\tmov r7, r11\n\tpush {r4-r7}\n\t" \
    "ldmia r1!, {r4, r5}\n\tmov lr, r5\n\t"
#define ES_LEAVE \
    "pop {r1-r4}\n\tmov r8, r1\n\tmov r9, r2\n\tmov r10, r3\n\tmov r11, r4\n\tadd sp, #12\n\tpop {r4-r7, pc}\n\t"

/* r4-r7 to where results go: stored, or added to what is there. */
#define ES_PUT(label) \
    "ldr r1, [sp, #20]\n\tldr r2, [sp, #24]\n\tlsrs r2, r2, #1\n\tbcc " label "f\n\t" ES_ADD_STORED \
    label ":\n\tstmia r1!, {r4-r7}\n\tstr r1, [sp, #20]\n\t"

/* Carry: whether results are added; zero: whether multipliers are short. */
#define ES_TEST_MODE "ldr r1, [sp, #24]\n\tlsrs r1, r1, #1\n\t"

/* The mask of a pair in r5, the view in r1, what is left of the part in r12. */
#define ES_START_PAIRS \
    "mov r12, r1\n\tmovs r1, r4\n\tmovs r5, #15\n\tlsls r4, r5, #16\n\torrs r5, r4\n"

/* Two rows' products with x in one, added to a sum of pairs. */
#define ES_PAIR(word, shift, x, sum) \
    "lsrs r6, " word ", #" shift "\n\tands r6, r5\n\tmuls r6, " x ", r6\n\tadd " sum ", r6\n\t"

/* r3 shift, r12 half. */
#define ES_END_PAIRS "ldr r3, [r1, #12]\n\tldr r2, [r1, #16]\n\tmov r12, r2\n\t"

/* An undoubled sum -> its result. What is added to the product lies `bytes` beyond the multipliers. */
#define ES_SCALE_INPUT(sum, row, bytes) \
    "ldrb r2, [r0, #" row "]\n\tmuls " sum ", r2, " sum "\n\tldr r2, [r0, #" bytes "+4*" row "]\n\t" \
    "adds " sum ", " sum ", r2\n\tasrs " sum ", r3\n\t"
/* The same with a bias of 1, which `odd` adds to the double. */
#define ES_SCALE_STATE(sum, row, odd) \
    "lsls " sum ", " sum ", #1\n\t" odd "ldrb r2, [r0, #" row "]\n\tmuls " sum ", r2, " sum "\n\t" \
    "add " sum ", r12\n\tasrs " sum ", r3\n\t"

/* A doubled sum with long multipliers -> its result. */
#define ES_SCALE_LONG(sum, row, bytes) \
    "lsls " sum ", " sum ", #1\n\tldr r2, [r0, #" bytes "+4*" row "]\n\tadds " sum ", " sum ", r2\n\t" \
    ES_SCALE(sum, "2*" row, "r12")

/* Of a wide view: one row's product. */
#define ES_SHIFTED(word, shift, product, x, sum) \
    "lsrs " product ", " word ", #" shift "\n\tmuls " product ", " x ", " product "\n\tadd " sum ", " product "\n\t"

/* r3 shift, lr half; on the stack, in place of the part, what is added to every sum: -8 * that of the view, and 1 where
 * the bias is that. */
#define ES_END_WIDE(ahead) \
    "ldr r1, [sp, #16]\n\t" ahead "ldr r3, [r1, #20]\n\tldr r2, [r1, #24]\n\tmov lr, r2\n\tldr r2, [r1, #16]\n\t" \
    "ldr r1, [sp, #24]\n\tadds r2, r2, r1\n\tstr r2, [sp, #16]\n\t"

#define ES_LOWER(sum, next) "lsls r1, " next ", #4\n\tsubs " sum ", " sum ", r1\n\t"

/* Sums in r4-r7 -> results. Their multipliers lie at `row` * 2, biases at `bytes` + 4 * `row`. */
#define ES_ADD_BIAS(sum, at) "ldr r1, [r0, #" at "]\n\tadds " sum ", " sum ", r1\n\t"
#define ES_SCALE_WIDE(row, bytes, label) \
    "ldr r1, [sp, #16]\n\tadds r4, r4, r1\n\tadds r5, r5, r1\n\tadds r6, r6, r1\n\tadds r7, r7, r1\n\t" \
    ES_TEST_MODE "bcs " label "f\n\t" \
    ES_ADD_BIAS("r4", bytes "+4*" row) ES_ADD_BIAS("r5", bytes "+4*" row "+4") \
    ES_ADD_BIAS("r6", bytes "+4*" row "+8") ES_ADD_BIAS("r7", bytes "+4*" row "+12") \
    label ":\n\t" ES_SCALE("r4", "2*" row, "lr") ES_SCALE("r5", "2*" row "+2", "lr") \
    ES_SCALE("r6", "2*" row "+4", "lr") ES_SCALE("r7", "2*" row "+6", "lr")
/* clang-format on */

#else /* the same rows on any other machine */

/* Two columns of four rows share a word, in the order of _nibbles in edgeseq/export/c/isa/thumb1.py. */
static inline int32_t es_nibble(const int32_t *rows, uint32_t column, uint32_t row, uint32_t count, uint8_t wide)
{
    const uint32_t odd = column % 2;
    const uint32_t of_four = wide ? 16 * odd + 4 * row : 8 * odd + 4 * row + (row < 2 ? 0u : 8u);
    const uint32_t word = (uint32_t)rows[count == 8 ? column : column / 2];
    return (int32_t)(word >> (count == 8 ? 4 * row : of_four) & 15) - 8;
}

/* es_requantize without its saturation, as es_scale does. */
static inline int32_t es_scale_short(int32_t sum, const int32_t *scales, uint32_t row, uint32_t count,
                                     const es_part *part, uint32_t mode)
{
    const int32_t multiplier = (int32_t)((uint32_t)scales[row / 4] >> (8 * (row % 4)) & 255);
    if (mode == ES_ADD) {
        return ((2 * sum + 1) * multiplier + part->half) >> part->shift;
    }
    const int32_t in_half = sum + (row < count / 2 ? 32768 : 0); /* as it lies in a pair */
    return (in_half * multiplier + scales[count / 4 + row]) >> (part->shift - 1);
}

static inline int32_t es_scale_long(int32_t sum, const int32_t *scales, uint32_t row, uint32_t count,
                                    const es_part *part, uint32_t mode)
{
    const uint32_t multiplier = (uint32_t)scales[row / 2] >> (16 * (row % 2)) & 0xFFFF;
    return es_scale(sum + (mode == ES_ADD ? 1 : scales[count / 2 + row]), multiplier, part);
}

static inline const int32_t *es_any_nibbles(const int32_t *rows, const es_part *part, int32_t *to, uint32_t mode,
                                            uint32_t count, uint8_t wide)
{
    const int32_t *const x = (const int32_t *)part->first;
    const int32_t *const scales = rows + part->columns * count / 8 + (part->columns * count % 8 != 0);
    for (uint32_t row = 0; row < count; ++row) {
        int32_t sum = 0;
        for (uint32_t column = 0; column < part->columns; ++column) {
            sum += es_nibble(rows, column, row, count, wide) * x[column];
        }
        int32_t part_of_gate;
        if (wide || mode == ES_STORE_LONG) {
            const int32_t offset = !wide && row < count / 2 ? 32768 : 0;
            part_of_gate = es_scale_long(wide ? sum : 2 * (sum + offset), scales, row, count, part, mode);
        } else {
            part_of_gate = es_scale_short(sum, scales, row, count, part, mode);
        }
        to[row] = part_of_gate + (mode == ES_ADD ? to[row] : 0);
    }
    return scales + count / (wide || mode == ES_STORE_LONG ? 2 : 4) + (mode == ES_ADD ? 0 : count);
}

#endif

#endif
