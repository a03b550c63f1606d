/* Plain C: sums of eight rows side by side, for compilers to make vectors of; units one by one, as in es_fast.h. */
#ifndef ES_SIMD_C_H
#define ES_SIMD_C_H

typedef struct {
    int32_t row[ES_GROUP];
} es_sums;

ES_INLINE void es_store_sums(int32_t *to, es_sums sums)
{
    memcpy(to, sums.row, sizeof(sums.row));
}

ES_INLINE void es_settle_sums(es_sums *sums)
{
    (void)sums;
}

ES_INLINE es_sums es_add_sums(es_sums a, es_sums b)
{
    for (uint8_t i = 0; i < ES_GROUP; ++i) {
        a.row[i] += b.row[i];
    }
    return a;
}

ES_INLINE es_sums es_saturate_sums(es_sums sums)
{
    for (uint8_t i = 0; i < ES_GROUP; ++i) {
        sums.row[i] = es_saturate_s16(sums.row[i]);
    }
    return sums;
}

ES_INLINE es_sums es_scale(es_sums acc, const int32_t *multiplier, uint8_t shift)
{
    const uint8_t left = shift < 32 ? 31 : 32;
    for (uint8_t i = 0; i < ES_GROUP; ++i) {
        acc.row[i] = (int32_t)(((int64_t)acc.row[i] * multiplier[i] + ((int64_t)1 << (left - 1))) >> left);
    }
    return acc;
}

/* sum[gate] += w * x over one block of four columns. */
ES_INLINE void es_add_block(const int8_t *weight, const int16_t *x, uint8_t gates, es_sums *sum)
{
    for (uint8_t gate = 0; gate < gates; ++gate) {
        for (uint8_t i = 0; i < ES_GROUP; ++i, weight += 4) {
            sum[gate].row[i] += weight[0] * x[0] + weight[1] * x[1] + weight[2] * x[2] + weight[3] * x[3];
        }
    }
}

ES_INLINE void es_finish_rows(uint8_t gates, const int32_t *bias, uint8_t ones, es_sums *acc)
{
    for (uint8_t gate = 0; gate < gates; ++gate) {
        for (uint8_t i = 0; i < ES_GROUP; ++i) {
            acc[gate].row[i] = 2 * acc[gate].row[i] + (gate < ones ? 1 : bias[(gate - ones) * ES_GROUP + i]);
        }
    }
}

ES_INLINE void es_rows_s8(const int8_t *weight, const int8_t *x, uint16_t columns, uint8_t gates, const int32_t *bias,
                          uint8_t ones, es_sums *acc)
{
    memset(acc, 0, gates * sizeof(*acc));
    for (uint16_t column = 0; column < columns;
         column = (uint16_t)(column + 4), x += 4, weight += 4 * ES_GROUP * gates) {
        const int16_t block[4] = {x[0], x[1], x[2], x[3]};
        es_add_block(weight, block, gates, acc);
    }
    es_finish_rows(gates, bias, ones, acc);
}

ES_INLINE void es_view_s16(const int16_t *x, uint16_t size, uint8_t halve, int16_t *view)
{
    for (uint16_t i = 0; i < size; ++i) {
        view[i] = halve ? es_halve(x[i]) : x[i];
    }
    memset(view + size, 0, (ES_PADDED(size) - size) * sizeof(*x));
}

ES_INLINE void es_rows_s16(const int8_t *weight, const int16_t *x, uint16_t columns, uint8_t gates, const int32_t *bias,
                           uint8_t ones, es_sums *acc)
{
    memset(acc, 0, gates * sizeof(*acc));
    for (uint16_t column = 0; column < columns;
         column = (uint16_t)(column + 4), x += 4, weight += 4 * ES_GROUP * gates) {
        es_add_block(weight, x, gates, acc);
    }
    es_finish_rows(gates, bias, ones, acc);
}

ES_INLINE es_sums es_dense_sums(const int8_t *weight, const int16_t *x, uint16_t inputs, const int32_t *bias,
                                uint16_t count)
{
    es_sums acc;
    (void)count;
    memcpy(acc.row, bias, sizeof(acc.row));
    for (uint16_t column = 0; column < inputs; column = (uint16_t)(column + 4), weight += 4 * ES_GROUP) {
        int16_t block[4] = {0};
        memcpy(block, x + column, (size_t)(inputs - column < 4 ? inputs - column : 4) * sizeof(*x));
        es_add_block(weight, block, 1, &acc);
    }
    return acc;
}

ES_INLINE void es_store_rows(int16_t *to, es_sums sums, uint16_t count)
{
    for (uint16_t i = 0; i < count; ++i) {
        to[i] = (int16_t)es_saturate_s16(sums.row[i]);
    }
}

ES_INLINE void es_view_state(const int16_t *h, uint16_t size, es_view *to)
{
    int8_t *const view = (int8_t *)to;
    for (uint16_t i = 0; i < size; ++i) {
        view[i] = es_narrow(h[i]);
    }
    memset(view + size, 0, ES_PADDED(size) - size);
}

#endif
