/* One step of a LSTM. What it needs defined: es_step.h. No include guard. */
#include "es_step.h"

/* x: (inputs,); h and c: (units,), updated in place; h_view: scratch (units,). */
static void ES_STEP(const ES_FLASH es_lstm_params *params, const ES_X *x, int16_t *h, int16_t *c, ES_H *h_view)
{
    const int32_t to_argument = (int32_t)1 << params->preactivation_shift;
    const uint16_t inputs = params->inputs, units = params->units;
    /* Every unit reads the whole old state, so its view is kept while h is overwritten. */
    ES_VIEWS(h, units, h_view);
    for (uint16_t unit = 0; unit < units; ++unit) {
        int32_t argument[4];
        for (uint32_t gate = 0; gate < 4; ++gate) {
            const uint32_t row = (uint32_t)unit * 4 + gate;
            const int32_t from_input = ES_INPUT_ROW(&params->input, row, params->input.bias[row], x, inputs);
            const int32_t from_state = ES_STATE_ROW(&params->recurrent, row, 1, h_view, units);
            argument[gate] = es_saturate_s16(from_input + from_state) * to_argument;
        }
        const int32_t kept = es_multiply_q15(es_sigmoid_q15(argument[1]), c[unit], 0);
        const int32_t added =
            es_multiply_q15(es_sigmoid_q15(argument[0]), es_tanh_q15(argument[2]), params->cell_shift);
        const int32_t cell = es_saturate_s16(kept + added);
        c[unit] = (int16_t)cell;
        h[unit] = (int16_t)es_multiply_q15(es_sigmoid_q15(argument[3]),
                                           es_tanh_q15(es_cell_argument(cell, params->cell_shift)), 0);
    }
}
