/* Cortex-M55 and M85: the M-profile Vector Extension (Helium).
 *
 * Rows come in groups of eight, one gate of eight units, in two halves: units 0, 2, 4, 6 and units 1, 3, 5, 7, so that
 * one narrowing move interleaves them. A group is the halves of the input part, then those of the state part. A half is
 *   weights, per vector of columns one vector of each row (16 bytes, or 8 of a wide x),
 *   bias (4 words; 1 and left out in the state part of a gate whose parts are added),
 *   multipliers (4 words), shifted left by 32 - shift.
 * Views are padded with zeros to whole vectors. Dense: rows in blocks of four (the last one may have fewer), a block is
 * weights as of a wide x, bias (4), multipliers (4).
 *
 * Sums are in assembly, since compilers make more instructions of the same intrinsics. It reads constants only, so it
 * names no memory, and nothing in it predicates: clang knows no name for that register. */
#ifndef ES_ISA_H
#define ES_ISA_H

#include "es_arith.h"
#include "es_kernels.h"

#if defined(__GNUC__) && defined(__ARM_FEATURE_MVE)
#define ES_MVE 1
#include <arm_mve.h>
#else
#define ES_MVE 0
#endif

#if defined(__GNUC__)
#define ES_INLINE static inline __attribute__((always_inline))
#else
#define ES_INLINE static inline
#endif

#define ES_GROUP 8
#define ES_BLOCK 4

typedef int32_t es_rows;
typedef int8_t es_view;

#define ES_HAS_SUM
typedef int16_t es_sum; /* saturated, which the curves cannot tell from unsaturated */

typedef struct {
    const void *input;
    const int8_t *state;
    uint16_t inputs, units;
    uint8_t input_shift, state_shift;
} es_views;

#define es_make_views(x, inputs, input_shift, h, units, state_shift) {x, h, inputs, units, input_shift, state_shift}

#if ES_MVE

ES_INLINE void es_view_codes8(const int8_t *x, uint16_t size, int8_t *view)
{
    for (uint16_t i = 0; i < size; i = (uint16_t)(i + 16)) {
        vstrbq_s8(view + i, vldrbq_z_s8(x + i, vctp8q((uint32_t)(size - i))));
    }
}

ES_INLINE void es_view_codes16(const int16_t *x, uint16_t size, int16_t *view)
{
    for (uint16_t i = 0; i < size; i = (uint16_t)(i + 8)) {
        vstrhq_s16(view + i, vldrhq_z_s16(x + i, vctp16q((uint32_t)(size - i))));
    }
}

/* -1 or 1. */
ES_INLINE int16x8_t es_sign(int16x8_t v)
{
    return vorrq_n_s16(vshrq_n_s16(v, 15), 1);
}

/* es_narrow: rounded half away from zero. */
ES_INLINE void es_store_narrow(int8_t *view, int16x8_t v)
{
    const int8x16_t narrow = vqrshrnbq_n_s16(vreinterpretq_s8_s16(v), vqaddq_s16(v, es_sign(v)), 8);
    vstrbq_s16(view, vreinterpretq_s16_s8(narrow));
}

ES_INLINE void es_view_state(const int16_t *h, uint16_t size, int8_t *view)
{
    const uint16_t whole = (uint16_t)(size - size % 8);
    for (uint16_t i = 0; i < whole; i = (uint16_t)(i + 8)) {
        es_store_narrow(view + i, vldrhq_s16(h + i));
    }
    if (whole < size) {
        es_store_narrow(view + whole, vldrhq_z_s16(h + whole, vctp16q((uint32_t)(size - whole))));
    }
    if ((size + 7) / 8 % 2 == 1) {
        vstrbq_s16(view + (size + 7) / 8 * 8, vdupq_n_s16(0));
    }
}

/* acc + one vector of weights times one of x, or without acc. The load moves the pointer, and the sum is in an even
 * register, without a move of either. */
ES_INLINE int32_t es_dot_vector(const int8_t **weight, int8x16_t x, uint8_t wide, uint8_t first, int32_t acc)
{
    int8x16_t w;
    if (wide && first) {
        __asm__("vldrb.s16 %q2, [%1], #8\n\tvmladav.s16 %0, %q2, %q3" : "=Te"(acc), "+l"(*weight), "=&w"(w) : "w"(x));
    } else if (wide) {
        __asm__("vldrb.s16 %q2, [%1], #8\n\tvmladava.s16 %0, %q2, %q3" : "+Te"(acc), "+l"(*weight), "=&w"(w) : "w"(x));
    } else if (first) {
        __asm__("vldrb.u8 %q2, [%1], #16\n\tvmladav.s8 %0, %q2, %q3" : "=Te"(acc), "+r"(*weight), "=&w"(w) : "w"(x));
    } else {
        __asm__("vldrb.u8 %q2, [%1], #16\n\tvmladava.s8 %0, %q2, %q3" : "+Te"(acc), "+r"(*weight), "=&w"(w) : "w"(x));
    }
    return acc;
}

ES_INLINE int8x16_t es_load_x(const void *x, uint16_t size, uint16_t vector, uint8_t wide, uint8_t padded)
{
    if (!wide) {
        return vldrbq_s8((const int8_t *)x + 16 * vector);
    }
    const int16_t *from = (const int16_t *)x + 8 * vector;
    if (padded || 8 * vector + 8 <= size) {
        return vreinterpretq_s8_s16(vldrhq_s16(from));
    }
    return vreinterpretq_s8_s16(vldrhq_z_s16(from, vctp16q((uint32_t)(size - 8 * vector))));
}

/* Sums of up to four rows; size, wide, padded (x to whole vectors) and rows are constants at every call. */
ES_INLINE int32x4_t es_dot_rows(const int8_t **weight, const void *x, uint16_t size, uint8_t wide, uint8_t padded,
                                uint8_t rows)
{
    const uint16_t vectors = (uint16_t)(wide ? (size + 7) / 8 : (size + 15) / 16);
    int32_t a = 0, b = 0, c = 0, d = 0;
    for (uint16_t i = 0; i < vectors; ++i) {
        const int8x16_t column = es_load_x(x, size, i, wide, padded);
        a = es_dot_vector(weight, column, wide, i == 0, a);
        b = rows > 1 ? es_dot_vector(weight, column, wide, i == 0, b) : a;
        c = rows > 2 ? es_dot_vector(weight, column, wide, i == 0, c) : a;
        d = rows > 3 ? es_dot_vector(weight, column, wide, i == 0, d) : a;
    }
    int32x4_t sums;
    __asm__("vmov %q0[2], %q0[0], %1, %3\n\tvmov %q0[3], %q0[1], %2, %4" : "=w"(sums) : "r"(a), "r"(b), "r"(c), "r"(d));
    return sums;
}

ES_INLINE int32x4_t es_next_words(const int8_t **stream)
{
    const int32x4_t words = vldrwq_s32((const int32_t *)(const void *)*stream);
    *stream += 16;
    return words;
}

/* A constant that compilers may not fold, where they would turn a multiply-accumulate into more instructions. */
ES_INLINE int32_t es_opaque(int32_t value)
{
    __asm__("" : "+r"(value));
    return value;
}

/* Requantises one half of a part. acc: any odd words, since 2 * sums + 1 shifts the sums into them; then those of this
 * half, which are odd too. */
ES_INLINE int32x4_t es_half(const int8_t **stream, const void *x, uint16_t size, uint8_t wide, uint8_t with_bias,
                            int32x4_t *acc)
{
    const int32x4_t sums = es_dot_rows(stream, x, size, wide, 1, 4);
    *acc = with_bias ? vmlaq_n_s32(es_next_words(stream), sums, es_opaque(2)) : vsliq_n_s32(*acc, sums, 1);
    return vrmulhq_s32(*acc, es_next_words(stream));
}

ES_INLINE int16x8_t es_part(const int8_t **stream, const void *x, uint16_t size, uint8_t wide, uint8_t with_bias,
                            uint8_t bounded, int32x4_t *acc)
{
    const int32x4_t even = es_half(stream, x, size, wide, with_bias, acc);
    const int32x4_t odd = es_half(stream, x, size, wide, with_bias, acc);
    if (bounded) {
        return vmovntq_s32(vreinterpretq_s16_s32(even), odd);
    }
    return vqmovntq_s32(vqmovnbq_s32(vreinterpretq_s16_s32(even), even), odd);
}

ES_INLINE const int32_t *es_gate_rows(const int32_t *rows, const es_views *views, uint8_t sums, uint8_t parts,
                                      uint8_t wide, uint8_t bounded, es_sum *pre)
{
    const int8_t *stream = (const int8_t *)rows;
#pragma GCC unroll 4
    for (uint8_t gate = 0; gate < sums + parts; ++gate) {
        int32x4_t acc = vuninitializedq_s32();
        const int16x8_t input = es_part(&stream, views->input, views->inputs, wide, 1, bounded, &acc);
        const int16x8_t state = es_part(&stream, views->state, views->units, 0, gate >= sums, bounded, &acc);
        if (gate < sums) {
            vstrhq_s16(pre, vqaddq_s16(input, state));
            pre += ES_GROUP;
        } else {
            vstrhq_s16(pre, input);
            vstrhq_s16(pre + ES_GROUP, state);
            pre += 2 * ES_GROUP;
        }
    }
    return (const int32_t *)(const void *)stream;
}

ES_INLINE void es_dense_block(const int8_t **stream, const int16_t *x, uint16_t inputs, uint8_t rows, int16_t *y)
{
    const int32x4_t sums = es_dot_rows(stream, x, inputs, 1, 0, rows);
    const int32x4_t acc = vaddq_s32(sums, es_next_words(stream));
    const int32x4_t scaled = vrmulhq_s32(acc, es_next_words(stream));
    const int32x4_t saturated = vreinterpretq_s32_s16(vqmovnbq_s32(vreinterpretq_s16_s32(scaled), scaled));
    if (rows == ES_BLOCK) {
        vstrhq_s32(y, saturated);
    } else {
        vstrhq_p_s32(y, saturated, vctp32q(rows));
    }
}

ES_INLINE void es_dense_rows(const int32_t *rows, const int16_t *x, uint16_t inputs, uint16_t units, uint8_t shift,
                             int16_t *y)
{
    (void)shift; /* inside the multipliers */
    const int8_t *stream = (const int8_t *)rows;
    const uint8_t last = (uint8_t)(units % ES_BLOCK);
    for (uint16_t row = 0; row < units - last; row = (uint16_t)(row + ES_BLOCK)) {
        es_dense_block(&stream, x, inputs, ES_BLOCK, y + row);
    }
    if (last != 0) {
        es_dense_block(&stream, x, inputs, last, y + units - last);
    }
}

/* |curve| of es_fast_gates.h, half of it, in two parts: 2^16 * (sigmoid - 1/2) is left + fraction * slope. */
typedef struct {
    uint16x8_t left, slope, fraction; /* fraction: 2^-16 */
} es_curve_parts;

/* magnitude << shift is half the table's argument. 256 more, so that saturation is the last argument before that of the
 * table; the table is read one entry earlier. */
ES_INLINE es_curve_parts es_curve_of(uint16x8_t magnitude, int32_t shift)
{
    const uint16x8_t argument = vqaddq_n_u16(vqshlq_r_u16(magnitude, shift), 256);
    const uint16x8_t index = vshrq_n_u16(argument, 8);
    const uint16_t *table = (const uint16_t *)es_sigmoid_table;
    __asm__("" : "+r"(table)); /* compilers warn of what they see before an array */
    es_curve_parts parts;
    parts.left = vldrhq_gather_shifted_offset_u16(table - 1, index);
    parts.slope = vsubq_u16(vldrhq_gather_shifted_offset_u16(table, index), parts.left);
    parts.fraction = vshlq_n_u16(argument, 8);
    return parts;
}

ES_INLINE uint16x8_t es_magnitude(int16x8_t v)
{
    return vreinterpretq_u16_s16(vqabsq_s16(v));
}

ES_INLINE int16x8_t es_sigmoid8(int16x8_t v, uint8_t shift)
{
    const es_curve_parts curve = es_curve_of(es_magnitude(v), shift - 1);
    const uint16x8_t above_half = vrhaddq_u16(curve.left, vmulhq_u16(curve.slope, curve.fraction));
    return vmlasq_n_s16(vreinterpretq_s16_u16(above_half), es_sign(v), 16384);
}

/* tanh with the sign of `sign`. */
ES_INLINE int16x8_t es_tanh8(uint16x8_t magnitude, int16x8_t sign, int32_t shift)
{
    const es_curve_parts curve = es_curve_of(magnitude, shift);
    return vmulq_s16(vreinterpretq_s16_u16(vaddq_u16(curve.left, vrmulhq_u16(curve.slope, curve.fraction))), sign);
}

/* The low 16 bits of a * b decide how 2 * (a * b >> 16) is rounded: the rest of (a * b + 2^14 + sign) >> 15. */
ES_INLINE int16x8_t es_product_rest(int16x8_t a, int16x8_t b, int16x8_t sign)
{
    const uint16x8_t low = vreinterpretq_u16_s16(vmulq_s16(a, b));
    const uint16x8_t half = vreinterpretq_u16_s16(vaddq_n_s16(sign, 16384));
    return vreinterpretq_s16_u16(vshrq_n_u16(vhaddq_u16(low, half), 14));
}

/* es_product of eight: sign is that of b. */
ES_INLINE int16x8_t es_product8(int16x8_t a, int16x8_t b, int16x8_t sign)
{
    return vmlaq_n_s16(es_product_rest(a, b, sign), vmulhq_s16(a, b), (int16_t)es_opaque(2));
}

ES_INLINE int16x8_t es_load_units(const int16_t *from, uint16_t count)
{
    return count == ES_GROUP ? vldrhq_s16(from) : vldrhq_z_s16(from, vctp16q(count));
}

ES_INLINE void es_store_units(int16_t *to, int16x8_t values, uint16_t count)
{
    if (count == ES_GROUP) {
        vstrhq_s16(to, values);
    } else {
        vstrhq_p_s16(to, values, vctp16q(count));
    }
}

/* z * h + (c - z * c) */
ES_INLINE int16x8_t es_blend8(int16x8_t z, int16x8_t candidate, int16x8_t candidate_sign, int16x8_t h)
{
    const int16x8_t replaced = vsubq_s16(candidate, es_product_rest(z, candidate, candidate_sign));
    const int16x8_t rest = vaddq_s16(replaced, es_product_rest(z, h, es_sign(h)));
    const int16x8_t high = vsubq_s16(vmulhq_s16(z, h), vmulhq_s16(z, candidate));
    return vmlaq_n_s16(rest, high, (int16_t)es_opaque(2));
}

#define ES_HAS_UNITS
ES_INLINE void es_gru_units(const es_sum *pre, int16_t *h, uint16_t count, uint8_t shift)
{
    const int16x8_t z = es_sigmoid8(vldrhq_s16(pre), shift);
    const int16x8_t r = es_sigmoid8(vldrhq_s16(pre + ES_GROUP), shift);
    const int16x8_t from_state = vldrhq_s16(pre + 3 * ES_GROUP);
    const int16x8_t gated = es_product8(r, from_state, es_sign(from_state));
    const int16x8_t sum = vqaddq_s16(vldrhq_s16(pre + 2 * ES_GROUP), gated), sign = es_sign(sum);
    const int16x8_t candidate = es_tanh8(es_magnitude(sum), sign, shift);
    es_store_units(h, es_blend8(z, candidate, sign, es_load_units(h, count)), count);
}

/* es_product with the extra shift of a cell. */
ES_INLINE int16x8_t es_cell_product8(int16x8_t a, int16x8_t b, uint8_t extra_shift)
{
    if (extra_shift == 0) {
        return es_product8(a, b, es_sign(b));
    }
    int32x4_t even = vmullbq_int_s16(a, b), odd = vmulltq_int_s16(a, b);
    even = vrshlq_n_s32(vaddq_s32(even, vorrq_n_s32(vshrq_n_s32(even, 31), 1)), -15 - extra_shift);
    odd = vrshlq_n_s32(vaddq_s32(odd, vorrq_n_s32(vshrq_n_s32(odd, 31), 1)), -15 - extra_shift);
    return vmovntq_s32(vreinterpretq_s16_s32(even), odd);
}

/* es_cell_tanh of eight: arguments are doubled in the table. */
ES_INLINE int16x8_t es_cell_tanh8(int16x8_t cell, uint8_t cell_shift)
{
    const int16x8_t sign = es_sign(cell);
    if (cell_shift < 2) {
        return es_tanh8(es_magnitude(vqrdmulhq_n_s16(cell, cell_shift == 0 ? 12288 : 24576)), sign, 0);
    }
    if (cell_shift == 2) {
        /* |c + (c + 1) / 2| as the distance of c from the other summand's negative. */
        return es_tanh8(vreinterpretq_u16_s16(vabdq_s16(cell, vqdmulhq_n_s16(cell, -16384))), sign, 0);
    }
    /* The product's rounding is that of the magnitude. */
    return es_tanh8(vreinterpretq_u16_s16(vqrdmulhq_n_s16(vqabsq_s16(cell), 24576)), sign, cell_shift - 1);
}

ES_INLINE void es_lstm_units(const es_sum *pre, int16_t *h, int16_t *c, uint16_t count, uint8_t shift,
                             uint8_t cell_shift)
{
    const int16x8_t i = es_sigmoid8(vldrhq_s16(pre), shift);
    const int16x8_t g_sum = vldrhq_s16(pre + 2 * ES_GROUP);
    const int16x8_t g = es_tanh8(es_magnitude(g_sum), es_sign(g_sum), shift);
    const int16x8_t added = es_cell_product8(i, g, cell_shift);
    const int16x8_t f = es_sigmoid8(vldrhq_s16(pre + ES_GROUP), shift);
    const int16x8_t old = es_load_units(c, count);
    const int16x8_t cell = vqaddq_s16(added, es_product8(f, old, es_sign(old)));
    es_store_units(c, cell, count);
    const int16x8_t o = es_sigmoid8(vldrhq_s16(pre + 3 * ES_GROUP), shift);
    const int16x8_t result = es_cell_tanh8(cell, cell_shift);
    es_store_units(h, es_product8(o, result, es_sign(cell)), count);
}

#define ES_HAS_GRU_BEFORE_UNITS
ES_INLINE void es_gru_before_gates(const es_sum *pre, const int16_t *h, int16_t *update, int16_t *reset, uint16_t count,
                                   uint8_t shift)
{
    const int16x8_t old = es_load_units(h, count);
    const int16x8_t r = es_sigmoid8(vldrhq_s16(pre + ES_GROUP), shift);
    es_store_units(reset, es_product8(r, old, es_sign(old)), count);
    es_store_units(update, es_sigmoid8(vldrhq_s16(pre), shift), count);
}

ES_INLINE void es_gru_before_units(const es_sum *pre, const int16_t *update, int16_t *h, uint16_t count, uint8_t shift)
{
    const int16x8_t sum = vldrhq_s16(pre), sign = es_sign(sum);
    const int16x8_t candidate = es_tanh8(es_magnitude(sum), sign, shift);
    const int16x8_t z = es_load_units(update, count);
    es_store_units(h, es_blend8(z, candidate, sign, es_load_units(h, count)), count);
}

#define ES_HAS_SIMPLE_RNN_UNITS
ES_INLINE void es_simple_rnn_units(const es_sum *pre, int16_t *h, uint16_t count, uint8_t shift)
{
    const int16x8_t sum = vldrhq_s16(pre);
    es_store_units(h, es_tanh8(es_magnitude(sum), es_sign(sum), shift), count);
}

#else

/* The same stream in plain C. */

ES_INLINE void es_view_codes8(const int8_t *x, uint16_t size, int8_t *view)
{
    for (uint16_t i = 0; i < (size + 15) / 16 * 16; ++i) {
        view[i] = i < size ? x[i] : 0;
    }
}

ES_INLINE void es_view_codes16(const int16_t *x, uint16_t size, int16_t *view)
{
    for (uint16_t i = 0; i < (size + 7) / 8 * 8; ++i) {
        view[i] = i < size ? x[i] : 0;
    }
}

ES_INLINE void es_view_state(const int16_t *h, uint16_t size, int8_t *view)
{
    for (uint16_t i = 0; i < (size + 15) / 16 * 16; ++i) {
        view[i] = i < size ? es_narrow(h[i]) : 0;
    }
}

/* Vectors of `lanes` columns of `rows` rows; x ends at size. */
ES_INLINE const int8_t *es_dot_rows(const int8_t *weight, const void *x, uint16_t size, uint8_t wide, uint8_t rows,
                                    int32_t *acc)
{
    const uint16_t lanes = wide ? 8 : 16;
    for (uint16_t first = 0; first < size; first = (uint16_t)(first + lanes)) {
        for (uint8_t row = 0; row < rows; ++row) {
            for (uint16_t i = first; i < first + lanes && i < size; ++i) {
                acc[row] += weight[i - first] * (wide ? ((const int16_t *)x)[i] : ((const int8_t *)x)[i]);
            }
            weight += lanes;
        }
    }
    return weight;
}

ES_INLINE int32_t es_scale(int32_t acc, int32_t multiplier)
{
    return es_saturate_s16((int32_t)(((int64_t)acc * multiplier + ((int64_t)1 << 31)) >> 32));
}

/* One part of a group -> part[0..7]. */
ES_INLINE const int32_t *es_part(const int32_t *stream, const void *x, uint16_t size, uint8_t wide, uint8_t with_bias,
                                 es_sum *part)
{
    for (uint8_t half = 0; half < 2; ++half) {
        int32_t acc[ES_BLOCK] = {0};
        const int8_t *const weight = (const int8_t *)stream;
        stream += (es_dot_rows(weight, x, size, wide, ES_BLOCK, acc) - weight) / 4;
        for (uint8_t row = 0; row < ES_BLOCK; ++row) {
            const int32_t bias = with_bias ? stream[row] : 1;
            const int32_t multiplier = stream[row + (with_bias ? ES_BLOCK : 0)];
            part[2 * row + half] = (es_sum)es_scale(2 * acc[row] + bias, multiplier);
        }
        stream += with_bias ? 2 * ES_BLOCK : ES_BLOCK;
    }
    return stream;
}

ES_INLINE const int32_t *es_gate_rows(const int32_t *rows, const es_views *views, uint8_t sums, uint8_t parts,
                                      uint8_t wide, uint8_t bounded, es_sum *pre)
{
    (void)bounded; /* saturates either way */
    for (uint8_t gate = 0; gate < sums + parts; ++gate, pre += ES_GROUP) {
        es_sum state[ES_GROUP];
        rows = es_part(rows, views->input, views->inputs, wide, 1, pre);
        rows = es_part(rows, views->state, views->units, 0, gate >= sums, state);
        if (gate >= sums) {
            pre += ES_GROUP;
        }
        for (uint8_t i = 0; i < ES_GROUP; ++i) {
            pre[i] = gate < sums ? (es_sum)es_saturate_s16(pre[i] + state[i]) : state[i];
        }
    }
    return rows;
}

ES_INLINE void es_dense_rows(const int32_t *stream, const int16_t *x, uint16_t inputs, uint16_t units, uint8_t shift,
                             int16_t *y)
{
    (void)shift; /* inside the multipliers */
    for (uint16_t first = 0; first < units; first = (uint16_t)(first + ES_BLOCK)) {
        const uint8_t rows = (uint8_t)(units - first < ES_BLOCK ? units - first : ES_BLOCK);
        int32_t acc[ES_BLOCK] = {0};
        const int8_t *const weight = (const int8_t *)stream;
        stream += (es_dot_rows(weight, x, inputs, 1, rows, acc) - weight) / 4;
        for (uint8_t row = 0; row < rows; ++row) {
            y[first + row] = (int16_t)es_scale(acc[row] + stream[row], stream[ES_BLOCK + row]);
        }
        stream += 2 * ES_BLOCK;
    }
}

#endif

#endif
