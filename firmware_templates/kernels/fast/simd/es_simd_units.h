/* What happens to eight units at once. Twins: the scalar forms in es_fast_gates.h. */
#ifndef ES_SIMD_UNITS_H
#define ES_SIMD_UNITS_H

#define ES_HAS_UNITS
#define ES_HAS_GRU_BEFORE_UNITS
#define ES_HAS_SIMPLE_RNN_UNITS

ES_INLINE es_values es_load_units(const int16_t *from, uint16_t count)
{
    if (count == ES_GROUP) {
        return es_load_values(from);
    }
    int16_t padded[ES_GROUP] = {0};
    memcpy(padded, from, count * sizeof(int16_t));
    return es_load_values(padded);
}

ES_INLINE void es_store_units(int16_t *to, es_values values, uint16_t count)
{
    if (count == ES_GROUP) {
        es_store_values(to, values);
    } else {
        int16_t padded[ES_GROUP];
        es_store_values(padded, values);
        memcpy(to, padded, count * sizeof(int16_t));
    }
}

ES_INLINE es_values es_gate(const int32_t *pre, uint8_t gate)
{
    return es_values_of(es_load_sums(pre + gate * ES_GROUP));
}

/* z*h + (c - z*c). */
ES_INLINE es_values es_mix(es_values z, es_values h, es_values candidate)
{
    return es_add_values(es_subtract_values(candidate, es_multiply(z, candidate, 0)), es_multiply(z, h, 0));
}

ES_INLINE void es_gru_units(const int32_t *pre, int16_t *h, uint16_t count, uint8_t shift)
{
    const es_values z = es_sigmoid(es_gate(pre, 0), shift);
    const es_values r = es_sigmoid(es_gate(pre, 1), shift);
    const es_values candidate = es_tanh(es_add_values(es_gate(pre, 2), es_multiply(r, es_gate(pre, 3), 0)), shift);
    es_store_units(h, es_mix(z, es_load_units(h, count), candidate), count);
}

ES_INLINE void es_gru_before_gates(const int32_t *pre, const int16_t *h, int16_t *update, int16_t *reset,
                                   uint16_t count, uint8_t shift)
{
    es_store_units(update, es_sigmoid(es_gate(pre, 0), shift), count);
    const es_values r = es_sigmoid(es_gate(pre, 1), shift);
    es_store_units(reset, es_multiply(r, es_load_units(h, count), 0), count);
}

ES_INLINE void es_gru_before_units(const int32_t *pre, const int16_t *update, int16_t *h, uint16_t count, uint8_t shift)
{
    const es_values candidate = es_tanh(es_gate(pre, 0), shift);
    es_store_units(h, es_mix(es_load_units(update, count), es_load_units(h, count), candidate), count);
}

ES_INLINE void es_lstm_units(const int32_t *pre, int16_t *h, int16_t *c, uint16_t count, uint8_t shift,
                             uint8_t cell_shift)
{
    const es_values i = es_sigmoid(es_gate(pre, 0), shift);
    const es_values f = es_sigmoid(es_gate(pre, 1), shift);
    const es_values g = es_tanh(es_gate(pre, 2), shift);
    const es_values o = es_sigmoid(es_gate(pre, 3), shift);
    const es_values added = es_multiply(i, g, cell_shift);
    const es_values cell = es_saturate_values(es_add_values(added, es_multiply(f, es_load_units(c, count), 0)));
    es_store_units(c, cell, count);
    es_store_units(h, es_multiply(o, es_tanh_of_cell(cell, cell_shift), 0), count);
}

ES_INLINE void es_simple_rnn_units(const int32_t *pre, int16_t *h, uint16_t count, uint8_t shift)
{
    es_store_units(h, es_tanh(es_gate(pre, 0), shift), count);
}

#endif
