#include "es_arith.h"
#include "es_kernels.h"

int32_t es_dot_s8_w4(const ES_FLASH int8_t *a, const int8_t *b, uint16_t count)
{
    int32_t sum = 0;
    for (uint16_t i = 0; i + 1 < count; i += 2, ++a) {
        sum += es_low_nibble(*a) * b[i] + es_high_nibble(*a) * b[i + 1];
    }
    return (count & 1) != 0 ? sum + es_low_nibble(*a) * b[count - 1] : sum;
}
