#include <string.h>

#include "es_kernels.h"

void es_recall_s16(int16_t *ring, int16_t *at, uint16_t size, uint16_t taps, uint16_t dilation, int16_t *window)
{
    const uint16_t slots = (uint16_t)((taps - 1) * dilation);
    const size_t bytes = (size_t)size * sizeof(int16_t);
    uint16_t slot = (uint16_t)*at;
    int16_t *oldest = ring + (size_t)slot * size;
    for (uint16_t tap = 0; tap + 1 < taps; ++tap) {
        memcpy(window, ring + (size_t)slot * size, bytes);
        window += size;
        slot = (uint16_t)(slot + dilation);
        slot = (uint16_t)(slot >= slots ? slot - slots : slot);
    }
    memcpy(oldest, window, bytes);
    *at = (int16_t)(*at + 1 == slots ? 0 : *at + 1);
}
