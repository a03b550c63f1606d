/* One step of a FastGRNN. What it needs defined: es_step.h. No include guard. */
#include "es_step.h"

/* x: (inputs,); h: (units,), updated in place; h_view: (states,), the old state, or its first factor's result, as the
 * products read it. */
static void ES_STEP(const ES_FLASH es_fast_grnn_params *params, const ES_X *x, int16_t *h, const ES_H *h_view)
{
    const int32_t to_argument = (int32_t)1 << params->preactivation_shift;
    const uint8_t to_state = (uint8_t)(15 + params->state_shift);
    for (uint16_t unit = 0; unit < params->units; ++unit) {
        const int32_t from_input = ES_INPUT_ROW(&params->input, unit, params->input.bias[unit], x, params->inputs);
        const int32_t from_state = ES_STATE_ROW(&params->recurrent, unit, 1, h_view, params->states);
        const int32_t total = es_saturate_s16(from_input + from_state);
        const int32_t z = es_apply_sigmoid(total, to_argument);
        const int32_t c = es_apply_tanh(es_saturate_s16(total + params->candidate_bias[unit]), to_argument);
        const int32_t rest = es_saturate_s16(c - es_multiply_q15(z, c, 0));
        const int32_t kept = es_saturate_s16(es_multiply_q15(z, h[unit], 0) + es_multiply_by(params->nu, c, to_state));
        h[unit] = (int16_t)es_saturate_s16(kept + es_multiply_by(params->zeta, rest, to_state));
    }
}
