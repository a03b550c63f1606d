#include "es_arith.h"
#include "es_window.h"

void es_add_halves_s16(const int16_t *x, uint16_t count, int16_t *y)
{
    for (uint16_t i = 0; i < count; ++i) {
        y[i] = (int16_t)(es_halve(x[i]) + es_halve(y[i]));
    }
}
