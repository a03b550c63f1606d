#include "es_kernels.h"

int16_t es_sigmoid_q15(int32_t argument)
{
    const int32_t magnitude = argument < 0 ? -argument : argument;
    const int32_t index = magnitude >> 9;
    int32_t value = (int32_t)32767 << 10;
    if (index < 255) {
        const int32_t left = es_sigmoid_table[index];
        const int32_t step = es_sigmoid_table[index + 1] - left;
        value = left * 512 + (magnitude & 511) * step;
    }
    /* sigmoid(-x) = 1 - sigmoid(x), with 2^25 standing for 1. */
    return (int16_t)(argument >= 0 ? (value + 512) >> 10 : (((int32_t)1 << 25) - value + 511) >> 10);
}
