#include "es_arith.h"
#include "es_kernels.h"

/* 1 / sqrt(value) is about the result * 2^-(46 + exponent). Twin: edgeseq.arith.normalize.reciprocal_square_root. */
static uint32_t es_reciprocal_root(uint64_t value, int8_t *exponent)
{
    int8_t shifts = 0;
    while (value < (uint64_t)1 << 30) {
        value <<= 2;
        --shifts;
    }
    while (value >= (uint64_t)1 << 32) {
        value >>= 2;
        ++shifts;
    }
    *exponent = shifts;
    const uint32_t v = (uint32_t)value;
    /* 2.2 - 1.25 * v, then Newton. */
    uint32_t root = 2362232013U - (v >> 2) - (v >> 4);
    for (uint8_t i = 0; i < 4; ++i) {
        const uint32_t square = (uint32_t)(((uint64_t)root * root) >> 32);
        const uint32_t product = (uint32_t)(((uint64_t)square * v) >> 32);
        root = (uint32_t)(((uint64_t)root * (805306368U - product)) >> 29);
    }
    return root;
}

void es_normalize_s16(const int16_t *x, uint16_t count, int64_t epsilon, uint8_t fraction_bits, int16_t *y)
{
    int32_t sum = 0;
    int64_t squares = 0;
    for (uint16_t i = 0; i < count; ++i) {
        sum += x[i];
        squares += (int32_t)x[i] * x[i];
    }
    int8_t exponent;
    /* count squared times the variance; count is at most 2^14, so every term fits. */
    const int64_t spread = squares * count - (int64_t)sum * sum + epsilon;
    const uint32_t root = es_reciprocal_root((uint64_t)spread, &exponent);
    const uint8_t shift = (uint8_t)(46 + exponent - fraction_bits);
    const int64_t half = (int64_t)1 << (shift - 1);
    for (uint16_t i = 0; i < count; ++i) {
        const int32_t centred = (int32_t)x[i] * (int32_t)count - sum;
        const int64_t scaled = ((int64_t)centred * root + half) >> shift;
        y[i] = (int16_t)(scaled > INT16_MAX ? INT16_MAX : scaled < INT16_MIN ? INT16_MIN : scaled);
    }
}
