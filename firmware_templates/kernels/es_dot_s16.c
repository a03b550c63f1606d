#include "es_kernels.h"

int32_t es_dot_s16(const ES_FLASH int8_t *a, const int16_t *b, uint16_t count)
{
    int32_t sum = 0;
    for (uint16_t i = 0; i < count; ++i) {
        sum += (int32_t)a[i] * b[i];
    }
    return sum;
}
