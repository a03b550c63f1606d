#include "es_kernels.h"

int16_t es_tanh_q15(int32_t argument)
{
    /* tanh(x) = 2 sigmoid(2x) - 1: the same table, read twice as fast. */
    int32_t magnitude = argument < 0 ? -argument : argument;
    magnitude = magnitude < 65279 ? magnitude : 65279;
    const ES_FLASH int16_t *entry = es_sigmoid_table + (magnitude >> 8);
    const int32_t half = (int32_t)entry[0] * 256 + (magnitude & 255) * (entry[1] - entry[0]);
    return (int16_t)((argument >= 0 ? half + 128 : 127 - half) >> 8);
}
