/* Eight units at once with NEON. Twins: es_fast_gates.h. */
#ifndef ES_SIMD_NEON_UNITS_H
#define ES_SIMD_NEON_UNITS_H

ES_INLINE es_values es_saturate_values(es_values values)
{
    return values; /* all operations are */
}

ES_INLINE es_values es_add_values(es_values a, es_values b)
{
    return vqaddq_s16(a, b);
}

ES_INLINE es_values es_subtract_values(es_values a, es_values b)
{
    return vqsubq_s16(a, b);
}

ES_INLINE es_values es_load_values(const int16_t *from)
{
    return vld1q_s16(from);
}

ES_INLINE void es_store_values(int16_t *to, es_values values)
{
    vst1q_s16(to, values);
}

/* 1 or -1, of which es_multiply's product and es_narrow's value want one more before they are rounded half up. */
ES_INLINE int16x8_t es_sign(int16x8_t v)
{
    return vorrq_s16(vshrq_n_s16(v, 15), vdupq_n_s16(1));
}

/* a > 0. */
ES_INLINE es_values es_multiply(es_values a, es_values b, uint8_t extra_shift)
{
    const int16x8_t sign = es_sign(b);
    const int32x4_t low = vaddw_s16(vmull_s16(vget_low_s16(a), vget_low_s16(b)), vget_low_s16(sign));
    const int32x4_t high = vaddw_s16(vmull_s16(vget_high_s16(a), vget_high_s16(b)), vget_high_s16(sign));
    if (extra_shift == 0) {
        return vcombine_s16(vrshrn_n_s32(low, 15), vrshrn_n_s32(high, 15));
    }
    const int32x4_t shift = vdupq_n_s32(-15 - extra_shift);
    return vcombine_s16(vmovn_s32(vrshlq_s32(low, shift)), vmovn_s32(vrshlq_s32(high, shift)));
}

/* Table entries of indices 2 * pair and 2 * pair + 1. */
#if defined(__aarch64__)
/* Both leave the vector at once; they are below 2^31, so that a shift by 31 is the second one, doubled. */
#define ES_TWO(indices, pair) vgetq_lane_u64(vreinterpretq_u64_u32(indices), pair)
#define ES_EVEN_ENTRY(indices, pair) (es_sigmoid_table + (uint8_t)ES_TWO(indices, pair))
#define ES_ODD_ENTRY(indices, pair)                                                                                    \
    ((const int16_t *)(const void *)((const char *)es_sigmoid_table + (ES_TWO(indices, pair) >> 31)))
#else
#define ES_EVEN_ENTRY(indices, pair) (es_sigmoid_table + vgetq_lane_u32(indices, 2 * (pair)))
#define ES_ODD_ENTRY(indices, pair) (es_sigmoid_table + vgetq_lane_u32(indices, 2 * (pair) + 1))
#endif

ES_INLINE int16x8x2_t es_load_pair(const int16_t *entry)
{
#if defined(__aarch64__)
    return vld2q_dup_s16(entry);
#else
    const int16x4x2_t pair = vld2_dup_s16(entry);
    const int16x8x2_t pairs = {{vcombine_s16(pair.val[0], pair.val[0]), vcombine_s16(pair.val[1], pair.val[1])}};
    return pairs;
#endif
}

/* sigmoid(magnitude * 2^shift / 12288) - 1/2, in steps of 2^-15 or, if fine, of 2^-16, with the sign of v. */
ES_INLINE es_values es_odd_curve(uint16x8_t magnitude, int16x8_t v, uint8_t shift, uint8_t fine)
{
    /* Entries 254 and 255 differ by one, so that of the last fraction only the top bit counts: a multiple of 2^shift
     * below the last argument 130559 will do for it. */
    const uint16x8_t clamped = vminq_u16(magnitude, vdupq_n_u16((uint16_t)(130559 >> shift)));
    const uint16x8_t index = vshlq_u16(clamped, vdupq_n_s16((int16_t)(shift - 9)));
    const uint32x4_t low = vmovl_u16(vget_low_u16(index)), high = vmovl_u16(vget_high_u16(index));
    /* Each lane gets an entry and the next one. */
    int16x8x2_t entries = es_load_pair(ES_EVEN_ENTRY(low, 0));
    entries = vld2q_lane_s16(ES_ODD_ENTRY(low, 0), entries, 1);
    entries = vld2q_lane_s16(ES_EVEN_ENTRY(low, 1), entries, 2);
    entries = vld2q_lane_s16(ES_ODD_ENTRY(low, 1), entries, 3);
    entries = vld2q_lane_s16(ES_EVEN_ENTRY(high, 0), entries, 4);
    entries = vld2q_lane_s16(ES_ODD_ENTRY(high, 0), entries, 5);
    entries = vld2q_lane_s16(ES_EVEN_ENTRY(high, 1), entries, 6);
    entries = vld2q_lane_s16(ES_ODD_ENTRY(high, 1), entries, 7);
    /* The 9 bits of fraction on top of a positive int16: VQDMULH gives slope * fraction / 512. */
    const uint16x8_t bits = vshlq_u16(clamped, vdupq_n_s16((int16_t)(shift + 6)));
    const int16x8_t fraction = vreinterpretq_s16_u16(vandq_u16(bits, vdupq_n_u16(0x7FFF)));
    const int16x8_t left = entries.val[0], slope = vsubq_s16(entries.val[1], left);
    const int16x8_t curve =
        fine ? vaddq_s16(left, vqrdmulhq_s16(slope, fraction)) : vrhaddq_s16(left, vqdmulhq_s16(slope, fraction));
    const int16x8_t sign = vshrq_n_s16(v, 15);
    return vsubq_s16(veorq_s16(curve, sign), sign);
}

ES_INLINE uint16x8_t es_magnitude(int16x8_t v)
{
    return vreinterpretq_u16_s16(vabsq_s16(v));
}

ES_INLINE es_values es_sigmoid(es_values v, uint8_t shift)
{
    return vaddq_s16(es_odd_curve(es_magnitude(v), v, shift, 0), vdupq_n_s16(16384));
}

ES_INLINE es_values es_tanh(es_values v, uint8_t shift)
{
    return es_odd_curve(es_magnitude(v), v, (uint8_t)(shift + 1), 1);
}

ES_INLINE uint16x4_t es_cell_magnitude(int16x4_t cell, uint8_t cell_shift)
{
    const int32x4_t argument = vrshlq_s32(vmull_n_s16(cell, 3), vdupq_n_s32(cell_shift - 3));
    return vmovn_u32(vreinterpretq_u32_s32(vabsq_s32(argument)));
}

ES_INLINE es_values es_tanh_of_cell(es_values cell, uint8_t cell_shift)
{
    if (cell_shift < 3) {
        const uint16x8_t magnitude = vcombine_u16(es_cell_magnitude(vget_low_s16(cell), cell_shift),
                                                  es_cell_magnitude(vget_high_s16(cell), cell_shift));
        return es_odd_curve(magnitude, cell, 1, 1);
    }
    return es_tanh(es_multiply(vdupq_n_s16(24576), cell, 0), (uint8_t)(cell_shift - 1));
}

ES_INLINE void es_store_rows(int16_t *to, es_sums sums, uint16_t count)
{
    int16_t rows[ES_GROUP];
    vst1q_s16(rows, es_values_of(sums));
    memcpy(to, rows, count * sizeof(*rows));
}

ES_INLINE void es_view_state(const int16_t *h, uint16_t size, es_view *to)
{
    int8_t *const view = (int8_t *)to;
    uint16_t i = 0;
    for (; i + 8 <= size; i = (uint16_t)(i + 8)) {
        const int16x8_t value = vld1q_s16(h + i);
        vst1_s8(view + i, vqrshrn_n_s16(vqaddq_s16(value, es_sign(value)), 8));
    }
    for (; i < size; ++i) {
        view[i] = es_narrow(h[i]);
    }
    memset(view + size, 0, ES_PADDED(size) - size);
}

#endif
