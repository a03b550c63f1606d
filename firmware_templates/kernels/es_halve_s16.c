#include "es_arith.h"
#include "es_kernels.h"

void es_halve_s16(const int16_t *in, uint16_t count, int16_t *out)
{
    for (uint16_t i = 0; i < count; ++i) {
        out[i] = es_halve(in[i]);
    }
}
