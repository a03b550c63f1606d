/* One step of a SimpleRNN. What it needs defined: es_step.h. No include guard. */
#include "es_step.h"

/* x: (inputs,); h: (units,), updated in place; h_view: scratch (units,). */
static void ES_STEP(const ES_FLASH es_simple_rnn_params *params, const ES_X *x, int16_t *h, ES_H *h_view)
{
    const int32_t to_argument = (int32_t)1 << params->preactivation_shift;
    const uint16_t inputs = params->inputs, units = params->units;
    ES_VIEWS(h, units, h_view);
    for (uint16_t unit = 0; unit < units; ++unit) {
        const int32_t from_input = ES_INPUT_ROW(&params->input, unit, params->input.bias[unit], x, inputs);
        const int32_t from_state = ES_STATE_ROW(&params->recurrent, unit, 1, h_view, units);
        const int32_t total = es_saturate_s16(from_input + from_state);
        h[unit] = (int16_t)ES_TO_STATE(ES_CANDIDATE(total, to_argument), ES_CANDIDATE_SHIFT);
    }
}
