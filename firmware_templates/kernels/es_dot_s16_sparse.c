#include "es_kernels.h"

int32_t es_dot_s16_sparse(const ES_FLASH int8_t *a, uint32_t row, const int16_t *b, uint16_t count)
{
    const ES_FLASH int8_t *at = a + ((uint8_t)a[2 * row] | (uint16_t)((uint8_t)a[2 * row + 1] << 8));
    int32_t sum = 0;
    uint32_t mask = 1; /* the bit above the mask, when none is left below it */
    for (const int16_t *const end = b + count / 4 * 4; b != end; b += 4) {
        if (mask == 1) {
            mask = 0x100U | (uint8_t)*at++;
        }
        if (mask & 1) {
            sum += (int32_t)at[0] * b[0] + (int32_t)at[1] * b[1] + (int32_t)at[2] * b[2] + (int32_t)at[3] * b[3];
            at += 4;
        }
        mask >>= 1;
    }
    if (count % 4 != 0) {
        if (mask == 1) {
            mask = (uint8_t)*at++;
        }
        for (uint16_t i = 0; (mask & 1) != 0 && i < count % 4; ++i) {
            sum += (int32_t)at[i] * b[i];
        }
    }
    return sum;
}
