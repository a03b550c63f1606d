/* One step of a MGU. What it needs defined: es_step.h. No include guard. */
#include "es_step.h"

/* x: (inputs,); h: (units,), updated in place; h_view, gated_view, gates: scratch (units,) each. */
static void ES_STEP(const ES_FLASH es_mgu_params *params, const ES_X *x, int16_t *h, ES_H *h_view, ES_H *gated_view,
                    int16_t *gates)
{
    const int32_t to_argument = (int32_t)1 << params->preactivation_shift;
    const uint16_t inputs = params->inputs, units = params->units;
    ES_VIEWS(h, units, h_view);
    /* f * h of all units must be known before the first candidate. */
    for (uint16_t unit = 0; unit < units; ++unit) {
        const uint32_t row = (uint32_t)unit * 2;
        const int32_t from_input = ES_INPUT_ROW(&params->input, row, params->input.bias[row], x, inputs);
        const int32_t from_state = ES_STATE_ROW(&params->recurrent, row, 1, h_view, units);
        const int32_t f = es_apply_sigmoid(es_saturate_s16(from_input + from_state), to_argument);
        gates[unit] = (int16_t)f;
        gated_view[unit] = ES_VIEW((int16_t)es_multiply_q15(f, h[unit], 0));
    }
    for (uint16_t unit = 0; unit < units; ++unit) {
        const uint32_t row = (uint32_t)unit * 2 + 1;
        const int32_t from_input = ES_INPUT_ROW(&params->input, row, params->input.bias[row], x, inputs);
        const int32_t from_state = ES_STATE_ROW(&params->recurrent, row, 1, gated_view, units);
        const int32_t candidate = es_apply_tanh(es_saturate_s16(from_input + from_state), to_argument);
        const int32_t f = gates[unit];
        const int32_t rest = es_saturate_s16(h[unit] - es_multiply_q15(f, h[unit], 0));
        h[unit] = (int16_t)es_saturate_s16(rest + es_multiply_q15(f, candidate, 0));
    }
}
