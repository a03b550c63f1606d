/* Machines with 128-bit vectors and a dot product of int16 pairs: four rows, or eight units, in a register.
 *
 * es_simd_sse2.h and es_simd_wasm.h bring es_vec and its operations; a name's number is the width of a lane. */
#ifndef ES_SIMD_128_H
#define ES_SIMD_128_H

typedef struct {
    es_vec low, high; /* units 0..3, 4..7 */
} es_sums;

typedef es_vec es_values;

ES_INLINE es_sums es_load_sums(const int32_t *from)
{
    const es_sums sums = {es_load(from), es_load(from + 4)};
    return sums;
}

ES_INLINE void es_store_sums(int32_t *to, es_sums sums)
{
    es_store(to, sums.low);
    es_store(to + 4, sums.high);
}

ES_INLINE void es_settle_sums(es_sums *sums)
{
    (void)sums;
}

ES_INLINE es_sums es_add_sums(es_sums a, es_sums b)
{
    const es_sums sums = {es_add_32(a.low, b.low), es_add_32(a.high, b.high)};
    return sums;
}

ES_INLINE es_values es_values_of(es_sums sums)
{
    return es_pack_32(sums.low, sums.high);
}

ES_INLINE es_sums es_saturate_sums(es_sums sums)
{
    const es_vec values = es_values_of(sums), sign = es_shift_right_16(values, 15);
    const es_sums saturated = {es_zip_low_16(values, sign), es_zip_high_16(values, sign)};
    return saturated;
}

ES_INLINE es_vec es_scale_four(es_vec acc, const int32_t *multiplier, uint8_t shift)
{
    if (shift < 32) {
        return es_scale_31(acc, es_load(multiplier));
    }
    int32_t rows[4];
    es_store(rows, acc);
    for (uint8_t i = 0; i < 4; ++i) {
        rows[i] = (int32_t)(((int64_t)rows[i] * multiplier[i] + ((int64_t)1 << 31)) >> 32);
    }
    return es_load(rows);
}

ES_INLINE es_sums es_scale(es_sums acc, const int32_t *multiplier, uint8_t shift)
{
    const es_sums scaled = {es_scale_four(acc.low, multiplier, shift), es_scale_four(acc.high, multiplier + 4, shift)};
    return scaled;
}

/* Two passes over x, because more sums would not fit the registers. */
#define ES_PASSES 2

/* sum[i] += products of one block of x with two rows: two sums a row. */
ES_INLINE void es_add_block(const int8_t *weight, es_vec x, uint8_t first, uint8_t end, es_vec *sum)
{
    ES_UNROLL
    for (uint8_t i = first; i < end; ++i) {
        sum[i] = es_add_32(sum[i], es_dot_16(es_load_widened(weight + 8 * i), x));
    }
}

/* sum[i] = sum of w * x of four rows. x is int8 if wide is 0, int16 if it is 1. */
ES_INLINE void es_sum_fours(const int8_t *weight, const void *x, uint16_t columns, uint8_t wide, uint8_t fours,
                            es_vec *sum)
{
    const uint32_t block = 16u * fours;
    ES_UNROLL
    for (uint8_t pass = 0; pass < ES_PASSES; ++pass) {
        const uint8_t first = (uint8_t)(pass * 2 * fours / ES_PASSES);
        const uint8_t end = (uint8_t)(first + 2 * fours / ES_PASSES);
        const int8_t *from = weight;
        es_vec rows[4 * ES_MAX_GATES];
        ES_UNROLL
        for (uint8_t i = first; i < end; ++i) {
            rows[i] = es_splat_32(0);
        }
        for (uint16_t column = 0; column + 4 <= columns; column = (uint16_t)(column + 4), from += block) {
            const es_vec values =
                wide ? es_every_64((const int16_t *)x + column) : es_every_32_widened((const int8_t *)x + column);
            es_add_block(from, values, first, end, rows);
        }
        if (columns % 4 != 0) {
            const uint16_t rest = columns % 4, column = (uint16_t)(columns - rest);
            int16_t some[4] = {0};
            for (uint16_t i = 0; i < rest; ++i) {
                some[i] = wide ? ((const int16_t *)x)[column + i] : ((const int8_t *)x)[column + i];
            }
            es_add_block(from, es_every_64(some), first, end, rows);
        }
        ES_UNROLL
        for (uint8_t i = first; i < end; i = (uint8_t)(i + 2)) {
            sum[i / 2] = es_add_pairs_32(rows[i], rows[i + 1]);
        }
    }
}

ES_INLINE void es_sum_rows(const int8_t *weight, const void *x, uint16_t columns, uint8_t wide, uint8_t gates,
                           const int32_t *bias, uint8_t ones, es_sums *acc)
{
    const es_vec one = es_splat_32(1);
    es_vec sum[2 * ES_MAX_GATES];
    es_sum_fours(weight, x, columns, wide, (uint8_t)(2 * gates), sum);
    ES_UNROLL
    for (uint8_t gate = 0; gate < gates; ++gate) {
        const int32_t *const from = bias + (gate - ones) * ES_GROUP;
        const es_vec low = es_add_32(sum[2 * gate], sum[2 * gate]);
        const es_vec high = es_add_32(sum[2 * gate + 1], sum[2 * gate + 1]);
        acc[gate].low = es_add_32(low, gate < ones ? one : es_load(from));
        acc[gate].high = es_add_32(high, gate < ones ? one : es_load(from + 4));
    }
}

ES_INLINE void es_rows_s8(const int8_t *weight, const int8_t *x, uint16_t columns, uint8_t gates, const int32_t *bias,
                          uint8_t ones, es_sums *acc)
{
    es_sum_rows(weight, x, columns, 0, gates, bias, ones, acc);
}

ES_INLINE void es_view_s16(const int16_t *x, uint16_t size, uint8_t halve, int16_t *view)
{
    uint16_t i = 0;
    for (; i + 8 <= size; i = (uint16_t)(i + 8)) {
        const es_vec values = es_load(x + i);
        es_store(view + i, halve ? es_shift_right_16(values, 1) : values);
    }
    for (; i < size; ++i) {
        view[i] = halve ? es_halve(x[i]) : x[i];
    }
}

ES_INLINE void es_rows_s16(const int8_t *weight, const int16_t *x, uint16_t columns, uint8_t gates, const int32_t *bias,
                           uint8_t ones, es_sums *acc)
{
    es_sum_rows(weight, x, columns, 1, gates, bias, ones, acc);
}

ES_INLINE es_sums es_dense_sums(const int8_t *weight, const int16_t *x, uint16_t inputs, const int32_t *bias,
                                uint16_t count)
{
    es_vec sum[2];
    (void)count;
    es_sum_fours(weight, x, inputs, 1, 2, sum);
    const es_sums sums = {sum[0], sum[1]};
    return es_add_sums(sums, es_load_sums(bias));
}

ES_INLINE es_values es_saturate_values(es_values values)
{
    return values; /* all operations are */
}

ES_INLINE es_values es_add_values(es_values a, es_values b)
{
    return es_add_saturated_16(a, b);
}

ES_INLINE es_values es_subtract_values(es_values a, es_values b)
{
    return es_subtract_saturated_16(a, b);
}

ES_INLINE es_values es_load_values(const int16_t *from)
{
    return es_load(from);
}

ES_INLINE void es_store_values(int16_t *to, es_values values)
{
    es_store(to, values);
}

/* a > 0. {a, 2} times {b, b < 0 ? -1 : 0} is the product less 2 below zero, as es_product rounds it. */
ES_INLINE es_values es_multiply(es_values a, es_values b, uint8_t extra_shift)
{
    const es_vec twos = es_splat_16(2), sign = es_shift_right_16(b, 15);
    const es_vec half = es_splat_32((1 << (14 + extra_shift)) + 1);
    const es_vec low = es_add_32(es_dot_16(es_zip_low_16(a, twos), es_zip_low_16(b, sign)), half);
    const es_vec high = es_add_32(es_dot_16(es_zip_high_16(a, twos), es_zip_high_16(b, sign)), half);
    return es_pack_32(es_shift_right_32(low, 15 + extra_shift), es_shift_right_32(high, 15 + extra_shift));
}

/* (sigmoid(magnitude * 2^shift / 12288) - 1/2) * 2^(25 - right), rounded, with the sign of v.
 * magnitude: unsigned, at most 130559 >> shift. */
ES_INLINE es_values es_odd_curve(es_vec magnitude, es_vec v, uint8_t shift, int right)
{
    /* Each lane gets an entry and the next one; {left, right} times {512 - f, f} is the interpolation. */
    es_vec first, second;
    es_look_up(es_shift_right_unsigned_16(magnitude, 9 - shift), &first, &second);
    const es_vec fraction = es_and(es_shift_left_16(magnitude, shift), es_splat_16(511));
    const es_vec rest = es_subtract_saturated_16(es_splat_16(512), fraction);
    const es_vec half = es_splat_32(1 << (right - 1));
    const es_vec low = es_add_32(es_dot_16(first, es_zip_low_16(rest, fraction)), half);
    const es_vec high = es_add_32(es_dot_16(second, es_zip_high_16(rest, fraction)), half);
    const es_vec curve = es_pack_32(es_shift_right_32(low, right), es_shift_right_32(high, right));
    const es_vec sign = es_shift_right_16(v, 15);
    return es_subtract_saturated_16(es_xor(curve, sign), sign);
}

/* |v|, clamped as the curves do: entries 254 and 255 differ by one, so that of the last fraction only the top bit
 * counts, and a multiple of 2^shift below the last argument 130559 will do for it. */
ES_INLINE es_vec es_clamped_magnitude(es_values v, uint8_t shift)
{
    const es_vec negated = es_subtract_saturated_16(es_splat_16(0), v);
    return es_min_16(es_max_16(v, negated), es_splat_16((int16_t)(130559 >> shift)));
}

ES_INLINE es_values es_sigmoid(es_values v, uint8_t shift)
{
    return es_add_saturated_16(es_odd_curve(es_clamped_magnitude(v, shift), v, shift, 10), es_splat_16(16384));
}

ES_INLINE es_values es_tanh(es_values v, uint8_t shift)
{
    return es_odd_curve(es_clamped_magnitude(v, (uint8_t)(shift + 1)), v, (uint8_t)(shift + 1), 9);
}

ES_INLINE es_vec es_cell_magnitude(es_vec cell, uint8_t cell_shift)
{
    const es_vec tripled = es_dot_16(cell, es_splat_32(3));
    const es_vec half = es_splat_32(1 << (2 - cell_shift));
    const es_vec argument = es_shift_right_32(es_add_32(tripled, half), 3 - cell_shift);
    const es_vec sign = es_shift_right_32(argument, 31);
    return es_subtract_32(es_xor(argument, sign), sign);
}

ES_INLINE es_values es_tanh_of_cell(es_values cell, uint8_t cell_shift)
{
    if (cell_shift < 3) {
        const es_vec zero = es_splat_32(0);
        const es_vec magnitude = es_pack_unsigned_32(es_cell_magnitude(es_zip_low_16(cell, zero), cell_shift),
                                                     es_cell_magnitude(es_zip_high_16(cell, zero), cell_shift));
        return es_odd_curve(magnitude, cell, 1, 9);
    }
    return es_tanh(es_multiply(es_splat_16(24576), cell, 0), (uint8_t)(cell_shift - 1));
}

ES_INLINE void es_store_rows(int16_t *to, es_sums sums, uint16_t count)
{
    int16_t rows[ES_GROUP];
    es_store(rows, es_values_of(sums));
    memcpy(to, rows, count * sizeof(*rows));
}

ES_INLINE void es_view_state(const int16_t *h, uint16_t size, es_view *to)
{
    int8_t *const view = (int8_t *)to;
    uint16_t i = 0;
    for (; i + 8 <= size; i = (uint16_t)(i + 8)) {
        /* es_narrow: 129 for value >= 0, 127 below; the sum saturates as it clamps. */
        const es_vec value = es_load(h + i), sign = es_shift_right_16(value, 15);
        const es_vec half = es_add_saturated_16(es_add_saturated_16(sign, sign), es_splat_16(129));
        es_store_narrowed(view + i, es_shift_right_16(es_add_saturated_16(value, half), 8));
    }
    for (; i < size; ++i) {
        view[i] = es_narrow(h[i]);
    }
    memset(view + size, 0, ES_PADDED(size) - size);
}

#include "es_simd_units.h"

#endif
