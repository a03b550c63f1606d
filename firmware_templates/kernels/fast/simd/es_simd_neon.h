/* Arm with NEON, 32 and 64 bits: four rows, or eight units, in a register. */
#ifndef ES_SIMD_NEON_H
#define ES_SIMD_NEON_H

#include <arm_neon.h>

typedef struct {
    int32x4_t low, high; /* units 0..3, 4..7 */
} es_sums;

typedef int16x8_t es_values;

ES_INLINE es_sums es_load_sums(const int32_t *from)
{
    const es_sums sums = {vld1q_s32(from), vld1q_s32(from + 4)};
    return sums;
}

ES_INLINE void es_store_sums(int32_t *to, es_sums sums)
{
    vst1q_s32(to, sums.low);
    vst1q_s32(to + 4, sums.high);
}

/* Compute it here: compilers move the work behind the next loop and keep all its weights until then. */
ES_INLINE void es_settle_sums(es_sums *sums)
{
#if defined(__GNUC__)
    __asm__ volatile("" : "+w"(sums->low), "+w"(sums->high));
#else
    (void)sums;
#endif
}

ES_INLINE es_sums es_add_sums(es_sums a, es_sums b)
{
    const es_sums sums = {vaddq_s32(a.low, b.low), vaddq_s32(a.high, b.high)};
    return sums;
}

ES_INLINE es_values es_values_of(es_sums sums)
{
    return vcombine_s16(vqmovn_s32(sums.low), vqmovn_s32(sums.high));
}

ES_INLINE es_sums es_saturate_sums(es_sums sums)
{
    const es_sums saturated = {vmovl_s16(vqmovn_s32(sums.low)), vmovl_s16(vqmovn_s32(sums.high))};
    return saturated;
}

/* VQRDMULH doubles and rounds half up, so that 31 bits of the multiplier's shift remain. */
ES_INLINE int32x4_t es_scale_four(int32x4_t acc, const int32_t *multiplier, uint8_t shift)
{
    const int32x4_t factor = vld1q_s32(multiplier);
    if (shift < 32) {
        return vqrdmulhq_s32(acc, factor);
    }
    return vcombine_s32(vrshrn_n_s64(vmull_s32(vget_low_s32(acc), vget_low_s32(factor)), 32),
                        vrshrn_n_s64(vmull_s32(vget_high_s32(acc), vget_high_s32(factor)), 32));
}

ES_INLINE es_sums es_scale(es_sums acc, const int32_t *multiplier, uint8_t shift)
{
    const es_sums scaled = {es_scale_four(acc.low, multiplier, shift), es_scale_four(acc.high, multiplier + 4, shift)};
    return scaled;
}

/* One block of x in every lane. */
ES_INLINE int8x16_t es_every_lane(int32_t block)
{
    int8x16_t values = vreinterpretq_s8_s32(vdupq_n_s32(block));
#if defined(__GNUC__) && defined(__aarch64__)
    /* A compiler that knows both halves to be equal moves the weights' upper half down to meet the lower one. */
    __asm__("" : "+w"(values));
#endif
    return values;
}

ES_INLINE int8x16_t es_four_s8(const int8_t *x)
{
    int32_t block;
    memcpy(&block, x, sizeof(block));
    return es_every_lane(block);
}

ES_INLINE int32x4_t es_add_pairs(int32x4_t a, int32x4_t b)
{
#if defined(__aarch64__)
    return vpaddq_s32(a, b);
#else
    return vcombine_s32(vpadd_s32(vget_low_s32(a), vget_high_s32(a)), vpadd_s32(vget_low_s32(b), vget_high_s32(b)));
#endif
}

#if defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
/* sum[i] += w * x of four rows over one block. A macro because the lane where x lies must be a literal. */
#define ES_DOT(count, weight, values, lane, sum)                                                                       \
    do {                                                                                                               \
        ES_UNROLL                                                                                                      \
        for (uint8_t i = 0; i < (count); ++i) {                                                                        \
            (sum)[i] = vdotq_laneq_s32((sum)[i], vld1q_s8((weight) + 16 * i), values, lane);                           \
        }                                                                                                              \
    } while (0)

/* sum[i] = sum of w * x of four rows. */
ES_INLINE void es_sum_fours(const int8_t *weight, const int8_t *x, uint16_t columns, uint8_t fours, int32x4_t *sum)
{
    const uint32_t block = 16u * fours;
    uint16_t column = 0;
    ES_UNROLL
    for (uint8_t i = 0; i < fours; ++i) {
        sum[i] = vdupq_n_s32(0);
    }
    for (; column + 16 <= columns; column = (uint16_t)(column + 16), weight += 4 * block) {
        const int8x16_t values = vld1q_s8(x + column);
        ES_DOT(fours, weight, values, 0, sum);
        ES_DOT(fours, weight + block, values, 1, sum);
        ES_DOT(fours, weight + 2 * block, values, 2, sum);
        ES_DOT(fours, weight + 3 * block, values, 3, sum);
    }
    for (; column < columns; column = (uint16_t)(column + 4), weight += block) {
        const int8x16_t values = es_four_s8(x + column);
        ES_DOT(fours, weight, values, 0, sum);
    }
}
#else
/* Rows summed in one pass over x: as many as there are registers for their sums. */
#if defined(__aarch64__)
#define ES_PASSES 1
#else
#define ES_PASSES 2
#endif

typedef struct {
    int32x4_t first, second; /* two sums a row of rows 0, 1 and of rows 2, 3 */
} es_row_sums;

/* Two products with |w| < 128 fit 16 bits: those of two blocks are added before they are widened. */
ES_INLINE es_row_sums es_add_blocks(es_row_sums sum, int8x16_t w0, int8x16_t x0, int8x16_t w1, int8x16_t x1)
{
    const int16x8_t first = vmull_s8(vget_low_s8(w0), vget_low_s8(x0));
    const int16x8_t second = vmull_s8(vget_high_s8(w0), vget_high_s8(x0));
    sum.first = vpadalq_s16(sum.first, vmlal_s8(first, vget_low_s8(w1), vget_low_s8(x1)));
    sum.second = vpadalq_s16(sum.second, vmlal_s8(second, vget_high_s8(w1), vget_high_s8(x1)));
    return sum;
}

ES_INLINE es_row_sums es_add_block(es_row_sums sum, int8x16_t w, int8x16_t x)
{
    sum.first = vpadalq_s16(sum.first, vmull_s8(vget_low_s8(w), vget_low_s8(x)));
    sum.second = vpadalq_s16(sum.second, vmull_s8(vget_high_s8(w), vget_high_s8(x)));
    return sum;
}

/* sum[i] = sum of w * x of four rows. */
ES_INLINE void es_sum_fours(const int8_t *weight, const int8_t *x, uint16_t columns, uint8_t fours, int32x4_t *sum)
{
    const uint32_t block = 16u * fours;
    ES_UNROLL
    for (uint8_t pass = 0; pass < ES_PASSES; ++pass) {
        es_row_sums rows[2 * ES_MAX_GATES];
        const int8_t *from = weight;
        uint16_t column = 0;
        ES_UNROLL
        for (uint8_t i = (uint8_t)(pass * fours / ES_PASSES); i < (pass + 1) * fours / ES_PASSES; ++i) {
            rows[i].first = rows[i].second = vdupq_n_s32(0);
        }
        for (; column + 4 < columns; column = (uint16_t)(column + 8), from += 2 * block) {
            const int8x16_t x0 = es_four_s8(x + column), x1 = es_four_s8(x + column + 4);
            ES_UNROLL
            for (uint8_t i = (uint8_t)(pass * fours / ES_PASSES); i < (pass + 1) * fours / ES_PASSES; ++i) {
                rows[i] = es_add_blocks(rows[i], vld1q_s8(from + 16 * i), x0, vld1q_s8(from + block + 16 * i), x1);
            }
        }
        if (column < columns) {
            const int8x16_t values = es_four_s8(x + column);
            ES_UNROLL
            for (uint8_t i = (uint8_t)(pass * fours / ES_PASSES); i < (pass + 1) * fours / ES_PASSES; ++i) {
                rows[i] = es_add_block(rows[i], vld1q_s8(from + 16 * i), values);
            }
        }
        ES_UNROLL
        for (uint8_t i = (uint8_t)(pass * fours / ES_PASSES); i < (pass + 1) * fours / ES_PASSES; ++i) {
            sum[i] = es_add_pairs(rows[i].first, rows[i].second);
        }
    }
}
#endif

ES_INLINE void es_rows_s8(const int8_t *weight, const int8_t *x, uint16_t columns, uint8_t gates, const int32_t *bias,
                          uint8_t ones, es_sums *acc)
{
    int32x4_t sum[2 * ES_MAX_GATES];
    es_sum_fours(weight, x, columns, (uint8_t)(2 * gates), sum);
    ES_UNROLL
    for (uint8_t gate = 0; gate < gates; ++gate) {
        const int32x4_t one = vdupq_n_s32(1);
        const int32_t *const from = bias + (gate - ones) * ES_GROUP;
        acc[gate].low = vmlaq_n_s32(gate < ones ? one : vld1q_s32(from), sum[2 * gate], 2);
        acc[gate].high = vmlaq_n_s32(gate < ones ? one : vld1q_s32(from + 4), sum[2 * gate + 1], 2);
    }
}

/* A 15-bit code is 128 * its upper byte + its lower seven bits: the view holds all of the former, then of the latter.
 */
ES_INLINE void es_view_s16(const int16_t *x, uint16_t size, uint8_t halve, int16_t *view)
{
    int8_t *const upper = (int8_t *)view, *const lower = upper + ES_PADDED(size);
    uint16_t i = 0;
    for (; i + 8 <= size; i = (uint16_t)(i + 8)) {
        const int16x8_t values = vld1q_s16(x + i), codes = halve ? vshrq_n_s16(values, 1) : values;
        vst1_s8(upper + i, vshrn_n_s16(codes, 7));
        vst1_s8(lower + i, vand_s8(vmovn_s16(codes), vdup_n_s8(127)));
    }
    for (; i < ES_PADDED(size); ++i) {
        const int16_t value = (int16_t)(i < size ? x[i] : 0), code = halve ? es_halve(value) : value;
        upper[i] = (int8_t)(code >> 7);
        lower[i] = (int8_t)(code & 127);
    }
}

ES_INLINE void es_rows_s16(const int8_t *weight, const int16_t *x, uint16_t columns, uint8_t gates, const int32_t *bias,
                           uint8_t ones, es_sums *acc)
{
    const int8_t *const view = (const int8_t *)x;
    int32x4_t upper[2 * ES_MAX_GATES];
    es_sum_fours(weight, view, columns, (uint8_t)(2 * gates), upper);
    es_rows_s8(weight, view + ES_PADDED(columns), columns, gates, bias, ones, acc);
    ES_UNROLL
    for (uint8_t gate = 0; gate < gates; ++gate) {
        acc[gate].low = vmlaq_n_s32(acc[gate].low, upper[2 * gate], 256);
        acc[gate].high = vmlaq_n_s32(acc[gate].high, upper[2 * gate + 1], 256);
    }
}

/* Dense: int16 values are 256 * their upper byte + 128 + their lower byte with its top bit inverted. */
ES_INLINE int8x8_t es_lower_bytes(int16x8_t values)
{
    return veor_s8(vmovn_s16(values), vdup_n_s8(-128));
}

ES_INLINE int16x8_t es_load_some(const int16_t *from, uint16_t count)
{
    int16_t some[8] = {0};
    memcpy(some, from, (count < 8 ? count : 8u) * sizeof(*some));
    return vld1q_s16(some);
}

ES_INLINE es_sums es_join_bytes(const int32x4_t *upper, const int32x4_t *lower, const int32_t *bias)
{
    const es_sums split = es_load_sums(bias + ES_GROUP);
    const es_sums sums = {vmlaq_n_s32(vaddq_s32(split.low, lower[0]), upper[0], 256),
                          vmlaq_n_s32(vaddq_s32(split.high, lower[1]), upper[1], 256)};
    return sums;
}

#if defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
ES_INLINE es_sums es_dense_sums(const int8_t *weight, const int16_t *x, uint16_t inputs, const int32_t *bias,
                                uint16_t count)
{
    const uint8_t fours = count <= 4 ? 1 : 2;
    const int32x4_t zero = vdupq_n_s32(0);
    int32x4_t upper[2] = {zero, zero}, lower[2] = {zero, zero};
    for (uint16_t column = 0; column < inputs; column = (uint16_t)(column + 16)) {
        const uint16_t left = (uint16_t)(inputs - column);
        const int16x8_t x0 = left >= 8 ? vld1q_s16(x + column) : es_load_some(x + column, left);
        const int16x8_t x1 = left >= 16  ? vld1q_s16(x + column + 8)
                             : left <= 8 ? vdupq_n_s16(0)
                                         : es_load_some(x + column + 8, (uint16_t)(left - 8));
        const int8x16_t low = vcombine_s8(es_lower_bytes(x0), es_lower_bytes(x1));
        const int8x16_t high = vcombine_s8(vshrn_n_s16(x0, 8), vshrn_n_s16(x1, 8));
#define ES_DENSE_BLOCK(lane)                                                                                           \
    if (left > 4 * (lane)) {                                                                                           \
        ES_DOT(fours, weight, low, lane, lower);                                                                       \
        ES_DOT(fours, weight, high, lane, upper);                                                                      \
        weight += 4 * ES_GROUP;                                                                                        \
    }
        ES_DENSE_BLOCK(0)
        ES_DENSE_BLOCK(1)
        ES_DENSE_BLOCK(2)
        ES_DENSE_BLOCK(3)
    }
    return es_join_bytes(upper, lower, bias);
}
#else
ES_INLINE void es_add_dense_blocks(const int8_t *weight, int8x8_t x, uint8_t fours, uint8_t blocks, es_row_sums *sum)
{
    const int32x2_t pair = vreinterpret_s32_s8(x);
    const int8x16_t x0 = es_every_lane(vget_lane_s32(pair, 0)), x1 = es_every_lane(vget_lane_s32(pair, 1));
    ES_UNROLL
    for (uint8_t i = 0; i < fours; ++i) {
        const int8x16_t w0 = vld1q_s8(weight + 16 * i);
        sum[i] = blocks == 2 ? es_add_blocks(sum[i], w0, x0, vld1q_s8(weight + 4 * ES_GROUP + 16 * i), x1)
                             : es_add_block(sum[i], w0, x0);
    }
}

ES_INLINE es_sums es_dense_sums(const int8_t *weight, const int16_t *x, uint16_t inputs, const int32_t *bias,
                                uint16_t count)
{
    const uint8_t fours = count <= 4 ? 1 : 2;
    const es_row_sums zero = {vdupq_n_s32(0), vdupq_n_s32(0)};
    es_row_sums upper[2] = {zero, zero}, lower[2] = {zero, zero};
    uint16_t column = 0;
    for (; column + 8 <= inputs; column = (uint16_t)(column + 8), weight += 8 * ES_GROUP) {
        const int16x8_t values = vld1q_s16(x + column);
        es_add_dense_blocks(weight, es_lower_bytes(values), fours, 2, lower);
        es_add_dense_blocks(weight, vshrn_n_s16(values, 8), fours, 2, upper);
    }
    if (column < inputs) {
        const uint16_t left = (uint16_t)(inputs - column);
        const int16x8_t values = es_load_some(x + column, left);
        es_add_dense_blocks(weight, es_lower_bytes(values), fours, left > 4 ? 2 : 1, lower);
        es_add_dense_blocks(weight, vshrn_n_s16(values, 8), fours, left > 4 ? 2 : 1, upper);
    }
    const int32x4_t uppers[2] = {es_add_pairs(upper[0].first, upper[0].second),
                                 es_add_pairs(upper[1].first, upper[1].second)};
    const int32x4_t lowers[2] = {es_add_pairs(lower[0].first, lower[0].second),
                                 es_add_pairs(lower[1].first, lower[1].second)};
    return es_join_bytes(uppers, lowers, bias);
}
#endif
#include "es_simd_neon_units.h"

#include "es_simd_units.h"

#endif
