#include "es_arith.h"
#include "es_kernels.h"

void es_dense_s16(const ES_FLASH es_dense_params *params, const int16_t *x, int16_t *y)
{
    const ES_FLASH es_matrix *matrix = &params->matrix;
    const ES_FLASH int8_t *weight = matrix->weight;
    for (uint16_t row = 0; row < params->units; ++row) {
        /* The exporter proves that no row can overflow int32. */
        int32_t acc = matrix->bias[row];
        for (uint16_t i = 0; i < params->inputs; ++i) {
            acc += (int32_t)*weight++ * x[i];
        }
        y[row] = (int16_t)es_requantize(acc, matrix->multiplier[row], matrix->shift);
    }
}
