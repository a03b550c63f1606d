/* Kernels that only models of whole windows use. Rows of a window lie one after another. */
#ifndef ES_WINDOW_H
#define ES_WINDOW_H

#include "es_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y[i] = (x[i] >> 1) + (y[i] >> 1): the mean, or the sum in steps of twice the size.
 * Twin: edgeseq.arith.product.halve, twice. */
void es_add_halves_s16(const int16_t *x, uint16_t count, int16_t *y);

/* y[i] = x[i] * y[i] in steps of 2^-15. Twin: edgeseq.arith.product.multiply_q15. */
void es_multiply_s16(const int16_t *x, uint16_t count, int16_t *y);

/* 32768 * 2^(-i / 128). Twin: edgeseq.arith.attention.POWER_TABLE. */
extern const ES_FLASH uint16_t es_power_table[129];

/* Self-attention behind its projections. A score is a base-2 logarithm in steps of 2^-fraction_bits. */
typedef struct {
    uint16_t steps; /* of the window */
    uint16_t heads;
    uint16_t key_size;     /* of one head's query and key */
    uint16_t value_size;   /* of one head's value */
    int16_t multiplier;    /* score = sum of query * key, requantised by these */
    uint8_t shift;         /* 16..32 */
    uint8_t fraction_bits; /* 7..12 */
    uint8_t key_bits;      /* keys are clipped to -2^key_bits..2^key_bits - 1, so that the sum fits int32 */
} es_attention_params;

/* rows: (steps, heads * (2 * key_size + value_size)), in each the queries, keys and values of all heads; the keys are
 * clipped in place. weights: scratch (steps,). y: (steps, heads * value_size). Twin: edgeseq.arith.attention. */
void es_attend_s16(const ES_FLASH es_attention_params *params, int16_t *rows, uint16_t *weights, int16_t *y);

#ifdef __cplusplus
}
#endif

#endif
