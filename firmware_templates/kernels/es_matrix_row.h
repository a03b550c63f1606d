/* One requantised row of a matrix, by what it reads (s8, s16) and how its weights lie (w8, w4, sparse). */
#ifndef ES_MATRIX_ROW_H
#define ES_MATRIX_ROW_H

#include "es_arith.h"
#include "es_kernels.h"

/* Doubled sum plus odd bias: never an exact rounding tie (edgeseq.arith.requantize.round_to_short).
 * The exporter proves that the sum fits int32. */
static inline int32_t es_doubled_row(const ES_FLASH es_matrix *matrix, uint32_t row, int32_t dot, int32_t bias)
{
    return es_requantize(2 * dot + bias, matrix->multiplier[row], matrix->shift);
}

static inline int32_t es_row_s8_w8(const ES_FLASH es_matrix *matrix, uint32_t row, int32_t bias, const int8_t *x,
                                   uint16_t columns)
{
    return es_doubled_row(matrix, row, es_dot_s8(matrix->weight + (size_t)row * columns, x, columns), bias);
}

static inline int32_t es_row_s16_w8(const ES_FLASH es_matrix *matrix, uint32_t row, int32_t bias, const int16_t *x,
                                    uint16_t columns)
{
    return es_doubled_row(matrix, row, es_dot_s16(matrix->weight + (size_t)row * columns, x, columns), bias);
}

static inline int32_t es_row_s8_sparse(const ES_FLASH es_matrix *matrix, uint32_t row, int32_t bias, const int8_t *x,
                                       uint16_t columns)
{
    return es_doubled_row(matrix, row, es_dot_s8_sparse(matrix->weight, row, x, columns), bias);
}

static inline int32_t es_row_s16_sparse(const ES_FLASH es_matrix *matrix, uint32_t row, int32_t bias, const int16_t *x,
                                        uint16_t columns)
{
    return es_doubled_row(matrix, row, es_dot_s16_sparse(matrix->weight, row, x, columns), bias);
}

/* Two weights a byte; a row of an odd number of them ends with half a byte of zero. */
static inline const ES_FLASH int8_t *es_nibble_row(const ES_FLASH es_matrix *matrix, uint32_t row, uint16_t columns)
{
    return matrix->weight + (size_t)row * ((columns + 1U) / 2);
}

static inline int32_t es_row_s8_w4(const ES_FLASH es_matrix *matrix, uint32_t row, int32_t bias, const int8_t *x,
                                   uint16_t columns)
{
    return es_doubled_row(matrix, row, es_dot_s8_w4(es_nibble_row(matrix, row, columns), x, columns), bias);
}

static inline int32_t es_row_s16_w4(const ES_FLASH es_matrix *matrix, uint32_t row, int32_t bias, const int16_t *x,
                                    uint16_t columns)
{
    return es_doubled_row(matrix, row, es_dot_s16_w4(es_nibble_row(matrix, row, columns), x, columns), bias);
}

#endif
