#include "es_functions.h"
#include "es_kernels.h"

void es_lookup_s16(const ES_FLASH int16_t *table, const int16_t *x, int16_t *y, uint16_t count)
{
    for (uint16_t i = 0; i < count; ++i) {
        y[i] = (int16_t)es_lookup(x[i], table);
    }
}
