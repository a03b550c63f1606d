/* x86-64 with AVX2: all eight units in one register. */
#ifndef ES_SIMD_AVX2_H
#define ES_SIMD_AVX2_H

#include <immintrin.h>

typedef __m256i es_sums;
typedef __m256i es_values; /* int16 range in 32-bit lanes */

ES_INLINE es_sums es_load_sums(const int32_t *from)
{
    return _mm256_loadu_si256((const __m256i *)from);
}

ES_INLINE void es_store_sums(int32_t *to, es_sums sums)
{
    _mm256_storeu_si256((__m256i *)to, sums);
}

ES_INLINE void es_settle_sums(es_sums *sums)
{
    (void)sums;
}

ES_INLINE es_sums es_add_sums(es_sums a, es_sums b)
{
    return _mm256_add_epi32(a, b);
}

ES_INLINE es_sums es_saturate_sums(es_sums sums)
{
    return _mm256_min_epi32(_mm256_max_epi32(sums, _mm256_set1_epi32(INT16_MIN)), _mm256_set1_epi32(INT16_MAX));
}

/* Even rows' results lie in the low words of their products, odd rows' in the high words of theirs. */
ES_INLINE es_sums es_scale(es_sums acc, const int32_t *multiplier, uint8_t shift)
{
    const int left = shift < 32 ? 31 : 32;
    const __m256i half = _mm256_set1_epi64x((long long)1 << (left - 1));
    const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(acc, es_load_sums(multiplier)), half);
    const __m256i odd_acc = _mm256_srli_epi64(acc, 32);
    const __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(odd_acc, es_load_sums(multiplier + 1)), half);
    return _mm256_blend_epi32(_mm256_srli_epi64(even, left), _mm256_slli_epi64(odd, 32 - left), 0xAA);
}

ES_INLINE es_sums es_bias(const int32_t *bias, uint8_t gate, uint8_t ones)
{
    return gate < ones ? _mm256_set1_epi32(1) : es_load_sums(bias + (gate - ones) * ES_GROUP);
}

ES_INLINE void es_rows_s8(const int8_t *weight, const int8_t *x, uint16_t columns, uint8_t gates, const int32_t *bias,
                          uint8_t ones, es_sums *acc)
{
    const __m256i twos = _mm256_set1_epi16(2);
    ES_UNROLL
    for (uint8_t gate = 0; gate < gates; ++gate) {
        acc[gate] = es_bias(bias, gate, ones);
    }
    ES_UNROLL_TWICE
    for (uint16_t column = 0; column < columns; column = (uint16_t)(column + 4)) {
        int32_t block;
        memcpy(&block, x + column, sizeof(block));
        const __m256i values = _mm256_set1_epi32(block);
        const __m256i magnitude = _mm256_abs_epi8(values);
        ES_UNROLL
        for (uint8_t gate = 0; gate < gates; ++gate, weight += 4 * ES_GROUP) {
            /* |x| * (w with the sign of x): at most 2 * 128 * 127 per pair, so that nothing saturates. */
            const __m256i signedw = _mm256_sign_epi8(_mm256_loadu_si256((const __m256i *)weight), values);
            const __m256i pairs = _mm256_maddubs_epi16(magnitude, signedw);
            acc[gate] = _mm256_add_epi32(acc[gate], _mm256_madd_epi16(pairs, twos));
        }
    }
}

ES_INLINE void es_view_s16(const int16_t *x, uint16_t size, uint8_t halve, int16_t *view)
{
    uint16_t i = 0;
    for (; i + 16 <= size; i = (uint16_t)(i + 16)) {
        const __m256i values = _mm256_loadu_si256((const __m256i *)(const void *)(x + i));
        _mm256_storeu_si256((__m256i *)(void *)(view + i), halve ? _mm256_srai_epi16(values, 1) : values);
    }
    for (; i < size; ++i) {
        view[i] = halve ? es_halve(x[i]) : x[i];
    }
    memset(view + size, 0, (ES_PADDED(size) - size) * sizeof(*x));
}

/* Products of one block of an int16 x with four rows: two sums a row. */
ES_INLINE __m256i es_block_s16(const int8_t *weight, __m256i x)
{
    return _mm256_madd_epi16(_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)weight)), x);
}

ES_INLINE __m256i es_four_s16(const int16_t *x)
{
    long long four;
    memcpy(&four, x, sizeof(four));
    return _mm256_set1_epi64x(four);
}

/* Two sums a row of rows 0..3 and 4..7 -> one sum a row. */
ES_INLINE es_sums es_join(__m256i low, __m256i high)
{
    return _mm256_permute4x64_epi64(_mm256_hadd_epi32(low, high), 0xD8);
}

ES_INLINE void es_rows_s16(const int8_t *weight, const int16_t *x, uint16_t columns, uint8_t gates, const int32_t *bias,
                           uint8_t ones, es_sums *acc)
{
    __m256i sums[2 * ES_MAX_GATES];
    ES_UNROLL
    for (uint8_t i = 0; i < 2 * gates; ++i) {
        sums[i] = _mm256_setzero_si256();
    }
    for (uint16_t column = 0; column < columns; column = (uint16_t)(column + 4)) {
        const __m256i values = es_four_s16(x + column);
        ES_UNROLL
        for (uint8_t i = 0; i < 2 * gates; ++i, weight += 2 * ES_GROUP) {
            sums[i] = _mm256_add_epi32(sums[i], es_block_s16(weight, values));
        }
    }
    ES_UNROLL
    for (uint8_t gate = 0; gate < gates; ++gate) {
        const __m256i sum = es_join(sums[2 * gate], sums[2 * gate + 1]);
        acc[gate] = _mm256_add_epi32(_mm256_add_epi32(sum, sum), es_bias(bias, gate, ones));
    }
}

ES_INLINE es_sums es_dense_sums(const int8_t *weight, const int16_t *x, uint16_t inputs, const int32_t *bias,
                                uint16_t count)
{
    __m256i low = _mm256_setzero_si256(), high = low;
    (void)count;
    uint16_t column = 0;
    for (; column + 4 <= inputs; column = (uint16_t)(column + 4), weight += 4 * ES_GROUP) {
        const __m256i values = es_four_s16(x + column);
        low = _mm256_add_epi32(low, es_block_s16(weight, values));
        high = _mm256_add_epi32(high, es_block_s16(weight + 2 * ES_GROUP, values));
    }
    if (column < inputs) {
        int16_t rest[4] = {0};
        memcpy(rest, x + column, (uint16_t)(inputs - column) * sizeof(*x));
        const __m256i values = es_four_s16(rest);
        low = _mm256_add_epi32(low, es_block_s16(weight, values));
        high = _mm256_add_epi32(high, es_block_s16(weight + 2 * ES_GROUP, values));
    }
    return _mm256_add_epi32(es_join(low, high), es_load_sums(bias));
}

ES_INLINE es_values es_values_of(es_sums sums)
{
    return sums; /* the curves clamp, and a part alone is in range */
}

ES_INLINE es_values es_saturate_values(es_values values)
{
    return es_saturate_sums(values);
}

ES_INLINE es_values es_add_values(es_values a, es_values b)
{
    return _mm256_add_epi32(a, b);
}

ES_INLINE es_values es_subtract_values(es_values a, es_values b)
{
    return _mm256_sub_epi32(a, b);
}

ES_INLINE es_values es_load_values(const int16_t *from)
{
    return _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)from));
}

ES_INLINE void es_store_values(int16_t *to, es_values values)
{
    const __m256i packed = _mm256_packs_epi32(values, values);
    _mm_storeu_si128((__m128i *)to, _mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0xD8)));
}

/* a > 0. The upper half of a lane of b is its sign, 0 or -1: with 2 there in a, VPMADDWD gives a*b - 2*(b < 0). */
ES_INLINE es_values es_multiply(es_values a, es_values b, uint8_t extra_shift)
{
    const __m256i product = _mm256_madd_epi16(_mm256_add_epi32(a, _mm256_set1_epi32(2 << 16)), b);
    const __m256i half = _mm256_set1_epi32((1 << (14 + extra_shift)) + 1);
    return _mm256_srai_epi32(_mm256_add_epi32(product, half), 15 + extra_shift);
}

/* (sigmoid(|v| * scale / 12288) - 1/2) * 2^(25 - right), rounded, with the sign of v. */
ES_INLINE es_values es_odd_curve(__m256i v, uint8_t scale_shift, int right)
{
    const __m256i scaled = _mm256_slli_epi32(_mm256_abs_epi32(v), scale_shift);
    const __m256i magnitude = _mm256_min_epi32(scaled, _mm256_set1_epi32(130559));
    /* Each lane gets an entry and the next one; {left, right} times {512 - f, f} is the interpolation. */
    const __m256i entries = _mm256_i32gather_epi32((const int *)es_sigmoid_table, _mm256_srli_epi32(magnitude, 9), 2);
    const __m256i fraction = _mm256_and_si256(magnitude, _mm256_set1_epi32(511));
    const __m256i weights =
        _mm256_add_epi32(_mm256_sub_epi32(_mm256_slli_epi32(fraction, 16), fraction), _mm256_set1_epi32(512));
    const __m256i half = _mm256_set1_epi32(1 << (right - 1));
    const __m256i curve = _mm256_add_epi32(_mm256_madd_epi16(entries, weights), half);
    return _mm256_sign_epi32(_mm256_srai_epi32(curve, right), v);
}

ES_INLINE es_values es_sigmoid(es_values v, uint8_t shift)
{
    return _mm256_add_epi32(es_odd_curve(v, shift, 10), _mm256_set1_epi32(16384));
}

ES_INLINE es_values es_tanh(es_values v, uint8_t shift)
{
    return es_odd_curve(v, (uint8_t)(shift + 1), 9);
}

ES_INLINE es_values es_tanh_of_cell(es_values cell, uint8_t cell_shift)
{
    if (cell_shift < 3) {
        const __m256i tripled = _mm256_add_epi32(_mm256_slli_epi32(cell, 1), cell);
        const __m256i half = _mm256_set1_epi32(1 << (2 - cell_shift));
        return es_tanh(_mm256_srai_epi32(_mm256_add_epi32(tripled, half), 3 - cell_shift), 0);
    }
    return es_tanh(es_multiply(_mm256_set1_epi32(24576), cell, 0), (uint8_t)(cell_shift - 1));
}

ES_INLINE void es_store_rows(int16_t *to, es_sums sums, uint16_t count)
{
    int16_t rows[ES_GROUP];
    es_store_values(rows, sums);
    memcpy(to, rows, count * sizeof(*rows));
}

ES_INLINE void es_view_state(const int16_t *h, uint16_t size, es_view *to)
{
    int8_t *const view = (int8_t *)to;
    uint16_t i = 0;
    for (; i + 16 <= size; i = (uint16_t)(i + 16)) {
        const __m256i value = _mm256_loadu_si256((const __m256i *)(h + i));
        /* es_narrow: 129 for value >= 0, 127 below; the sum saturates as it clamps. */
        const __m256i sign = _mm256_srai_epi16(value, 15);
        const __m256i half = _mm256_add_epi16(_mm256_add_epi16(sign, sign), _mm256_set1_epi16(129));
        const __m256i narrow = _mm256_srai_epi16(_mm256_adds_epi16(value, half), 8);
        const __m256i packed = _mm256_permute4x64_epi64(_mm256_packs_epi16(narrow, narrow), 0xD8);
        _mm_storeu_si128((__m128i *)(view + i), _mm256_castsi256_si128(packed));
    }
    for (; i < size; ++i) {
        view[i] = es_narrow(h[i]);
    }
    memset(view + size, 0, ES_PADDED(size) - size);
}

#include "es_simd_units.h"

#endif
