/* The smallest image on any core: bytes of data count here, and bytes of code; instructions do not.
 *
 * Every matrix is read by one loop, so all views are int16 and doubled. A gate of a unit is, in bytes:
 *   input bias (2, little-endian), input multiplier (1), input weights,
 *   [state bias (2), if the gate keeps its parts apart,] state multiplier (1), state weights.
 * After the last row: bias shift and multiplier unit (4) of the input matrix, then of the state's.
 * 4-bit weights lie two a byte, the first one low.
 * Sparse weights lie in blocks of four columns without those of zeros; before each eight blocks of a row a byte says
 * which of them there are, the first one by its lowest bit.
 * A bias b stands for (b << bias shift) + 1, a multiplier m for m * unit * 2^-32. */
#ifndef ES_ISA_H
#define ES_ISA_H

#include "es_arith.h"
#include "es_kernels.h"

#define ES_GROUP 1

/* One copy of what several places call; of those for the weights' two widths a model may need one. */
#ifdef __GNUC__
#define ES_SHARED __attribute__((noinline, unused))
#else
#define ES_SHARED
#endif

typedef int8_t es_rows;
typedef int16_t es_view;

typedef struct {
    const es_view *x;
    const ES_FLASH es_rows *scale; /* bias shift, multiplier unit */
    uint16_t columns;
} es_side;

typedef struct {
    es_side input;
    es_side state;
} es_views;

#define ES_SCALE_BYTES 5
#define ES_SCALES_OF(rows, side) ((rows) + sizeof(rows) - ES_SCALE_BYTES * (2 - (side)))

#define es_make_views(x, inputs, input_shift, h, units, state_shift)                                                   \
    {                                                                                                                  \
        {(const es_view *)(x), ES_SCALES_OF(ES_LAYER_NAME(_rows), 0), (inputs)},                                       \
        {                                                                                                              \
            (h), ES_SCALES_OF(ES_LAYER_NAME(_rows), 1), (units)                                                        \
        }                                                                                                              \
    }

static inline int32_t es_read16(const ES_FLASH es_rows *at)
{
    return (int16_t)((uint8_t)at[0] | (uint16_t)((uint8_t)at[1] << 8));
}

static inline int32_t es_read32(const ES_FLASH es_rows *at)
{
    return (int32_t)((uint32_t)(uint16_t)es_read16(at) | (uint32_t)es_read16(at + 2) << 16);
}

static inline void es_view_codes8(const int8_t *x, uint16_t size, es_view *view)
{
    for (uint16_t i = 0; i < size; ++i) {
        view[i] = (es_view)(2 * x[i]);
    }
}

static inline void es_view_codes16(const int16_t *x, uint16_t size, es_view *view)
{
    for (uint16_t i = 0; i < size; ++i) {
        view[i] = (es_view)(2 * x[i]);
    }
}

static inline void es_view_state(const int16_t *h, uint16_t size, es_view *view)
{
    for (uint16_t i = 0; i < size; ++i) {
        view[i] = (es_view)(2 * es_narrow(h[i]));
    }
}

static inline void es_view_state16(const int16_t *h, uint16_t size, es_view *view)
{
    for (uint16_t i = 0; i < size; ++i) {
        view[i] = (es_view)(h[i] & ~1);
    }
}

/* acc + sum of weight[i] * x[i]. */
static inline int32_t es_dot(const ES_FLASH es_rows *weight, const int16_t *x, uint16_t columns, int32_t acc)
{
    do {
        acc += (int32_t)*weight++ * *x++;
    } while (--columns != 0);
    return acc;
}

/* The same of 4-bit weights; the last one of an odd number of columns is 0. */
static inline int32_t es_dot_w4(const ES_FLASH es_rows *weight, const int16_t *x, uint16_t columns, int32_t acc)
{
    for (const int16_t *const end = x + columns; x < end; x += 2) {
        const int32_t pair = *weight++;
        acc += (int8_t)((uint32_t)pair << 4) / 16 * x[0] + (pair >> 4) * x[1];
    }
    return acc;
}

static inline int32_t es_scale(int32_t acc, int32_t multiplier)
{
    return es_saturate_s16(es_multiply_high(acc, multiplier));
}

/* es_row: one requantised row without its bias, which acc holds; moves `rows` to the next one. */
#define ES_DEFINE_ROW(bits, dot, bytes)                                                                                \
    static ES_SHARED int32_t es_row_w##bits(const ES_FLASH es_rows **rows, const es_side *side, int32_t acc)           \
    {                                                                                                                  \
        const ES_FLASH es_rows *weight = *rows + 1;                                                                    \
        const int32_t multiplier = (uint8_t)**rows * es_read32(side->scale + 1);                                       \
        *rows = weight + (bytes);                                                                                      \
        return es_scale(dot(weight, side->x, side->columns, acc), multiplier);                                         \
    }

/* The same of sparse weights. */
#define ES_DEFINE_SPARSE_ROW(bits, dot, bytes)                                                                         \
    static ES_SHARED int32_t es_row_sparse_w##bits(const ES_FLASH es_rows **rows, const es_side *side, int32_t acc)    \
    {                                                                                                                  \
        const ES_FLASH es_rows *weight = *rows + 1;                                                                    \
        const int32_t multiplier = (uint8_t)**rows * es_read32(side->scale + 1);                                       \
        const int16_t *x = side->x;                                                                                    \
        uint16_t columns, mask = 1; /* the bit above the mask, when none is left below it */                           \
        for (uint16_t left = side->columns; left != 0; left = (uint16_t)(left - columns), mask >>= 1) {                \
            columns = left < 4 ? left : 4;                                                                             \
            if (mask == 1) {                                                                                           \
                mask = (uint16_t)(0x100 | (uint8_t)*weight++);                                                         \
            }                                                                                                          \
            if (mask & 1) {                                                                                            \
                acc = dot(weight, x, columns, acc);                                                                    \
                weight += (bytes);                                                                                     \
            }                                                                                                          \
            x += columns;                                                                                              \
        }                                                                                                              \
        *rows = weight;                                                                                                \
        return es_scale(acc, multiplier);                                                                              \
    }

/* What es_row makes of both matrices. */
#define ES_DEFINE_GATES(row)                                                                                           \
    static ES_SHARED int32_t es_biased_##row(const ES_FLASH es_rows **rows, const es_side *side)                       \
    {                                                                                                                  \
        const int32_t bias = es_read16(*rows) * ((int32_t)1 << *side->scale) + 1;                                      \
        *rows += 2;                                                                                                    \
        return es_##row(rows, side, bias);                                                                             \
    }                                                                                                                  \
    static inline const ES_FLASH es_rows *es_gates_of_##row(const ES_FLASH es_rows *rows, const es_views *views,       \
                                                            uint8_t sums, uint8_t parts, int32_t *pre)                 \
    {                                                                                                                  \
        for (; sums != 0; --sums) {                                                                                    \
            const int32_t from_input = es_biased_##row(&rows, &views->input);                                          \
            *pre++ = from_input + es_##row(&rows, &views->state, 1);                                                   \
        }                                                                                                              \
        if (parts != 0) {                                                                                              \
            pre[0] = es_biased_##row(&rows, &views->input);                                                            \
            pre[1] = es_biased_##row(&rows, &views->state);                                                            \
        }                                                                                                              \
        return rows;                                                                                                   \
    }

ES_DEFINE_ROW(8, es_dot, side->columns)
ES_DEFINE_ROW(4, es_dot_w4, (side->columns + 1) / 2)
ES_DEFINE_SPARSE_ROW(8, es_dot, columns)
ES_DEFINE_SPARSE_ROW(4, es_dot_w4, (columns + 1) / 2)
ES_DEFINE_GATES(row_w8)
ES_DEFINE_GATES(row_w4)
ES_DEFINE_GATES(row_sparse_w8)
ES_DEFINE_GATES(row_sparse_w4)

/* All views are wide, all rows saturated; both matrices are sparse or neither. The preprocessor chooses. */
#define ES_ROW_OF_80 es_gates_of_row_w8
#define ES_ROW_OF_40 es_gates_of_row_w4
#define ES_ROW_OF_81 es_gates_of_row_sparse_w8
#define ES_ROW_OF_41 es_gates_of_row_sparse_w4
#define es_gate_rows(rows, views, sums, parts, form, bounded, pre)                                                     \
    ES_PASTE(ES_ROW_OF_, ES_PASTE(ES_WEIGHT_BITS, ES_SPARSE_STATE))(rows, views, sums, parts, pre)

/* Dense: bias shift, then per row bias (2), multiplier (2), weights. A bias b stands for b << bias shift. */
static inline void es_dense_rows(const ES_FLASH es_rows *rows, const int16_t *x, uint16_t inputs, uint16_t units,
                                 uint8_t shift, int16_t *y)
{
    const int32_t step = (int32_t)1 << *rows++;
    for (; units != 0; --units) {
        const int32_t acc = es_dot(rows + 4, x, inputs, es_read16(rows) * step);
        *y++ = (int16_t)es_scale(acc, es_read16(rows + 2) * ((int32_t)1 << (32 - shift)));
        rows += 4 + inputs;
    }
}

#define ES_HAS_CURVE
/* 2^25 * (sigmoid(|v| * scale / 12288) - 1/2), its bits inverted if v < 0. */
static ES_SHARED int32_t es_curve(int32_t v, int32_t scale)
{
    const int32_t sign = v >> 31;
    int32_t magnitude = ((v ^ sign) - sign) * scale;
    magnitude = magnitude < 130559 ? magnitude : 130559;
    const ES_FLASH int16_t *entry = es_sigmoid_table + (magnitude >> 9);
    const int32_t left = entry[0];
    return (left * 512 + (magnitude & 511) * (entry[1] - left)) ^ sign;
}

static inline int32_t es_curve_sigmoid(int32_t curve)
{
    return 16384 + ((curve + 512) >> 10);
}

static inline int32_t es_curve_tanh(int32_t curve)
{
    return (curve + 256) >> 9;
}

#endif
