/* Views and row loops in Helium. es_isa.h has the format. */
#ifndef ES_MVE_ROWS_H
#define ES_MVE_ROWS_H

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

#endif
