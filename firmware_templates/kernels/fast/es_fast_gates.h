/* What happens to one unit once its gate rows are known. Twin: edgeseq.simulate.oracle.
 *
 * es_isa.h may define ES_HAS_PRODUCTS, ES_HAS_CURVE and ES_HAS_ACTIVATIONS to bring its own instructions. Sums of two
 * int16 parts arrive unsaturated: the curves' argument clamps at |sum| << shift = 130559, and shift >= 2, so a
 * saturated sum gives the same result. In a GRU neither c - z*c nor z*h + (c - z*c) can leave int16, since both are
 * monotone in h and c and exact at h = c. */
#ifndef ES_FAST_GATES_H
#define ES_FAST_GATES_H

#include "es_arith.h"
#include "es_kernels.h"

#ifndef ES_HAS_PRODUCTS
/* a * b * 2^-(15 + extra_shift) for int16 a > 0 and b, as es_multiply_q15 rounds it. */
static inline int32_t es_product(int32_t a, int32_t b, uint8_t extra_shift)
{
    const int32_t product = a * b;
    const int32_t half = (int32_t)1 << (14 + extra_shift);
    return (product + half + ((product >> 31) | 1)) >> (15 + extra_shift);
}

static inline int32_t es_add_product(int32_t addend, int32_t a, int32_t b)
{
    return addend + es_product(a, b, 0);
}

static inline int32_t es_subtract_product(int32_t minuend, int32_t a, int32_t b)
{
    return minuend - es_product(a, b, 0);
}
#endif

#ifndef ES_HAS_ACTIVATIONS
/* Twins: edgeseq.arith.activation.sigmoid_q15 and tanh_q15 of v << shift. */
#ifdef ES_HAS_CURVE
static inline int32_t es_fast_sigmoid(int32_t v, uint8_t shift)
{
    return es_curve_sigmoid(es_curve(v, (int32_t)1 << shift));
}

static inline int32_t es_fast_tanh(int32_t v, uint8_t shift)
{
    return es_curve_tanh(es_curve(v, (int32_t)2 << shift));
}
#else
/* 2^(25-shift) * (sigmoid((|v| << shift) / 12288) - 1/2), its bits inverted if v < 0; shift <= 8. The argument is not
 * shifted, since those bits of the fraction are zero; only at the clamp are they not, where rounding hides them. */
static inline int32_t es_curve(int32_t v, uint8_t shift)
{
    const uint8_t fraction_bits = (uint8_t)(9 - shift);
    const int32_t sign = v >> 31, limit = 130559 >> shift;
    int32_t magnitude = (v ^ sign) - sign;
    magnitude = magnitude < limit ? magnitude : limit;
    const ES_FLASH int16_t *entry = es_sigmoid_table + (magnitude >> fraction_bits);
    /* No entry is negative, and Thumb-1 loads unsigned halfwords best. */
    const int32_t left = (uint16_t)entry[0], right = (uint16_t)entry[1];
    const int32_t fraction = magnitude & (((int32_t)1 << fraction_bits) - 1);
    return (left * ((int32_t)1 << fraction_bits) + fraction * (right - left)) ^ sign;
}

static inline int32_t es_fast_sigmoid(int32_t v, uint8_t shift)
{
    return (es_curve(v, shift) + ((int32_t)32769 << (9 - shift))) >> (10 - shift);
}

static inline int32_t es_fast_tanh(int32_t v, uint8_t shift)
{
    return (es_curve(v, (uint8_t)(shift + 1)) + ((int32_t)1 << (7 - shift))) >> (8 - shift);
}
#endif
#endif

/* Gates z, r and the candidate's two parts -> the new hidden state. */
static inline int16_t es_gru_unit(int32_t z_sum, int32_t r_sum, int32_t from_input, int32_t from_state, int32_t h,
                                  uint8_t shift)
{
    const int32_t z = es_fast_sigmoid(z_sum, shift);
    const int32_t r = es_fast_sigmoid(r_sum, shift);
    const int32_t candidate = es_fast_tanh(es_add_product(from_input, r, from_state), shift);
    return (int16_t)es_add_product(es_subtract_product(candidate, z, candidate), z, h);
}

/* Update gate and candidate -> the new hidden state. */
static inline int16_t es_gru_before_unit(int32_t z, int32_t candidate_sum, int32_t h, uint8_t shift)
{
    const int32_t candidate = es_fast_tanh(candidate_sum, shift);
    return (int16_t)es_add_product(es_subtract_product(candidate, z, candidate), z, h);
}

/* tanh of a cell in steps of 2^(cell_shift-15). Twin: edgeseq.arith.activation.cell_argument. */
static inline int32_t es_cell_tanh(int32_t cell, uint8_t cell_shift)
{
    if (cell_shift < 3) {
        const int32_t argument = (3 * cell + ((int32_t)1 << (2 - cell_shift))) >> (3 - cell_shift);
        return es_fast_tanh(argument, 0);
    }
    /* es_product(24576, cell, 0) without the 13 zeros of 24576. */
    return es_fast_tanh((3 * cell + 2 + (cell >> 31)) >> 2, (uint8_t)(cell_shift - 1));
}

/* Input, forget, candidate and output gate -> the new cell, and through it the hidden state. */
static inline int16_t es_lstm_unit(int32_t i_sum, int32_t f_sum, int32_t g_sum, int32_t o_sum, int16_t *c,
                                   uint8_t shift, uint8_t cell_shift)
{
    const int32_t i = es_fast_sigmoid(i_sum, shift);
    const int32_t f = es_fast_sigmoid(f_sum, shift);
    const int32_t g = es_fast_tanh(g_sum, shift);
    const int32_t o = es_fast_sigmoid(o_sum, shift);
    const int32_t added = es_product(i, g, cell_shift);
    const int32_t cell = es_saturate_s16(es_add_product(added, f, *c));
    *c = (int16_t)cell;
    return (int16_t)es_product(o, es_cell_tanh(cell, cell_shift), 0);
}

#endif
