/* One time step of a GRU with reset_after=False. A template: the model defines ES_LAYER and what es_fast.h asks for. */
static void ES_LAYER_NAME(_step)(const void *x, int16_t *h, es_view *h_view, es_view *reset_view, int16_t *gates)
{
    int16_t *update = gates, *reset = gates + ES_UNITS;
    const ES_FLASH es_rows *rows = ES_LAYER_NAME(_rows);
    ES_VIEW_STATE(h, ES_UNITS, h_view);
    const es_views views = es_make_views(x, ES_INPUTS, ES_INPUT_SHIFT, h_view, ES_UNITS, ES_STATE_SHIFT);
    /* r * h of all units must be known before the first candidate. */
    ES_LOOP
    for (uint16_t unit = 0; unit < ES_UNITS; unit = (uint16_t)(unit + ES_GROUP)) {
        es_sum pre[ES_SUMS(2, 0)];
        rows = es_gate_rows(rows, &views, 2, 0, ES_FORM, ES_BOUNDED, pre);
        es_gru_before_gates(pre, h + unit, update + unit, reset + unit, ES_GROUP_OF(unit), ES_PREACTIVATION_SHIFT);
    }
    ES_VIEW_STATE(reset, ES_UNITS, reset_view);
    const es_views gated = es_make_views(x, ES_INPUTS, ES_INPUT_SHIFT, reset_view, ES_UNITS, ES_STATE_SHIFT);
    ES_LOOP
    for (uint16_t unit = 0; unit < ES_UNITS; unit = (uint16_t)(unit + ES_GROUP)) {
        es_sum pre[ES_SUMS(1, 0)];
        rows = es_gate_rows(rows, &gated, 1, 0, ES_FORM, ES_BOUNDED, pre);
        es_gru_before_units(pre, update + unit, h + unit, ES_GROUP_OF(unit), ES_PREACTIVATION_SHIFT);
    }
}
#include "es_fast_end.h"
