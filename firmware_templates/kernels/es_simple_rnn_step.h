/* Body of es_simple_rnn_step_s8 and es_simple_rnn_step_s16, which define ES_STEP, ES_X and ES_INPUT_ROW.
 * No include guard: each user includes it once. */
#include "es_matrix_row.h"

void ES_STEP(const ES_FLASH es_simple_rnn_s8_params *params, const ES_X *x, int16_t *h, int8_t *h_narrow)
{
    const int32_t to_argument = (int32_t)1 << params->preactivation_shift;
    const uint16_t inputs = params->inputs, units = params->units;
    es_narrow_s8(h, units, h_narrow);
    for (uint16_t unit = 0; unit < units; ++unit) {
        const int32_t from_input = ES_INPUT_ROW(&params->input, unit, x, inputs);
        const int32_t from_state = es_unbiased_row_s8(&params->recurrent, unit, h_narrow, units);
        h[unit] = es_tanh_q15(es_saturate_s16(from_input + from_state) * to_argument);
    }
}
