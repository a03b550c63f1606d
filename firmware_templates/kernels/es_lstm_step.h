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
        int32_t total[4];
        for (uint32_t gate = 0; gate < 4; ++gate) {
            const uint32_t row = (uint32_t)unit * 4 + gate;
            const int32_t from_input = ES_INPUT_ROW(&params->input, row, params->input.bias[row], x, inputs);
            const int32_t from_state = ES_STATE_ROW(&params->recurrent, row, 1, h_view, units);
            total[gate] = es_saturate_s16(from_input + from_state);
        }
        const int32_t kept = es_multiply_by(ES_GATE(total[1], to_argument), c[unit], ES_PRODUCT_SHIFT);
        const int32_t added = es_multiply_by(ES_GATE(total[0], to_argument), ES_CANDIDATE(total[2], to_argument),
                                             (uint8_t)(ES_ADDED_SHIFT));
        const int32_t cell = es_saturate_s16(kept + added);
        c[unit] = (int16_t)cell;
        h[unit] =
            (int16_t)es_multiply_by(ES_GATE(total[3], to_argument), ES_CELL(cell, params->cell_shift), ES_HIDDEN_SHIFT);
    }
}
