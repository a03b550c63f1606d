/* One step of a GRU with reset_after=False. What it needs defined: es_step.h. No include guard. */
#include "es_step.h"

/* x: (inputs,); h: (units,), updated in place; h_view, reset_view, update: scratch (units,) each. */
static void ES_STEP(const ES_FLASH es_gru_params *params, const ES_X *x, int16_t *h, ES_H *h_view, ES_H *reset_view,
                    int16_t *update)
{
    const int32_t to_argument = (int32_t)1 << params->preactivation_shift;
    const uint16_t inputs = params->inputs, units = params->units;
    ES_VIEWS(h, units, h_view);
    /* r * h of all units must be known before the first candidate. */
    for (uint16_t unit = 0; unit < units; ++unit) {
        int32_t gates[2];
        for (uint32_t gate = 0; gate < 2; ++gate) {
            const uint32_t row = (uint32_t)unit * 3 + gate;
            const int32_t from_input = ES_INPUT_ROW(&params->input, row, params->input.bias[row], x, inputs);
            const int32_t from_state = ES_STATE_ROW(&params->recurrent, row, 1, h_view, units);
            gates[gate] = ES_GATE(es_saturate_s16(from_input + from_state), to_argument);
        }
        update[unit] = (int16_t)gates[0];
        reset_view[unit] = ES_VIEW((int16_t)es_multiply_by(gates[1], h[unit], ES_PRODUCT_SHIFT));
    }
    for (uint16_t unit = 0; unit < units; ++unit) {
        const uint32_t row = (uint32_t)unit * 3 + 2;
        const int32_t from_input = ES_INPUT_ROW(&params->input, row, params->input.bias[row], x, inputs);
        const int32_t from_state = ES_STATE_ROW(&params->recurrent, row, 1, reset_view, units);
        const int32_t total = es_saturate_s16(from_input + from_state);
        const int32_t candidate = ES_TO_STATE(ES_CANDIDATE(total, to_argument), ES_CANDIDATE_SHIFT);
        const int32_t z = update[unit];
        const int32_t rest = es_saturate_s16(candidate - es_multiply_by(z, candidate, ES_PRODUCT_SHIFT));
        h[unit] = (int16_t)es_saturate_s16(es_multiply_by(z, h[unit], ES_PRODUCT_SHIFT) + rest);
    }
}
