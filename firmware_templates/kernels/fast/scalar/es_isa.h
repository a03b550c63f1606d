/* Any 32-bit core with a multiplier and registers to spare: RV32IM, Cortex-M3, Xtensa, ...
 *
 * All gate rows of two units are summed side by side, so that each x is loaded once for 6 or 8 products. A group is:
 *   input bias (a word per row), input weights (bytes, column by column), padding to a word,
 *   state bias (of the gates that keep their parts apart; 1 elsewhere), state weights, padding,
 *   multipliers (int16, input rows, then state rows), padding.
 * Rows of a group: gate by gate, then unit by unit. Codes are read where they lie; a view holds the int8 state. */
#ifndef ES_ISA_H
#define ES_ISA_H

#include "es_arith.h"
#include "es_kernels.h"

#define ES_GROUP 2
#define ES_MAX_ROWS 8

typedef int32_t es_rows;
typedef int8_t es_view;

#if defined(__GNUC__)
#define ES_INLINE static inline __attribute__((always_inline))
#else
#define ES_INLINE static inline
#endif

typedef struct {
    const void *input;
    const int8_t *state;
    uint16_t inputs, units;
    uint8_t input_shift, state_shift;
} es_views;

#define es_make_views(x, inputs, input_shift, h, units, state_shift) {x, h, inputs, units, input_shift, state_shift}

ES_INLINE void es_view_state(const int16_t *h, uint16_t size, es_view *view)
{
    for (uint16_t i = 0; i < size; ++i) {
        view[i] = es_narrow(h[i]);
    }
}

/* es_requantize without its saturation. Above a shift of 16 the high word of one product suffices: rounding the
 * doubled result's last bit away rounds half up, because floors nest. */
ES_INLINE int32_t es_scale(int32_t acc, int32_t multiplier, uint8_t shift)
{
    if (shift == 16) {
        return (int32_t)(((int64_t)acc * multiplier + 32768) >> 16);
    }
    return ((int32_t)(((int64_t)acc * (multiplier << (33 - shift))) >> 32) + 1) >> 1;
}

ES_INLINE const int32_t *es_skip_bytes(const int32_t *rows, uint32_t bytes)
{
    return rows + (bytes + 3) / 4;
}

/* acc[row] += sum over columns of weight[column][row] * x[column]. `rows` is a constant at every call. */
ES_INLINE void es_columns_s8(const int8_t *weight, const int8_t *x, uint16_t columns, uint8_t rows, int32_t *acc)
{
    const int8_t *const end = x + columns;
    while (x + 4 <= end) {
        for (uint8_t column = 0; column < 4; ++column) {
            for (uint8_t row = 0; row < rows; ++row) {
                acc[row] += weight[column * rows + row] * x[column];
            }
        }
        weight += 4 * rows;
        x += 4;
    }
    while (x < end) {
        for (uint8_t row = 0; row < rows; ++row) {
            acc[row] += weight[row] * *x;
        }
        weight += rows;
        ++x;
    }
}

ES_INLINE void es_columns_s16(const int8_t *weight, const int16_t *x, uint16_t columns, uint8_t rows, int32_t *acc)
{
    const int16_t *const end = x + columns;
    while (x + 2 <= end) {
        for (uint8_t column = 0; column < 2; ++column) {
            for (uint8_t row = 0; row < rows; ++row) {
                acc[row] += weight[column * rows + row] * x[column];
            }
        }
        weight += 2 * rows;
        x += 2;
    }
    if (x < end) {
        for (uint8_t row = 0; row < rows; ++row) {
            acc[row] += weight[row] * *x;
        }
    }
}

ES_INLINE const int32_t *es_gate_rows(const int32_t *stream, const es_views *views, uint8_t sums, uint8_t parts,
                                      uint8_t wide, uint8_t bounded, int32_t *pre)
{
    const uint8_t rows = (uint8_t)((sums + parts) * ES_GROUP), summed = (uint8_t)(sums * ES_GROUP);
    int32_t acc[ES_MAX_ROWS] = {0};
    const int32_t *bias = stream;
    stream += rows;
    if (wide) {
        es_columns_s16((const int8_t *)stream, (const int16_t *)views->input, views->inputs, rows, acc);
    } else {
        es_columns_s8((const int8_t *)stream, (const int8_t *)views->input, views->inputs, rows, acc);
    }
    stream = es_skip_bytes(stream, (uint32_t)rows * views->inputs);
    const int32_t *state_bias = stream;
    stream += rows - summed;
    const int8_t *state_weight = (const int8_t *)stream;
    stream = es_skip_bytes(stream, (uint32_t)rows * views->units);
    const int16_t *multiplier = (const int16_t *)stream;
    /* The candidate's input parts come first, then its state parts. */
    for (uint8_t row = 0; row < rows; ++row) {
        const int32_t part = es_scale(2 * acc[row] + bias[row], multiplier[row], views->input_shift);
        pre[row] = bounded ? part : es_saturate_s16(part);
        acc[row] = 0;
    }
    es_columns_s8(state_weight, views->state, views->units, rows, acc);
    multiplier += rows;
    for (uint8_t row = 0; row < rows; ++row) {
        const int32_t one = row < summed ? 1 : state_bias[row - summed];
        const int32_t wide_part = es_scale(2 * acc[row] + one, multiplier[row], views->state_shift);
        const int32_t part = bounded ? wide_part : es_saturate_s16(wide_part);
        if (row < summed) {
            pre[row] += part;
        } else {
            pre[rows - summed + row] = part;
        }
    }
    return es_skip_bytes(stream, 4u * rows);
}

/* Dense: four rows side by side, a block is bias (4), weights (bytes, column by column), multipliers (4, int16). */
ES_INLINE void es_dense_rows(const int32_t *stream, const int16_t *x, uint16_t inputs, uint16_t units, uint8_t shift,
                             int16_t *y)
{
    for (uint16_t first = 0; first < units; first = (uint16_t)(first + 4)) {
        int32_t acc[4] = {stream[0], stream[1], stream[2], stream[3]};
        stream += 4;
        es_columns_s16((const int8_t *)stream, x, inputs, 4, acc);
        stream += inputs;
        const int16_t *multiplier = (const int16_t *)stream;
        stream += 2;
        for (uint8_t row = 0; row < 4 && first + row < units; ++row) {
            y[first + row] = (int16_t)es_saturate_s16(es_scale(acc[row], multiplier[row], shift));
        }
    }
}

#endif
