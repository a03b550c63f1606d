#include "es_kernels.h"

/* 2^(30 + shift) / count, rounded down, where 2^shift <= count. Twin: edgeseq.arith.pooling.reciprocal. */
static uint32_t es_reciprocal(uint16_t count, uint8_t *shift)
{
    uint32_t quotient = ((uint32_t)1 << 30) / count;
    uint32_t rest = ((uint32_t)1 << 30) % count;
    *shift = 0;
    for (uint16_t half = count; half > 1; half >>= 1) {
        rest *= 2;
        quotient = 2 * quotient + (rest >= count ? 1 : 0);
        rest -= rest >= count ? count : 0;
        ++*shift;
    }
    return quotient;
}

/* sum / count by that reciprocal: 31 bits first, then halves away from zero, as TFLite's MEAN rounds. */
static int32_t es_mean(int32_t sum, uint32_t reciprocal, uint8_t shift)
{
    if (shift == 0) {
        return sum; /* of one step */
    }
    const int32_t wide = (int32_t)(((int64_t)sum * reciprocal + ((int64_t)1 << 30)) >> 31);
    const int32_t mask = ((int32_t)1 << (shift - 1)) - 1;
    return (wide >> (shift - 1)) + ((wide & mask) > (mask >> 1) + (wide < 0 ? 1 : 0) ? 1 : 0);
}

void es_pool_average(const int16_t *x, uint16_t size, uint16_t *low, int16_t *high, int16_t *count, int16_t *y)
{
    /* Halved before they can overflow: from then on old steps fade. */
    const uint8_t full = *count == 32766 ? 1 : 0;
    *count = (int16_t)((*count >> full) + 1);
    uint8_t shift;
    const uint32_t reciprocal = es_reciprocal((uint16_t)*count, &shift);
    for (uint16_t i = 0; i < size; ++i) {
        const int32_t kept = (int32_t)high[i] * 65536 + low[i];
        const int32_t sum = (kept >> full) + x[i];
        low[i] = (uint16_t)sum;
        high[i] = (int16_t)(sum >> 16);
        y[i] = (int16_t)es_mean(sum, reciprocal, shift);
    }
}
