/* One step of a minGRU. What it needs defined: es_step.h, of which ES_STEP, ES_X and ES_INPUT_ROW. No include guard. */
#include "es_step.h"

/* x: (inputs,); h: (units,), updated in place. */
static void ES_STEP(const ES_FLASH es_min_gru_params *params, const ES_X *x, int16_t *h)
{
    const int32_t to_argument = (int32_t)1 << params->preactivation_shift;
    const uint16_t inputs = params->inputs, units = params->units;
    for (uint16_t unit = 0; unit < units; ++unit) {
        const uint32_t row = (uint32_t)unit * 2;
        const int32_t gate = ES_INPUT_ROW(&params->input, row, params->input.bias[row], x, inputs);
        const int32_t candidate = ES_INPUT_ROW(&params->input, row + 1, params->input.bias[row + 1], x, inputs);
        const int32_t z = es_apply_sigmoid(gate, to_argument);
        const int32_t rest = es_saturate_s16(h[unit] - es_multiply_q15(z, h[unit], 0));
        h[unit] = (int16_t)es_saturate_s16(rest + es_multiply_q15(z, es_raise(candidate, params->candidate_shift), 0));
    }
}
