/* Body of es_lstm_step_s8 and es_lstm_step_s16, which define ES_STEP, ES_X and ES_INPUT_ROW.
 * No include guard: each user includes it once. */
#include "es_matrix_row.h"

/* Table argument of tanh(c). Twin: edgeseq.arith.activation.cell_argument. */
static int32_t cell_argument(int32_t cell, uint8_t cell_shift)
{
    if (cell_shift < 3) {
        return (3 * cell + ((int32_t)1 << (2 - cell_shift))) >> (3 - cell_shift);
    }
    return es_multiply_q15(cell, 24576, 0) * ((int32_t)1 << (cell_shift - 1));
}

void ES_STEP(const ES_FLASH es_lstm_s8_params *params, const ES_X *x, int16_t *h, int16_t *c, int8_t *h_narrow)
{
    const int32_t to_argument = (int32_t)1 << params->preactivation_shift;
    const uint16_t inputs = params->inputs, units = params->units;
    /* Every unit reads the whole old state, so its int8 view is kept while h is overwritten. */
    es_narrow_s8(h, units, h_narrow);
    for (uint16_t unit = 0; unit < units; ++unit) {
        int32_t argument[4];
        for (uint32_t gate = 0; gate < 4; ++gate) {
            const uint32_t row = (uint32_t)unit * 4 + gate;
            const int32_t from_input = ES_INPUT_ROW(&params->input, row, x, inputs);
            const int32_t from_state = es_unbiased_row_s8(&params->recurrent, row, h_narrow, units);
            argument[gate] = es_saturate_s16(from_input + from_state) * to_argument;
        }
        const int32_t kept = es_multiply_q15(es_sigmoid_q15(argument[1]), c[unit], 0);
        const int32_t added =
            es_multiply_q15(es_sigmoid_q15(argument[0]), es_tanh_q15(argument[2]), params->cell_shift);
        const int32_t cell = es_saturate_s16(kept + added);
        c[unit] = (int16_t)cell;
        h[unit] = (int16_t)es_multiply_q15(es_sigmoid_q15(argument[3]),
                                           es_tanh_q15(cell_argument(cell, params->cell_shift)), 0);
    }
}
