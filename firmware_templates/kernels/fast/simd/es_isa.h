/* Application processors: eight units at a time in vector registers, one weight layout for all of them.
 *
 * A group is eight units. In words:
 *   input bias (8 per gate), input weights,
 *   state bias (8 per gate that keeps its parts apart; 1 elsewhere), state weights,
 *   multipliers (8 per gate: input rows, then state rows), shifted left by 31 - shift if shift < 32.
 * Weights: per block of four columns, gate by gate, eight rows of four bytes; columns are padded with zeros.
 * So each 32-bit lane of a vector is one row's block, whatever the width of the vector.
 *
 * One of es_simd_*.h brings eight sums, int32, one per unit, and what happens to them:
 *   es_sums                 with es_store_sums, es_add_sums, es_saturate_sums (to int16)
 *   es_view_state           the int8 view of a state
 *   es_view_s16             int16 values, halved if `halve` is 1, as es_rows_s16 wants them
 *   es_rows_s8, es_rows_s16 acc[gate] = 2 * sum(w * x) + bias of eight rows per gate; bias 1 for the first `ones` gates
 *   es_dense_sums           sum(w * x) + bias of eight rows, of which `count` are wanted
 *   es_scale                es_requantize without its saturation
 *   es_settle_sums          nothing, or a hint to the compiler
 *   es_store_rows           the first `count` sums, saturated
 * and, if it includes es_simd_units.h, eight values of int16 range with their arithmetic:
 *   es_values, es_values_of es_sums -> es_values, saturated where 16 bits hold them
 *   es_load_values, es_store_values, es_add_values, es_subtract_values, es_saturate_values
 *   es_multiply, es_sigmoid, es_tanh, es_tanh_of_cell   twins of es_product and of the curves in es_fast_gates.h */
#ifndef ES_ISA_H
#define ES_ISA_H

#include <string.h>

#include "es_arith.h"
#include "es_kernels.h"

#define ES_GROUP 8
#define ES_MAX_GATES 4

typedef int32_t es_rows;
typedef void es_view; /* of int8, or of what es_view_s16 makes */

#if defined(__GNUC__)
#define ES_INLINE static inline __attribute__((always_inline))
#else
#define ES_INLINE static inline
#endif

typedef struct {
    const void *input, *state;
    uint16_t inputs, units;
    uint8_t input_shift, state_shift;
} es_views;

#define es_make_views(x, inputs, input_shift, h, units, state_shift) {x, h, inputs, units, input_shift, state_shift}

#define ES_BLOCKS(columns) (((uint32_t)(columns) + 3) / 4)
#define ES_PADDED(columns) (4 * ES_BLOCKS(columns))

/* Codes are copied only where their number is no multiple of four. */
ES_INLINE void es_view_codes8(const int8_t *x, uint16_t size, int8_t *view)
{
    memcpy(view, x, size);
    memset(view + size, 0, ES_PADDED(size) - size);
}

/* For loops whose few rounds are known, and for those over blocks. */
#if defined(__GNUC__)
#define ES_UNROLL _Pragma("GCC unroll 16")
#define ES_UNROLL_TWICE _Pragma("GCC unroll 2")
#else
#define ES_UNROLL
#define ES_UNROLL_TWICE
#endif

/* ES_PLAIN_C: for compilers without the intrinsics of their target. */
#if defined(ES_PLAIN_C)
#include "es_simd_c.h"
#elif defined(__AVX2__)
#include "es_simd_avx2.h"
#elif defined(__ARM_NEON) && !defined(__ARM_BIG_ENDIAN)
#include "es_simd_neon.h"
#elif defined(__wasm_simd128__)
#include "es_simd_wasm.h"
#elif defined(__SSE2__)
#include "es_simd_sse2.h"
#else
#include "es_simd_c.h"
#endif

/* The same pointer, unknown to the compiler: it would copy the weights of small layers into constants of its own. */
ES_INLINE const int32_t *es_rows_at(const int32_t *rows)
{
#if defined(__GNUC__)
    __asm__("" : "+r"(rows));
#endif
    return rows;
}

ES_INLINE void es_view_codes16(const int16_t *x, uint16_t size, es_view *view)
{
    es_view_s16(x, size, 0, (int16_t *)view);
}

/* Twin: es_halve. */
ES_INLINE void es_view_state16(const int16_t *h, uint16_t size, es_view *view)
{
    es_view_s16(h, size, 1, (int16_t *)view);
}

ES_INLINE void es_rows_of(const int32_t *weight, const void *x, uint16_t columns, uint8_t wide, uint8_t gates,
                          const int32_t *bias, uint8_t ones, es_sums *acc)
{
    if (wide) {
        es_rows_s16((const int8_t *)weight, (const int16_t *)x, columns, gates, bias, ones, acc);
    } else {
        es_rows_s8((const int8_t *)weight, (const int8_t *)x, columns, gates, bias, ones, acc);
    }
}

ES_INLINE const int32_t *es_gate_rows(const int32_t *rows, const es_views *views, uint8_t sums, uint8_t parts,
                                      uint8_t form, uint8_t bounded, int32_t *pre)
{
    const uint8_t gates = (uint8_t)(sums + parts);
    const uint32_t words = (uint32_t)gates * ES_GROUP;
    es_sums acc[ES_MAX_GATES];
    rows = es_rows_at(rows);
    es_rows_of(rows + words, views->input, views->inputs, form & ES_FORM_WIDE_INPUT, gates, rows, 0, acc);
    const int32_t *bias = rows + words + words * ES_BLOCKS(views->inputs);
    const int32_t *weight = bias + (uint32_t)parts * ES_GROUP;
    const int32_t *multiplier = weight + words * ES_BLOCKS(views->units);
    es_sums from_input[ES_MAX_GATES];
    ES_UNROLL
    for (uint8_t gate = 0; gate < gates; ++gate, multiplier += ES_GROUP) {
        const es_sums part = es_scale(acc[gate], multiplier, views->input_shift);
        from_input[gate] = bounded ? part : es_saturate_sums(part);
        es_settle_sums(&from_input[gate]);
    }
    es_rows_of(weight, views->state, views->units, form & ES_FORM_WIDE_STATE, gates, bias, sums, acc);
    ES_UNROLL
    for (uint8_t gate = 0; gate < gates; ++gate, multiplier += ES_GROUP) {
        const es_sums wide_part = es_scale(acc[gate], multiplier, views->state_shift);
        const es_sums part = bounded ? wide_part : es_saturate_sums(wide_part);
        if (gate < sums) {
            es_store_sums(pre + gate * ES_GROUP, es_add_sums(from_input[gate], part));
        } else {
            es_store_sums(pre + gate * ES_GROUP, from_input[gate]);
            es_store_sums(pre + (gate + parts) * ES_GROUP, part);
        }
    }
    return multiplier;
}

/* Dense: groups of eight rows; a group is bias (8), bias + 128 * sum of weights (8) for machines that split x into
 * bytes and make the lower one signed, weights as above, multipliers (8) as above. */
ES_INLINE const int32_t *es_dense_group(const int32_t *rows, const int16_t *x, uint16_t inputs, uint16_t count,
                                        uint8_t shift, int16_t *y)
{
    const int32_t *weight = rows + 2 * ES_GROUP;
    const int32_t *multiplier = weight + ES_GROUP * ES_BLOCKS(inputs);
    const es_sums acc = es_dense_sums((const int8_t *)weight, x, inputs, rows, count);
    es_store_rows(y, es_scale(acc, multiplier, shift), count);
    return multiplier + ES_GROUP;
}

ES_INLINE void es_dense_rows(const int32_t *rows, const int16_t *x, uint16_t inputs, uint16_t units, uint8_t shift,
                             int16_t *y)
{
    const uint16_t rest = units % ES_GROUP;
    rows = es_rows_at(rows);
    for (const int16_t *const end = y + (units - rest); y < end; y += ES_GROUP) {
        rows = es_dense_group(rows, x, inputs, ES_GROUP, shift, y);
    }
    if (rest != 0) {
        (void)es_dense_group(rows, x, inputs, rest, shift, y);
    }
}

#endif
