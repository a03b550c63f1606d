/* What es_rows8.c and es_rows4.c share. They are assembly because shifts and MULS need low registers, of which
 * compilers then have none left. AAPCS: r0 rows, r1 parts, r2 pre, r3 mode; returns rows in r0. */
#ifndef ES_ROWS_THUMB1_H
#define ES_ROWS_THUMB1_H

#include "es_isa.h"

#if ES_THUMB1

/* Naked functions find their parameters in registers. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

/* clang-format off */
/* Three rows of a word times x in r2; the fourth, of the word itself, is left to its user. */
#define ES_SHIFTED_ROWS(word, product, row3, row2, row1) \
    "asrs " product ", " word ", #24\n\tmuls " product ", r2, " product "\n\tadd " row3 ", " product "\n\t" \
    "asrs " product ", " word ", #16\n\tmuls " product ", r2, " product "\n\tadd " row2 ", " product "\n\t" \
    "asrs " product ", " word ", #8\n\tmuls " product ", r2, " product "\n\tadd " row1 ", " product "\n\t"

/* Sums in lanes r4-r7 -> accumulators. */
#define ES_UNPACK(temporary, correction) \
    "lsls " temporary ", r5, #8\n\tsubs r4, r4, " temporary "\n\tadd r4, " correction "\n\t" \
    "lsls " temporary ", r6, #8\n\tsubs r5, r5, " temporary "\n\tadd r5, " correction "\n\t" \
    "lsls " temporary ", r7, #8\n\tsubs r6, r6, " temporary "\n\tadd r6, " correction "\n\t"

/* es_scale of acc; shift in r3. */
#define ES_SCALE(acc, offset, half) \
    "ldrh r2, [r0, #" offset "]\n\tuxth r1, " acc "\n\tasrs " acc ", " acc ", #16\n\tmuls r1, r2, r1\n\t" \
    "muls " acc ", r2, " acc "\n\tlsrs r1, r1, #16\n\tadds " acc ", " acc ", r1\n\t" \
    "add " acc ", " half "\n\tasrs " acc ", r3\n\t"

/* Adds the four results that lie at r1 to r4-r7. */
#define ES_ADD_STORED \
    "ldr r2, [r1]\n\tadds r4, r4, r2\n\tldr r2, [r1, #4]\n\tadds r5, r5, r2\n\t" \
    "ldr r2, [r1, #8]\n\tadds r6, r6, r2\n\tldr r2, [r1, #12]\n\tadds r7, r7, r2\n\t"

/* Results of the next part follow those of the first at r1, or are added to them: `back` bytes less one before, so that
 * an odd address says so. Leaves by label 6 after the last part. */
#define ES_NEXT_PART(pre, mode, back) \
    "ldr r2, [sp, #" mode "]\n\tsubs r2, r2, #1\n\tbmi 6f\n\tbeq 5f\n\tsubs r1, #" back "\n" \
    "5:\n\tmovs r3, #0\n\tstr r3, [sp, #" mode "]\n\tstr r1, [sp, #" pre "]\n\tb 1b\n6:\n\t"
/* clang-format on */

#else /* the same rows on any other machine */

/* es_requantize without its saturation. acc * multiplier is 65536 * high + low: floors nest, since half is the rounding
 * by the shift less 16. low < 2^32, as a multiplier is below 2^16; no sum leaves int32, as a multiplier above 2^15 was
 * doubled. */
static inline int32_t es_scale(int32_t acc, uint32_t multiplier, const es_part *part)
{
    const int32_t low = (int32_t)(((uint32_t)(uint16_t)acc * multiplier) >> 16);
    return ((acc >> 16) * (int32_t)multiplier + low + part->half) >> part->shift;
}

/* Sums in lanes of one word -> four results. */
static inline void es_scale_lanes(const uint32_t *lanes, const int32_t *multipliers, const es_part *part, int32_t *to)
{
    for (uint8_t row = 0; row < 4; ++row) {
        const uint32_t acc = row < 3 ? lanes[row] - 256 * lanes[row + 1] + (uint32_t)part->correction : lanes[row];
        const uint32_t pair = (uint32_t)multipliers[row / 2];
        to[row] = es_scale((int32_t)acc, row % 2 == 0 ? pair & 0xFFFF : pair >> 16, part);
    }
}

static inline const int32_t *es_part_rows(const int32_t *rows, const es_part *part, uint8_t words, int32_t *to)
{
    uint32_t lanes[2][4];
    for (uint8_t i = 0; i < 4 * words; ++i) {
        /* Of eight rows T0 and T1 of both words come first. */
        lanes[words == 2 ? i / 2 % 2 : 0][words == 2 ? i / 4 * 2 + i % 2 : i] = (uint32_t)*rows++;
    }
    for (const int16_t *x = (const int16_t *)part->first; x != part->end; ++x) {
        for (uint8_t word = 0; word < words; ++word, ++rows) {
            for (uint8_t row = 0; row < 4; ++row) {
                lanes[word][row] += (uint32_t)(*rows >> (8 * row)) * (uint16_t)*x;
            }
        }
    }
    for (uint8_t word = 0; word < words; ++word, rows += 2) {
        es_scale_lanes(lanes[word], rows, part, to + 4 * word);
    }
    return rows;
}

static inline const int32_t *es_any_rows(const int32_t *rows, const es_part *parts, uint8_t words, int32_t *pre,
                                         uint32_t mode)
{
    rows = es_part_rows(rows, parts, words, pre);
    if (mode == ES_ONE_PART) {
        return rows;
    }
    int32_t *const second = pre + 4 * words;
    if (mode == ES_PARTS_APART) {
        return es_part_rows(rows, parts + 1, words, second);
    }
    int32_t state[8];
    rows = es_part_rows(rows, parts + 1, words, state);
    for (uint8_t row = 0; row < 4 * words; ++row) {
        pre[row] += state[row];
    }
    return rows;
}

#endif

#endif
