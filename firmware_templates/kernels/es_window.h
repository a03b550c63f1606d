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

#ifdef __cplusplus
}
#endif

#endif
