/* Any x86-64. */
#ifndef ES_SIMD_SSE2_H
#define ES_SIMD_SSE2_H

#include <emmintrin.h>

typedef __m128i es_vec;

ES_INLINE es_vec es_load(const void *from)
{
    return _mm_loadu_si128((const __m128i *)from);
}

ES_INLINE void es_store(void *to, es_vec v)
{
    _mm_storeu_si128((__m128i *)to, v);
}

ES_INLINE es_vec es_splat_16(int16_t value)
{
    return _mm_set1_epi16(value);
}

ES_INLINE es_vec es_splat_32(int32_t value)
{
    return _mm_set1_epi32(value);
}

/* The low eight bytes as int16. */
ES_INLINE es_vec es_widen(es_vec bytes)
{
    return _mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8);
}

ES_INLINE es_vec es_load_widened(const int8_t *from)
{
    return es_widen(_mm_loadl_epi64((const __m128i *)(const void *)from));
}

ES_INLINE es_vec es_every_64(const int16_t *from)
{
    const es_vec four = _mm_loadl_epi64((const __m128i *)(const void *)from);
    return _mm_unpacklo_epi64(four, four);
}

ES_INLINE es_vec es_every_32_widened(const int8_t *from)
{
    int32_t four;
    memcpy(&four, from, sizeof(four));
    return es_widen(_mm_set1_epi32(four));
}

ES_INLINE void es_store_narrowed(int8_t *to, es_vec v)
{
    _mm_storel_epi64((__m128i *)(void *)to, _mm_packs_epi16(v, v));
}

ES_INLINE es_vec es_and(es_vec a, es_vec b)
{
    return _mm_and_si128(a, b);
}

ES_INLINE es_vec es_xor(es_vec a, es_vec b)
{
    return _mm_xor_si128(a, b);
}

ES_INLINE es_vec es_add_32(es_vec a, es_vec b)
{
    return _mm_add_epi32(a, b);
}

ES_INLINE es_vec es_subtract_32(es_vec a, es_vec b)
{
    return _mm_sub_epi32(a, b);
}

ES_INLINE es_vec es_add_saturated_16(es_vec a, es_vec b)
{
    return _mm_adds_epi16(a, b);
}

ES_INLINE es_vec es_subtract_saturated_16(es_vec a, es_vec b)
{
    return _mm_subs_epi16(a, b);
}

ES_INLINE es_vec es_min_16(es_vec a, es_vec b)
{
    return _mm_min_epi16(a, b);
}

ES_INLINE es_vec es_max_16(es_vec a, es_vec b)
{
    return _mm_max_epi16(a, b);
}

ES_INLINE es_vec es_shift_right_32(es_vec v, int bits)
{
    return _mm_srai_epi32(v, bits);
}

ES_INLINE es_vec es_shift_right_16(es_vec v, int bits)
{
    return _mm_srai_epi16(v, bits);
}

ES_INLINE es_vec es_shift_right_unsigned_16(es_vec v, int bits)
{
    return _mm_srli_epi16(v, bits);
}

ES_INLINE es_vec es_shift_left_16(es_vec v, int bits)
{
    return _mm_slli_epi16(v, bits);
}

ES_INLINE es_vec es_zip_low_16(es_vec a, es_vec b)
{
    return _mm_unpacklo_epi16(a, b);
}

ES_INLINE es_vec es_zip_high_16(es_vec a, es_vec b)
{
    return _mm_unpackhi_epi16(a, b);
}

ES_INLINE es_vec es_pack_32(es_vec a, es_vec b)
{
    return _mm_packs_epi32(a, b);
}

ES_INLINE es_vec es_pack_unsigned_32(es_vec a, es_vec b)
{
    const es_vec middle = _mm_set1_epi32(32768);
    const es_vec packed = _mm_packs_epi32(_mm_sub_epi32(a, middle), _mm_sub_epi32(b, middle));
    return _mm_xor_si128(packed, _mm_set1_epi16(INT16_MIN));
}

ES_INLINE es_vec es_dot_16(es_vec a, es_vec b)
{
    return _mm_madd_epi16(a, b);
}

/* Lanes of a pair of vectors by number, 0..3 from a, 0..3 from b. */
#define ES_LANES(a, b, a0, a1, b0, b1)                                                                                 \
    _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b), _MM_SHUFFLE(b1, b0, a1, a0)))

ES_INLINE es_vec es_add_pairs_32(es_vec a, es_vec b)
{
    return _mm_add_epi32(ES_LANES(a, b, 0, 2, 0, 2), ES_LANES(a, b, 1, 3, 1, 3));
}

/* (acc * factor + 2^30) >> 31. SSE2 multiplies unsigned words: acc + 2^31, whose share of the result is factor. */
ES_INLINE es_vec es_scale_31(es_vec acc, es_vec factor)
{
    const es_vec half = _mm_set1_epi64x(1 << 30);
    const es_vec raised = _mm_xor_si128(acc, _mm_set1_epi32(INT32_MIN));
    const es_vec even = _mm_add_epi64(_mm_mul_epu32(raised, factor), half);
    const es_vec odd = _mm_add_epi64(_mm_mul_epu32(_mm_srli_epi64(raised, 32), _mm_srli_epi64(factor, 32)), half);
    const es_vec scaled = ES_LANES(_mm_srli_epi64(even, 31), _mm_srli_epi64(odd, 31), 0, 2, 0, 2);
    return _mm_sub_epi32(_mm_shuffle_epi32(scaled, _MM_SHUFFLE(3, 1, 2, 0)), factor);
}

ES_INLINE int32_t es_entry_pair(int index)
{
    int32_t pair;
    memcpy(&pair, es_sigmoid_table + index, sizeof(pair));
    return pair;
}

/* Table entries of eight indices, each with the one after it. */
ES_INLINE void es_look_up(es_vec indices, es_vec *first, es_vec *second)
{
    *first = _mm_setr_epi32(es_entry_pair(_mm_extract_epi16(indices, 0)), es_entry_pair(_mm_extract_epi16(indices, 1)),
                            es_entry_pair(_mm_extract_epi16(indices, 2)), es_entry_pair(_mm_extract_epi16(indices, 3)));
    *second =
        _mm_setr_epi32(es_entry_pair(_mm_extract_epi16(indices, 4)), es_entry_pair(_mm_extract_epi16(indices, 5)),
                       es_entry_pair(_mm_extract_epi16(indices, 6)), es_entry_pair(_mm_extract_epi16(indices, 7)));
}

#include "es_simd_128.h"

#endif
