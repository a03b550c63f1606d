/* Cortex-M55 and M85: the M-profile Vector Extension (Helium).
 *
 * Rows come in groups of eight, one gate of eight units, in two halves: units 0, 2, 4, 6 and units 1, 3, 5, 7, so that
 * one narrowing move interleaves them. A group is the halves of the input part, then those of the state part. A half is
 *   weights, per vector of columns one vector of each row (16 bytes, or 8 of a wide x),
 *   bias (4 words; 1 and left out in the state part of a gate whose parts are added),
 *   multipliers (4 words), shifted left by 32 - shift.
 * Views are padded with zeros to whole vectors. Dense: rows in blocks of four (the last one may have fewer), a block is
 * weights as of a wide x, bias (4), multipliers (4).
 *
 * Sums are in assembly, since compilers make more instructions of the same intrinsics. It reads constants only, so it
 * names no memory, and nothing in it predicates: clang knows no name for that register. */
#ifndef ES_ISA_H
#define ES_ISA_H

#include "es_arith.h"
#include "es_kernels.h"

#if defined(__GNUC__) && defined(__ARM_FEATURE_MVE)
#define ES_MVE 1
#include <arm_mve.h>
#else
#define ES_MVE 0
#endif

#if defined(__GNUC__)
#define ES_INLINE static inline __attribute__((always_inline))
#else
#define ES_INLINE static inline
#endif

#define ES_GROUP 8
#define ES_BLOCK 4

typedef int32_t es_rows;
typedef int8_t es_view;

#define ES_HAS_SUM
typedef int16_t es_sum; /* saturated, which the curves cannot tell from unsaturated */

typedef struct {
    const void *input;
    const int8_t *state;
    uint16_t inputs, units;
    uint8_t input_shift, state_shift;
} es_views;

#define es_make_views(x, inputs, input_shift, h, units, state_shift) {x, h, inputs, units, input_shift, state_shift}

#if ES_MVE
#include "es_mve_rows.h"

#include "es_mve_units.h"
#else
#include "es_mve_c.h"
#endif

#endif
