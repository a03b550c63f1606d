#include "es_kernels.h"

void es_activate_s16(uint8_t activation, uint8_t preactivation_shift, int16_t *y, uint16_t count)
{
    const int32_t to_argument = (int32_t)1 << preactivation_shift;
    for (uint16_t i = 0; i < count; ++i) {
        switch (activation) {
        case ES_ACTIVATION_RELU:
            y[i] = y[i] > 0 ? y[i] : (int16_t)0;
            break;
        case ES_ACTIVATION_SIGMOID:
            y[i] = es_sigmoid_q15(y[i] * to_argument);
            break;
        case ES_ACTIVATION_TANH:
            y[i] = es_tanh_q15(y[i] * to_argument);
            break;
        default:
            break;
        }
    }
}
