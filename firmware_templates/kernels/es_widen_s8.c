#include "es_kernels.h"

void es_widen_s8(const int8_t *x, int8_t zero_point, uint8_t shift, uint16_t count, int16_t *y)
{
    const int32_t factor = (int32_t)1 << shift;
    for (uint16_t i = 0; i < count; ++i) {
        y[i] = (int16_t)(((int32_t)x[i] - zero_point) * factor);
    }
}
