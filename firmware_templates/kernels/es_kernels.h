/* All kernels. Pointers must not be NULL and buffers must not overlap unless said otherwise. */
#ifndef ES_KERNELS_H
#define ES_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "es_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* 65536 * sigmoid(i / 24) as TFLite's int16 kernels hold it, less 32768.
 * Twin: edgeseq.arith.activation.SIGMOID_TABLE. */
extern const ES_FLASH int16_t es_sigmoid_table[256];

/* sigmoid and tanh of argument / 12288, in steps of 2^-15.
 * Twins: edgeseq.arith.activation.sigmoid_q15 and tanh_q15. */
int16_t es_sigmoid_q15(int32_t argument);
int16_t es_tanh_q15(int32_t argument);

/* sum of a[i] * b[i]. */
int32_t es_dot_s8(const ES_FLASH int8_t *a, const int8_t *b, uint16_t count);
int32_t es_dot_s16(const ES_FLASH int8_t *a, const int16_t *b, uint16_t count);

/* The same with two weights a byte, the first in its low half. */
int32_t es_dot_s8_w4(const ES_FLASH int8_t *a, const int8_t *b, uint16_t count);
int32_t es_dot_s16_w4(const ES_FLASH int8_t *a, const int16_t *b, uint16_t count);

/* The sum over one row of a matrix whose blocks of four zeros are left out. a: where each row lies (uint16, from a),
 * then the rows; a byte before each eight blocks says which of them there are, the first one by its lowest bit. */
int32_t es_dot_s8_sparse(const ES_FLASH int8_t *a, uint32_t row, const int8_t *b, uint16_t count);
int32_t es_dot_s16_sparse(const ES_FLASH int8_t *a, uint32_t row, const int16_t *b, uint16_t count);

/* out[i] = int8 view of in[i]. */
void es_narrow_s8(const int16_t *in, uint16_t count, int8_t *out);

/* out[i] = upper 15 bits of in[i]. */
void es_halve_s16(const int16_t *in, uint16_t count, int16_t *out);

/* y: (units,), from an int8 or an int16 x: (inputs,). */
void es_dense_s8(const ES_FLASH es_dense_params *params, const int8_t *x, int16_t *y);
void es_dense_s16(const ES_FLASH es_dense_params *params, const int16_t *x, int16_t *y);
void es_dense_s8_w4(const ES_FLASH es_dense_params *params, const int8_t *x, int16_t *y);
void es_dense_s16_w4(const ES_FLASH es_dense_params *params, const int16_t *x, int16_t *y);

/* Apply es_activation to y in place; hard_sigmoid, which few models have, is a kernel of its own. */
void es_activate_s16(uint8_t activation, uint8_t preactivation_shift, int16_t *y, uint16_t count);
void es_hard_sigmoid_s16(uint8_t preactivation_shift, int16_t *y, uint16_t count);

/* y[i] = x[i] < threshold ? slope * (x[i] - threshold) : min(x[i], limit); slope in steps of 2^-15, slope_step: 0 if
 * all values share it, 1 if each has its own. y may be x. Twin: edgeseq.arith.piecewise.rectify. */
void es_rectify_s16(const ES_FLASH int16_t *slope, uint8_t slope_step, int16_t threshold, int16_t limit,
                    const int16_t *x, int16_t *y, uint16_t count);

/* y[i] = function of x[i] by a table of 513 entries; y may be x. Twin: edgeseq.arith.lookup.lookup. */
void es_lookup_s16(const ES_FLASH int16_t *table, const int16_t *x, int16_t *y, uint16_t count);

/* y: (channels * multiplier,), from x: (taps, channels). */
void es_depthwise_s16(const ES_FLASH es_depthwise_params *params, const int16_t *x, int16_t *y);

/* y[i] = (x[i] - zero_point) << shift: input codes as an int16 tensor, without loss. */
void es_widen_s8(const int8_t *x, int8_t zero_point, uint8_t shift, uint16_t count, int16_t *y);
void es_widen_s16(const int16_t *x, uint8_t shift, uint16_t count, int16_t *y);

/* y[i] = saturate(a[i] >> a_shift + b[i] >> b_shift), shifted by es_shift_right. */
void es_residual_s16(const int16_t *a, uint8_t a_shift, const int16_t *b, uint8_t b_shift, uint16_t count, int16_t *y);

/* Zero mean and unit variance over x: (count,), in steps of 2^-fraction_bits.
 * Twin: edgeseq.arith.normalize.normalize_int16. */
void es_normalize_s16(const int16_t *x, uint16_t count, int64_t epsilon, uint8_t fraction_bits, int16_t *y);

/* The largest value since reset. largest: (size,), plus 32768, so that zero is below everything. */
void es_pool_max(const int16_t *x, uint16_t size, uint16_t *largest, int16_t *y);

/* The mean since reset. low, high: (size,), halves of the sums; count: time steps in them.
 * Twin: edgeseq.arith.pooling.mean_of. */
void es_pool_average(const int16_t *x, uint16_t size, uint16_t *low, int16_t *high, int16_t *count, int16_t *y);

/* A delay line. window: (taps, size), whose last row holds the present step: the rows before it are filled with
 * those (taps - 1) * dilation, ..., dilation steps ago, and the present one is put into the ring of as many slots.
 * at: the slot of the oldest step. s8 keeps the top byte alone. */
void es_recall_s8(int8_t *ring, int16_t *at, uint16_t size, uint16_t taps, uint16_t dilation, int16_t *window);
void es_recall_s16(int16_t *ring, int16_t *at, uint16_t size, uint16_t taps, uint16_t dilation, int16_t *window);

/* y: (units,) = row *id of the table << 8; an id outside of 0 .. ids - 1 is clamped to it. */
void es_embed_s16(const ES_FLASH int8_t *table, const int16_t *id, uint16_t ids, uint16_t units, int16_t *y);

#ifdef __cplusplus
}
#endif

#endif
