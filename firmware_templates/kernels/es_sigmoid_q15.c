#include "es_kernels.h"

int16_t es_sigmoid_q15(int32_t argument)
{
    /* Beyond the last entry sigmoid keeps the value that it has just before it. */
    int32_t magnitude = argument < 0 ? -argument : argument;
    magnitude = magnitude < 130559 ? magnitude : 130559;
    const ES_FLASH int16_t *entry = es_sigmoid_table + (magnitude >> 9);
    const int32_t half = (int32_t)entry[0] * 512 + (magnitude & 511) * (entry[1] - entry[0]);
    /* sigmoid(-x) = 1 - sigmoid(x); the table holds sigmoid - 1/2. */
    return (int16_t)(16384 + ((argument >= 0 ? half + 512 : 511 - half) >> 10));
}
