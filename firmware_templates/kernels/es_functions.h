/* What cells apply to requantised sums, and functions by table. Twins: edgeseq/simulate/runners/functions.py,
 * edgeseq/arith/piecewise.py, edgeseq/arith/lookup.py. */
#ifndef ES_FUNCTIONS_H
#define ES_FUNCTIONS_H

#include "es_arith.h"
#include "es_kernels.h"

/* argument + 1/2 in steps of 2^-15, in [0, 1). */
static inline int32_t es_hard_sigmoid(int32_t argument)
{
    const int32_t value = argument + 16384;
    return value < 0 ? 0 : value > INT16_MAX ? INT16_MAX : value;
}

/* value: a sum; to_argument: 2^preactivation_shift. */
static inline int32_t es_apply_sigmoid(int32_t value, int32_t to_argument)
{
    return es_sigmoid_q15(value * to_argument);
}

static inline int32_t es_apply_tanh(int32_t value, int32_t to_argument)
{
    return es_tanh_q15(value * to_argument);
}

static inline int32_t es_apply_hard_sigmoid(int32_t value, int32_t to_argument)
{
    return es_hard_sigmoid(value * (to_argument >> 1));
}

static inline int32_t es_apply_relu(int32_t value, int32_t to_argument)
{
    (void)to_argument;
    return value > 0 ? value : 0;
}

static inline int32_t es_apply_linear(int32_t value, int32_t to_argument)
{
    (void)to_argument;
    return value;
}

/* The same of an LSTM cell in steps of 2^(cell_shift-15). */
static inline int32_t es_cell_sigmoid(int32_t cell, uint8_t cell_shift)
{
    return es_sigmoid_q15(es_cell_argument(cell, cell_shift));
}

static inline int32_t es_cell_tanh_q15(int32_t cell, uint8_t cell_shift)
{
    return es_tanh_q15(es_cell_argument(cell, cell_shift));
}

/* slope: four times that of hard_sigmoid, in steps of 2^-15 (edgeseq.arith.piecewise.HARD_SLOPES). */
static inline int32_t es_hard_sigmoid_of(int32_t cell, uint8_t cell_shift, int32_t slope)
{
    return es_hard_sigmoid(es_multiply_by(cell, slope, (uint8_t)(17 - cell_shift)));
}

static inline int32_t es_cell_hard_sigmoid(int32_t cell, uint8_t cell_shift)
{
    return es_hard_sigmoid_of(cell, cell_shift, 21845);
}

static inline int32_t es_cell_hard_sigmoid_keras2(int32_t cell, uint8_t cell_shift)
{
    return es_hard_sigmoid_of(cell, cell_shift, 26214);
}

static inline int32_t es_cell_relu(int32_t cell, uint8_t cell_shift)
{
    return es_apply_relu(cell, cell_shift);
}

static inline int32_t es_cell_linear(int32_t cell, uint8_t cell_shift)
{
    return es_apply_linear(cell, cell_shift);
}

/* The same in finer steps, 2^shift times as many. */
static inline int32_t es_raise(int32_t value, uint8_t shift)
{
    return es_saturate_s16(value * ((int32_t)1 << shift));
}

/* A candidate in steps of 2^-15 in those of a state, 2^(shift-15). */
static inline int32_t es_to_state(int32_t candidate, uint8_t shift)
{
    return shift == 0 ? candidate : es_multiply_by(candidate, 16384, (uint8_t)(14 + shift));
}

/* TFLite's LUTLookup of int16; table: 513 entries. */
static inline int32_t es_lookup(int32_t value, const ES_FLASH int16_t *table)
{
    const ES_FLASH int16_t *entry = table + 256 + (value >> 7);
    const int32_t base = entry[0];
    return base + (((entry[1] - base) * (value & 127) + 64) >> 7);
}

#endif
