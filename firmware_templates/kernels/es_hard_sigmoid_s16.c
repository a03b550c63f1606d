#include "es_functions.h"
#include "es_kernels.h"

void es_hard_sigmoid_s16(uint8_t preactivation_shift, int16_t *y, uint16_t count)
{
    const int32_t to_argument = (int32_t)1 << preactivation_shift;
    for (uint16_t i = 0; i < count; ++i) {
        y[i] = (int16_t)es_apply_hard_sigmoid(y[i], to_argument);
    }
}
