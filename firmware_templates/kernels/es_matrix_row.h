/* One requantised row of a matrix whose input enters doubled. */
#ifndef ES_MATRIX_ROW_H
#define ES_MATRIX_ROW_H

#include "es_arith.h"
#include "es_kernels.h"

static inline int32_t es_matrix_row_s8(const ES_FLASH es_matrix *matrix, uint32_t row, int32_t bias, const int8_t *x,
                                       uint16_t columns)
{
    const int32_t dot = es_dot_s8(matrix->weight + (size_t)row * columns, x, columns);
    /* Doubled sum plus odd bias: never an exact rounding tie (edgeseq.arith.requantize.round_to_short). */
    return es_requantize(2 * dot + bias, matrix->multiplier[row], matrix->shift);
}

/* Bias of a row that has one in every matrix. */
static inline int32_t es_input_row_s8(const ES_FLASH es_matrix *matrix, uint32_t row, const int8_t *x, uint16_t columns)
{
    return es_matrix_row_s8(matrix, row, matrix->bias[row], x, columns);
}

/* The same for a 15-bit input, whose doubled sum the exporter proves to fit int32. */
static inline int32_t es_input_row_s16(const ES_FLASH es_matrix *matrix, uint32_t row, const int16_t *x,
                                       uint16_t columns)
{
    const int32_t dot = es_dot_s16(matrix->weight + (size_t)row * columns, x, columns);
    return es_requantize(2 * dot + matrix->bias[row], matrix->multiplier[row], matrix->shift);
}

/* Recurrent rows whose real bias was merged into the input's keep the odd constant. */
static inline int32_t es_unbiased_row_s8(const ES_FLASH es_matrix *matrix, uint32_t row, const int8_t *x,
                                         uint16_t columns)
{
    return es_matrix_row_s8(matrix, row, 1, x, columns);
}

#endif
