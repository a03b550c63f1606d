#include "es_arith.h"
#include "es_kernels.h"

void es_depthwise_s16(const ES_FLASH es_depthwise_params *params, const int16_t *x, int16_t *y)
{
    const ES_FLASH es_matrix *matrix = &params->matrix;
    const ES_FLASH int8_t *weight = matrix->weight;
    uint32_t row = 0;
    for (uint16_t channel = 0; channel < params->channels; ++channel) {
        for (uint16_t j = 0; j < params->multiplier; ++j, ++row) {
            /* The exporter proves that no row can overflow int32. */
            int32_t acc = matrix->bias[row];
            const int16_t *value = x + channel;
            for (uint16_t tap = 0; tap < params->taps; ++tap) {
                acc += (int32_t)*weight++ * *value;
                value += tap + 1 < params->taps ? params->channels : 0;
            }
            y[row] = (int16_t)es_requantize(acc, matrix->multiplier[row], matrix->shift);
        }
    }
}
