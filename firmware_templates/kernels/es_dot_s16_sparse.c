#include "es_kernels.h"

int32_t es_dot_s16_sparse(const ES_FLASH int8_t *a, uint32_t row, const int16_t *b, uint16_t count)
{
    const ES_FLASH int8_t *at = a + ((uint8_t)a[2 * row] | (uint16_t)((uint8_t)a[2 * row + 1] << 8));
    int32_t sum = 0;
    uint16_t columns, mask = 1; /* the bit above the mask, when none is left below it */
    for (uint16_t left = count; left != 0; left = (uint16_t)(left - columns), mask >>= 1) {
        columns = left < 4 ? left : 4;
        if (mask == 1) {
            mask = (uint16_t)(0x100 | (uint8_t)*at++);
        }
        if (mask & 1) {
            for (uint16_t i = 0; i < columns; ++i) {
                sum += (int32_t)*at++ * b[i];
            }
        }
        b += columns;
    }
    return sum;
}
