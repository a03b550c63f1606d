#include "es_arith.h"
#include "es_kernels.h"

void es_recall_s8(int8_t *ring, int16_t *at, uint16_t size, uint16_t taps, uint16_t dilation, int16_t *window)
{
    const uint16_t slots = (uint16_t)((taps - 1) * dilation);
    uint16_t slot = (uint16_t)*at;
    int8_t *oldest = ring + (size_t)slot * size;
    for (uint16_t tap = 0; tap + 1 < taps; ++tap) {
        const int8_t *past = ring + (size_t)slot * size;
        for (uint16_t i = 0; i < size; ++i) {
            *window++ = (int16_t)(past[i] * 256);
        }
        slot = (uint16_t)(slot + dilation);
        slot = (uint16_t)(slot >= slots ? slot - slots : slot);
    }
    for (uint16_t i = 0; i < size; ++i) {
        oldest[i] = es_narrow(window[i]);
    }
    *at = (int16_t)(*at + 1 == slots ? 0 : *at + 1);
}
