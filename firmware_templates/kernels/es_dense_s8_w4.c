#include "es_matrix_row.h"

void es_dense_s8_w4(const ES_FLASH es_dense_params *params, const int8_t *x, int16_t *y)
{
    const ES_FLASH es_matrix *matrix = &params->matrix;
    for (uint16_t row = 0; row < params->units; ++row) {
        y[row] = (int16_t)es_row_s8_w4(matrix, row, matrix->bias[row], x, params->inputs);
    }
}
