#include "es_kernels.h"

void es_pool_max(const int16_t *x, uint16_t size, uint16_t *largest, int16_t *y)
{
    for (uint16_t i = 0; i < size; ++i) {
        const uint16_t above = (uint16_t)(x[i] + 32768);
        largest[i] = above > largest[i] ? above : largest[i];
        y[i] = (int16_t)(largest[i] - 32768);
    }
}
