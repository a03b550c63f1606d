/* The same stream in plain C. */
#ifndef ES_MVE_C_H
#define ES_MVE_C_H

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
