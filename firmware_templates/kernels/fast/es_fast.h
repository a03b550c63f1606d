/* The fast kernels: every layer is a function made for its sizes, from a template and one core's es_isa.h.
 *
 * A template (es_fast_gru.h, ...) is included once per layer, after these are defined:
 *   ES_LAYER                prefix of the layer's names; ES_LAYER_rows holds its weights
 *   ES_INPUTS, ES_UNITS     sizes
 *   ES_WIDE                 1: x is a view of 15-bit values, 0: of int8 ones
 *   ES_WIDE_STATE           1: products read the state's upper 15 bits, 0: its top byte
 *   ES_VIEW_STATE           what makes the state's view of that
 *   ES_WEIGHT_BITS          8 or 4
 *   ES_BOUNDED              1: no requantised row can leave int16, as the exporter proved
 *   ES_SPARSE_INPUT, ES_SPARSE_STATE   1: zero blocks of that matrix are left out, if the family can do so
 *   ES_INPUT_SHIFT, ES_STATE_SHIFT   requantisation shift of the two matrices
 *   ES_PREACTIVATION_SHIFT  table argument = pre-activation << this
 *   ES_CELL_SHIFT           LSTM: the cell is in steps of 2^(this-15)
 *
 * es_isa.h brings, for one family of cores:
 *   ES_GROUP                units whose rows lie together in ES_LAYER_rows
 *   es_rows                 element of ES_LAYER_rows
 *   es_view                 element of a view: x or the state as the row loop reads it
 *   es_view_codes8, es_view_codes16, es_view_state, es_view_state16   make a view of int8 codes, 15-bit codes, the
 *                           top byte of an int16 state, its upper 15 bits (if the family reads them); others that
 *                           the family's Isa.view_function names
 *   es_views, es_make_views both views of a layer
 *   es_gate_rows            one group's rows: `sums` gates whose two parts are added, then `parts` gates that keep them
 *                           apart (input first); pre[gate * ES_GROUP + unit]. Returns the next group's rows. It is
 *                           told ES_FORM, the sum of ES_FORM_... that says what is wide and how many bits weights have.
 *   es_dense_rows           ES_LAYER_rows of a Dense layer times an int16 x
 * and may bring faster es_product, es_curve, es_fast_sigmoid, es_gru_units, es_lstm_units, ..., and with ES_HAS_SUM
 *   es_sum                  element of pre, else int32_t; if it is int16_t, es_gate_rows saturates
 *   ES_SUMS                 elements of pre, else one for a sum and two for a gate kept apart
 * and with ES_LOOP what stands before a loop over groups. */
#ifndef ES_FAST_H
#define ES_FAST_H

#define ES_FORM_WIDE_INPUT 1
#define ES_FORM_WIDE_STATE 2
#define ES_FORM_FOUR_BITS 4

#include "es_isa.h"

#ifndef ES_HAS_SUM
typedef int32_t es_sum; /* a requantised row, or the sum of two */
#endif

#ifndef ES_SUMS
#define ES_SUMS(sums, parts) (((sums) + 2 * (parts)) * ES_GROUP)
#endif

#ifndef ES_LOOP
#define ES_LOOP
#endif

#include "es_fast_gates.h"

#define ES_FORM                                                                                                        \
    (ES_WIDE * ES_FORM_WIDE_INPUT + ES_WIDE_STATE * ES_FORM_WIDE_STATE + (ES_WEIGHT_BITS == 4 ? ES_FORM_FOUR_BITS : 0))

#define ES_PASTE2(a, b) a##b
#define ES_PASTE(a, b) ES_PASTE2(a, b)
#define ES_LAYER_NAME(suffix) ES_PASTE(ES_LAYER, suffix)

/* Units of the group that starts at `unit`: the last one may be partly padding. */
#define ES_GROUP_OF(unit)                                                                                              \
    ((uint16_t)(ES_UNITS % ES_GROUP != 0 && ES_UNITS - (unit) < ES_GROUP ? ES_UNITS - (unit) : ES_GROUP))

#ifndef ES_HAS_UNITS
static inline void es_gru_units(const es_sum *pre, int16_t *h, uint16_t count, uint8_t shift)
{
    for (uint16_t i = 0; i < count; ++i) {
        h[i] = es_gru_unit(pre[i], pre[ES_GROUP + i], pre[2 * ES_GROUP + i], pre[3 * ES_GROUP + i], h[i], shift);
    }
}

static inline void es_lstm_units(const es_sum *pre, int16_t *h, int16_t *c, uint16_t count, uint8_t shift,
                                 uint8_t cell_shift)
{
    for (uint16_t i = 0; i < count; ++i) {
        h[i] = es_lstm_unit(pre[i], pre[ES_GROUP + i], pre[2 * ES_GROUP + i], pre[3 * ES_GROUP + i], c + i, shift,
                            cell_shift);
    }
}
#endif

#ifndef ES_HAS_GRU_BEFORE_UNITS
/* Update and reset gate -> update, r * h. */
static inline void es_gru_before_gates(const es_sum *pre, const int16_t *h, int16_t *update, int16_t *reset,
                                       uint16_t count, uint8_t shift)
{
    for (uint16_t i = 0; i < count; ++i) {
        update[i] = (int16_t)es_fast_sigmoid(pre[i], shift);
        reset[i] = (int16_t)es_product(es_fast_sigmoid(pre[ES_GROUP + i], shift), h[i], 0);
    }
}

static inline void es_gru_before_units(const es_sum *pre, const int16_t *update, int16_t *h, uint16_t count,
                                       uint8_t shift)
{
    for (uint16_t i = 0; i < count; ++i) {
        h[i] = es_gru_before_unit(update[i], pre[i], h[i], shift);
    }
}
#endif

#ifndef ES_HAS_SIMPLE_RNN_UNITS
static inline void es_simple_rnn_units(const es_sum *pre, int16_t *h, uint16_t count, uint8_t shift)
{
    for (uint16_t i = 0; i < count; ++i) {
        h[i] = (int16_t)es_fast_tanh(pre[i], shift);
    }
}
#endif

#endif
