#include "es_arith.h"
#include "es_kernels.h"

void es_narrow_s8(const int16_t *in, uint16_t count, int8_t *out)
{
    for (uint16_t i = 0; i < count; ++i) {
        out[i] = es_narrow(in[i]);
    }
}
