#include "es_kernels.h"

int16_t es_tanh_q15(int32_t argument)
{
    /* tanh(x) = 2 sigmoid(2x) - 1: the same table, read twice as fast. */
    const int32_t magnitude = argument < 0 ? -argument : argument;
    const int32_t index = magnitude >> 8;
    int32_t value = (int32_t)65535 << 8;
    if (index < 255) {
        const int32_t left = es_sigmoid_table[index];
        const int32_t step = es_sigmoid_table[index + 1] - left;
        value = left * 256 + (magnitude & 255) * step;
    }
    const int32_t one = (int32_t)1 << 23;
    return (int16_t)(argument >= 0 ? (value - one + 128) >> 8 : (one - value + 127) >> 8);
}
