/* One step of a GRU with reset_after. What it needs defined: es_step.h. No include guard. */
#include "es_step.h"

/* x: (inputs,); h: (units,), updated in place; h_view: scratch (units,). */
static void ES_STEP(const ES_FLASH es_gru_params *params, const ES_X *x, int16_t *h, ES_H *h_view)
{
    const int32_t to_argument = (int32_t)1 << params->preactivation_shift;
    const uint16_t inputs = params->inputs, units = params->units;
    /* Every unit reads the whole old state, so its view is kept while h is overwritten. */
    ES_VIEWS(h, units, h_view);
    for (uint16_t unit = 0; unit < units; ++unit) {
        int32_t from_input[3], from_state[3];
        for (uint32_t gate = 0; gate < 3; ++gate) {
            const uint32_t row = (uint32_t)unit * 3 + gate;
            /* The candidate's recurrent bias is scaled by r, so it alone is not merged into the input's. */
            const int32_t bias = gate == 2 && params->recurrent.bias != NULL ? params->recurrent.bias[unit] : 1;
            from_input[gate] = ES_INPUT_ROW(&params->input, row, params->input.bias[row], x, inputs);
            from_state[gate] = ES_STATE_ROW(&params->recurrent, row, bias, h_view, units);
        }
        const int32_t z = ES_GATE(es_saturate_s16(from_input[0] + from_state[0]), to_argument);
        const int32_t r = ES_GATE(es_saturate_s16(from_input[1] + from_state[1]), to_argument);
        const int32_t total = es_saturate_s16(from_input[2] + es_multiply_by(r, from_state[2], ES_PRODUCT_SHIFT));
        const int32_t candidate = ES_TO_STATE(ES_CANDIDATE(total, to_argument), ES_CANDIDATE_SHIFT);
        /* z*h + (c - z*c): 1 - z is never formed, since 1.0 does not fit Q15. */
        const int32_t rest = es_saturate_s16(candidate - es_multiply_by(z, candidate, ES_PRODUCT_SHIFT));
        h[unit] = (int16_t)es_saturate_s16(es_multiply_by(z, h[unit], ES_PRODUCT_SHIFT) + rest);
    }
}
