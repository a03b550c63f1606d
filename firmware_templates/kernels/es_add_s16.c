#include "es_arith.h"
#include "es_kernels.h"

void es_add_s16(const int16_t *a, uint8_t a_shift, const int16_t *b, uint8_t b_shift, uint16_t count, int16_t *y)
{
    for (uint16_t i = 0; i < count; ++i) {
        y[i] = (int16_t)es_saturate_s16(es_shift_right(a[i], a_shift) + es_shift_right(b[i], b_shift));
    }
}
