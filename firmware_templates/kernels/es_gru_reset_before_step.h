/* Body of es_gru_reset_before_step_s8 and es_gru_reset_before_step_s16, which define ES_STEP, ES_X and ES_INPUT_ROW.
 * No include guard: each user includes it once. */
#include "es_matrix_row.h"

void ES_STEP(const ES_FLASH es_gru_s8_params *params, const ES_X *x, int16_t *h, int8_t *h_narrow, int8_t *reset_narrow,
             int16_t *update)
{
    const int32_t to_argument = (int32_t)1 << params->preactivation_shift;
    const uint16_t inputs = params->inputs, units = params->units;
    es_narrow_s8(h, units, h_narrow);
    /* r * h of all units must be known before the first candidate. */
    for (uint16_t unit = 0; unit < units; ++unit) {
        int32_t gates[2];
        for (uint32_t gate = 0; gate < 2; ++gate) {
            const uint32_t row = (uint32_t)unit * 3 + gate;
            const int32_t from_input = ES_INPUT_ROW(&params->input, row, x, inputs);
            const int32_t from_state = es_unbiased_row_s8(&params->recurrent, row, h_narrow, units);
            gates[gate] = es_sigmoid_q15(es_saturate_s16(from_input + from_state) * to_argument);
        }
        update[unit] = (int16_t)gates[0];
        reset_narrow[unit] = es_narrow((int16_t)es_multiply_q15(gates[1], h[unit], 0));
    }
    for (uint16_t unit = 0; unit < units; ++unit) {
        const uint32_t row = (uint32_t)unit * 3 + 2;
        const int32_t from_input = ES_INPUT_ROW(&params->input, row, x, inputs);
        const int32_t from_state = es_unbiased_row_s8(&params->recurrent, row, reset_narrow, units);
        const int32_t candidate = es_tanh_q15(es_saturate_s16(from_input + from_state) * to_argument);
        const int32_t z = update[unit];
        const int32_t rest = es_saturate_s16(candidate - es_multiply_q15(z, candidate, 0));
        h[unit] = (int16_t)es_saturate_s16(es_multiply_q15(z, h[unit], 0) + rest);
    }
}
