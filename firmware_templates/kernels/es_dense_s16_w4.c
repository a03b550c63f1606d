#include "es_matrix_row.h"

void es_dense_s16_w4(const ES_FLASH es_dense_params *params, const int16_t *x, int16_t *y)
{
    const ES_FLASH es_matrix *matrix = &params->matrix;
    for (uint16_t row = 0; row < params->units; ++row) {
        /* The exporter proves that no row can overflow int32. */
        const int32_t dot = es_dot_s16_w4(es_nibble_row(matrix, row, params->inputs), x, params->inputs);
        y[row] = (int16_t)es_requantize(dot + matrix->bias[row], matrix->multiplier[row], matrix->shift);
    }
}
