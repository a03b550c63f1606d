#include "es_arith.h"
#include "es_kernels.h"

void es_rectify_s16(const ES_FLASH int16_t *slope, uint8_t slope_step, int16_t threshold, int16_t limit,
                    const int16_t *x, int16_t *y, uint16_t count)
{
    for (uint16_t i = 0; i < count; ++i, slope += slope_step) {
        const int16_t value = x[i];
        if (value < threshold) {
            y[i] = (int16_t)es_multiply_q15(es_saturate_s16((int32_t)value - threshold), *slope, 0);
        } else {
            y[i] = value < limit ? value : limit;
        }
    }
}
