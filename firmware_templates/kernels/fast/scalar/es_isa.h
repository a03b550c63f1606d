/* Any 32-bit core with a multiplier and registers to spare: RV32IM, Cortex-M3, Xtensa, ...
 *
 * All gate rows of two units are summed side by side, so that each x is loaded once for 6 or 8 products. A group is:
 *   input bias (a word per row), input weights (bytes, column by column), padding to a word,
 *   state bias (of the gates that keep their parts apart; 1 elsewhere), state weights, padding,
 *   multipliers (int16, input rows, then state rows), padding.
 * Rows of a group: gate by gate, then unit by unit. Biases are odd and lie here less one and halved, to start a sum of
 * undoubled products from. Codes are read where they lie; a view holds the state's top byte or its upper 15 bits. */
#ifndef ES_ISA_H
#define ES_ISA_H

#include "es_arith.h"
#include "es_kernels.h"

#define ES_GROUP 2
#define ES_LOOP ES_ROLLED
#define ES_MAX_ROWS 8

typedef int32_t es_rows;
typedef void es_view; /* int8_t, or int16_t of 15 bits */

#if defined(__GNUC__)
#define ES_INLINE static inline __attribute__((always_inline))
#else
#define ES_INLINE static inline
#endif

typedef struct {
    const void *input;
    const es_view *state;
    uint16_t inputs, units;
    uint8_t input_shift, state_shift;
} es_views;

#define es_make_views(x, inputs, input_shift, h, units, state_shift) {x, h, inputs, units, input_shift, state_shift}

ES_INLINE void es_view_state(const int16_t *h, uint16_t size, es_view *to)
{
    int8_t *const view = (int8_t *)to;
    ES_ROLLED
    for (uint16_t i = 0; i < size; ++i) {
        view[i] = es_narrow(h[i]);
    }
}

ES_INLINE void es_view_state16(const int16_t *h, uint16_t size, es_view *to)
{
    int16_t *const view = (int16_t *)to;
    ES_ROLLED
    for (uint16_t i = 0; i < size; ++i) {
        view[i] = es_halve(h[i]);
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

#if defined(__GNUC__) && defined(__riscv) && __riscv_xlen == 32 && defined(__riscv_mul)
/* In assembly because compilers load dozens of weights ahead and spill them: 19 instructions a column of six rows. Two
 * products are under way at once, for cores that wait for a load. */
#define ES_TWO_ROWS(at, first, second)                                                                                 \
    "lb %[w0], " at "(%[weight])\n\tlb %[w1], " at "+1(%[weight])\n\t"                                                 \
    "mul %[w0], %[w0], %[value]\n\tmul %[w1], %[w1], %[value]\n\t"                                                     \
    "add " first ", " first ", %[w0]\n\tadd " second ", " second ", %[w1]\n\t"
#define ES_ROWS_2(at) ES_TWO_ROWS(at, "%0", "%1")
#define ES_ROWS_4(at) ES_ROWS_2(at) ES_TWO_ROWS(at "+2", "%2", "%3")
#define ES_ROWS_6(at) ES_ROWS_4(at) ES_TWO_ROWS(at "+4", "%4", "%5")
#define ES_ROWS_8(at) ES_ROWS_6(at) ES_TWO_ROWS(at "+6", "%6", "%7")

#define ES_ACCS_2 "+r"(acc[0]), "+r"(acc[1])
#define ES_ACCS_4 ES_ACCS_2, "+r"(acc[2]), "+r"(acc[3])
#define ES_ACCS_6 ES_ACCS_4, "+r"(acc[4]), "+r"(acc[5])
#define ES_ACCS_8 ES_ACCS_6, "+r"(acc[6]), "+r"(acc[7])

/* clang-format off */
/* Four columns a round; load and size are those of x. */
#define ES_ROUNDS(rows, load, size) \
    __asm__ volatile( \
        "1:\n\t" load " %[value], 0*" #size "(%[x])\n\t" ES_ROWS_##rows("0*" #rows) \
        load " %[value], 1*" #size "(%[x])\n\t" ES_ROWS_##rows("1*" #rows) \
        load " %[value], 2*" #size "(%[x])\n\t" ES_ROWS_##rows("2*" #rows) \
        load " %[value], 3*" #size "(%[x])\n\t" ES_ROWS_##rows("3*" #rows) \
        "addi %[x], %[x], 4*" #size "\n\taddi %[weight], %[weight], 4*" #rows "\n\tbne %[x], %[end], 1b" \
        : ES_ACCS_##rows, [weight] "+&r"(weight), [x] "+&r"(x), \
          [w0] "=&r"(w0), [w1] "=&r"(w1), [value] "=&r"(value) \
        : [end] "r"(end) \
        : "memory")

#define ES_COLUMN(rows, load, size) \
    __asm__ volatile(ES_ROWS_##rows("0") \
                     : ES_ACCS_##rows, [w0] "=&r"(w0), [w1] "=&r"(w1) \
                     : [weight] "r"(weight), [value] "r"(value) \
                     : "memory")
/* clang-format on */

#define ES_FOR_ROWS(code, load, size)                                                                                  \
    if (rows == 8) {                                                                                                   \
        code(8, load, size);                                                                                           \
    } else if (rows == 6) {                                                                                            \
        code(6, load, size);                                                                                           \
    } else if (rows == 4) {                                                                                            \
        code(4, load, size);                                                                                           \
    } else {                                                                                                           \
        code(2, load, size);                                                                                           \
    }

/* acc[row] += sum over columns of weight[column][row] * x[column]. `rows` is a constant at every call. */
#define ES_COLUMNS(name, type, load, size)                                                                             \
    ES_INLINE void name(const int8_t *weight, const type *x, uint16_t columns, uint8_t rows, int32_t *acc)             \
    {                                                                                                                  \
        const type *const end = x + columns / 4 * 4;                                                                   \
        int32_t w0, w1, value;                                                                                         \
        if (columns >= 4) {                                                                                            \
            ES_FOR_ROWS(ES_ROUNDS, load, size)                                                                         \
        }                                                                                                              \
        for (uint16_t column = 0; column < columns % 4; ++column, weight += rows) {                                    \
            value = x[column];                                                                                         \
            ES_FOR_ROWS(ES_COLUMN, load, size)                                                                         \
        }                                                                                                              \
    }

ES_COLUMNS(es_columns_s8, int8_t, "lb", 1)
ES_COLUMNS(es_columns_s16, int16_t, "lh", 2)
#else
/* acc[row] += weight[row] * x. `rows` is a constant at every call. */
ES_INLINE void es_column(const int8_t *weight, int32_t x, uint8_t rows, int32_t *acc)
{
    for (uint8_t row = 0; row < rows; ++row) {
        acc[row] += weight[row] * x;
    }
}

/* acc[row] += sum over columns of weight[column][row] * x[column]. */
ES_INLINE void es_columns_s8(const int8_t *weight, const int8_t *x, uint16_t columns, uint8_t rows, int32_t *acc)
{
    const int8_t *const end = x + columns;
    while (x + 4 <= end) {
        for (uint8_t column = 0; column < 4; ++column) {
            es_column(weight + column * rows, x[column], rows, acc);
        }
        weight += 4 * rows;
        x += 4;
    }
    while (x < end) {
        es_column(weight, *x, rows, acc);
        weight += rows;
        ++x;
    }
}

ES_INLINE void es_columns_s16(const int8_t *weight, const int16_t *x, uint16_t columns, uint8_t rows, int32_t *acc)
{
    const int16_t *const end = x + columns;
    while (x + 2 <= end) {
        for (uint8_t column = 0; column < 2; ++column) {
            es_column(weight + column * rows, x[column], rows, acc);
        }
        weight += 2 * rows;
        x += 2;
    }
    if (x < end) {
        es_column(weight, *x, rows, acc);
    }
}
#endif

ES_INLINE void es_columns(const int8_t *weight, const void *x, uint16_t columns, uint8_t rows, uint8_t wide,
                          int32_t *acc)
{
    if (wide) {
        es_columns_s16(weight, (const int16_t *)x, columns, rows, acc);
    } else {
        es_columns_s8(weight, (const int8_t *)x, columns, rows, acc);
    }
}

/* form: es_fast.h's ES_FORM. */
ES_INLINE const int32_t *es_gate_rows(const int32_t *stream, const es_views *views, uint8_t sums, uint8_t parts,
                                      uint8_t form, uint8_t bounded, int32_t *pre)
{
    const uint8_t rows = (uint8_t)((sums + parts) * ES_GROUP), summed = (uint8_t)(sums * ES_GROUP);
    int32_t acc[ES_MAX_ROWS];
    for (uint8_t row = 0; row < rows; ++row) {
        acc[row] = *stream++;
    }
    es_columns((const int8_t *)stream, views->input, views->inputs, rows, (form & 1) != 0, acc);
    stream = es_skip_bytes(stream, (uint32_t)rows * views->inputs);
    const int32_t *state_bias = stream;
    stream += rows - summed;
    const int8_t *state_weight = (const int8_t *)stream;
    stream = es_skip_bytes(stream, (uint32_t)rows * views->units);
    const int16_t *multiplier = (const int16_t *)stream;
    /* The candidate's input parts come first, then its state parts. */
    for (uint8_t row = 0; row < rows; ++row) {
        const int32_t part = es_scale(2 * acc[row] + 1, multiplier[row], views->input_shift);
        pre[row] = bounded ? part : es_saturate_s16(part);
        acc[row] = row < summed ? 0 : state_bias[row - summed];
    }
    es_columns(state_weight, views->state, views->units, rows, (form & 2) != 0, acc);
    multiplier += rows;
    for (uint8_t row = 0; row < rows; ++row) {
        const int32_t wide_part = es_scale(2 * acc[row] + 1, multiplier[row], views->state_shift);
        const int32_t part = bounded ? wide_part : es_saturate_s16(wide_part);
        if (row < summed) {
            pre[row] += part;
        } else {
            pre[rows - summed + row] = part;
        }
    }
    return es_skip_bytes(stream, 4u * rows);
}

/* Dense: `rows` rows side by side -> y. */
ES_INLINE const int32_t *es_dense_block(const int32_t *stream, const int16_t *x, uint16_t inputs, uint8_t rows,
                                        uint16_t units, uint8_t shift, int16_t *y)
{
    int32_t acc[ES_MAX_ROWS];
    for (uint8_t row = 0; row < rows; ++row) {
        acc[row] = *stream++;
    }
    es_columns_s16((const int8_t *)stream, x, inputs, rows, acc);
    stream = es_skip_bytes(stream, (uint32_t)rows * inputs);
    const int16_t *multiplier = (const int16_t *)stream;
    for (uint8_t row = 0; row < rows && row < units; ++row) {
        y[row] = (int16_t)es_saturate_s16(es_scale(acc[row], multiplier[row], shift));
    }
    return stream + rows / 2;
}

/* A block is bias, weights (bytes, column by column), padding to a word, multipliers (int16). Its rows are four, the
 * last one's four or two. */
ES_INLINE void es_dense_rows(const int32_t *stream, const int16_t *x, uint16_t inputs, uint16_t units, uint8_t shift,
                             int16_t *y)
{
#if defined(__GNUC__)
    /* A compiler that knows the weights of a small layer unrolls it into code that holds them. */
    __asm__("" : "+r"(stream));
#endif
    ES_ROLLED
    for (; units > 2; units = (uint16_t)(units - 4), y += 4) {
        stream = es_dense_block(stream, x, inputs, 4, units, shift, y);
        if (units <= 4) {
            return;
        }
    }
    es_dense_block(stream, x, inputs, 2, units, shift, y);
}

#endif
