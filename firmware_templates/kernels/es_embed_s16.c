#include "es_kernels.h"

void es_embed_s16(const ES_FLASH int8_t *table, const int16_t *id, uint16_t ids, uint16_t units, int16_t *y)
{
    const int32_t low = *id > 0 ? *id : 0;
    const ES_FLASH int8_t *row = table + (size_t)(low < ids ? low : ids - 1) * units;
    for (uint16_t i = 0; i < units; ++i) {
        y[i] = (int16_t)(row[i] * 256);
    }
}
