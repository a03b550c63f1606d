/* One time step of an LSTM. A template: the model defines ES_LAYER and what es_fast.h asks for. */
static void ES_LAYER_NAME(_step)(const void *x, int16_t *h, int16_t *c, es_view *h_view)
{
    const ES_FLASH es_rows *rows = ES_LAYER_NAME(_rows);
    ES_VIEW_STATE(h, ES_UNITS, h_view);
    const es_views views = es_make_views(x, ES_INPUTS, ES_INPUT_SHIFT, h_view, ES_UNITS, ES_STATE_SHIFT);
    ES_LOOP
    for (uint16_t unit = 0; unit < ES_UNITS; unit = (uint16_t)(unit + ES_GROUP)) {
        es_sum pre[ES_SUMS(4, 0)];
        rows = es_gate_rows(rows, &views, 4, 0, ES_FORM, ES_BOUNDED, pre);
        es_lstm_units(pre, h + unit, c + unit, ES_GROUP_OF(unit), ES_PREACTIVATION_SHIFT, ES_CELL_SHIFT);
    }
}
#include "es_fast_end.h"
