#include "es_arith.h"
#include "es_window.h"

void es_multiply_s16(const int16_t *x, uint16_t count, int16_t *y)
{
    for (uint16_t i = 0; i < count; ++i) {
        y[i] = (int16_t)es_multiply_q15(x[i], y[i], 0);
    }
}
