/* WebAssembly with 128-bit SIMD. */
#ifndef ES_SIMD_WASM_H
#define ES_SIMD_WASM_H

#include <wasm_simd128.h>

typedef v128_t es_vec;

ES_INLINE es_vec es_load(const void *from)
{
    return wasm_v128_load(from);
}

ES_INLINE void es_store(void *to, es_vec v)
{
    wasm_v128_store(to, v);
}

ES_INLINE es_vec es_splat_16(int16_t value)
{
    return wasm_i16x8_splat(value);
}

ES_INLINE es_vec es_splat_32(int32_t value)
{
    return wasm_i32x4_splat(value);
}

ES_INLINE es_vec es_load_widened(const int8_t *from)
{
    return wasm_i16x8_load8x8(from);
}

ES_INLINE es_vec es_every_64(const int16_t *from)
{
    return wasm_v128_load64_splat(from);
}

ES_INLINE es_vec es_every_32_widened(const int8_t *from)
{
    return wasm_i16x8_extend_low_i8x16(wasm_v128_load32_splat(from));
}

ES_INLINE void es_store_narrowed(int8_t *to, es_vec v)
{
    wasm_v128_store64_lane(to, wasm_i8x16_narrow_i16x8(v, v), 0);
}

ES_INLINE es_vec es_and(es_vec a, es_vec b)
{
    return wasm_v128_and(a, b);
}

ES_INLINE es_vec es_xor(es_vec a, es_vec b)
{
    return wasm_v128_xor(a, b);
}

ES_INLINE es_vec es_add_32(es_vec a, es_vec b)
{
    return wasm_i32x4_add(a, b);
}

ES_INLINE es_vec es_subtract_32(es_vec a, es_vec b)
{
    return wasm_i32x4_sub(a, b);
}

ES_INLINE es_vec es_add_saturated_16(es_vec a, es_vec b)
{
    return wasm_i16x8_add_sat(a, b);
}

ES_INLINE es_vec es_subtract_saturated_16(es_vec a, es_vec b)
{
    return wasm_i16x8_sub_sat(a, b);
}

ES_INLINE es_vec es_min_16(es_vec a, es_vec b)
{
    return wasm_i16x8_min(a, b);
}

ES_INLINE es_vec es_max_16(es_vec a, es_vec b)
{
    return wasm_i16x8_max(a, b);
}

ES_INLINE es_vec es_shift_right_32(es_vec v, int bits)
{
    return wasm_i32x4_shr(v, (uint32_t)bits);
}

ES_INLINE es_vec es_shift_right_16(es_vec v, int bits)
{
    return wasm_i16x8_shr(v, (uint32_t)bits);
}

ES_INLINE es_vec es_shift_right_unsigned_16(es_vec v, int bits)
{
    return wasm_u16x8_shr(v, (uint32_t)bits);
}

ES_INLINE es_vec es_shift_left_16(es_vec v, int bits)
{
    return wasm_i16x8_shl(v, (uint32_t)bits);
}

ES_INLINE es_vec es_zip_low_16(es_vec a, es_vec b)
{
    return wasm_i16x8_shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}

ES_INLINE es_vec es_zip_high_16(es_vec a, es_vec b)
{
    return wasm_i16x8_shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

ES_INLINE es_vec es_pack_32(es_vec a, es_vec b)
{
    return wasm_i16x8_narrow_i32x4(a, b);
}

ES_INLINE es_vec es_pack_unsigned_32(es_vec a, es_vec b)
{
    return wasm_u16x8_narrow_i32x4(a, b);
}

ES_INLINE es_vec es_dot_16(es_vec a, es_vec b)
{
    return wasm_i32x4_dot_i16x8(a, b);
}

ES_INLINE es_vec es_add_pairs_32(es_vec a, es_vec b)
{
    return wasm_i32x4_add(wasm_i32x4_shuffle(a, b, 0, 2, 4, 6), wasm_i32x4_shuffle(a, b, 1, 3, 5, 7));
}

/* (acc * factor + 2^30) >> 31. */
ES_INLINE es_vec es_scale_31(es_vec acc, es_vec factor)
{
    const es_vec half = wasm_i64x2_splat(1 << 30);
    const es_vec low = wasm_i64x2_add(wasm_i64x2_extmul_low_i32x4(acc, factor), half);
    const es_vec high = wasm_i64x2_add(wasm_i64x2_extmul_high_i32x4(acc, factor), half);
    return wasm_i32x4_shuffle(wasm_u64x2_shr(low, 31), wasm_u64x2_shr(high, 31), 0, 2, 4, 6);
}

/* Table entries of eight indices, each with the one after it. */
#define ES_ENTRY_PAIR(indices, lane, pairs, to)                                                                        \
    wasm_v128_load32_lane(es_sigmoid_table + wasm_u16x8_extract_lane(indices, lane), pairs, to)

ES_INLINE void es_look_up(es_vec indices, es_vec *first, es_vec *second)
{
    *first = wasm_v128_load32_zero(es_sigmoid_table + wasm_u16x8_extract_lane(indices, 0));
    *first = ES_ENTRY_PAIR(indices, 1, *first, 1);
    *first = ES_ENTRY_PAIR(indices, 2, *first, 2);
    *first = ES_ENTRY_PAIR(indices, 3, *first, 3);
    *second = wasm_v128_load32_zero(es_sigmoid_table + wasm_u16x8_extract_lane(indices, 4));
    *second = ES_ENTRY_PAIR(indices, 5, *second, 1);
    *second = ES_ENTRY_PAIR(indices, 6, *second, 2);
    *second = ES_ENTRY_PAIR(indices, 7, *second, 3);
}

#include "es_simd_128.h"

#endif
