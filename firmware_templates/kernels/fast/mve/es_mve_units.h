/* Eight units at once in Helium. Twins: es_fast_gates.h. */
#ifndef ES_MVE_UNITS_H
#define ES_MVE_UNITS_H

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

#endif
