/* Cortex-M0, M0+: eight low registers, a 32-bit product, no long multiply.
 *
 * A word of weights holds one column of four rows. Shifted right by 0, 8, 16, 24 bits and multiplied by x, it sums
 * T0 = a0 + 256*a1 + 65536*a2 + 2^24*a3, T1 = a1 + 256*a2 + 65536*a3, T2 = a2 + 256*a3, T3 = a3, modulo 2^32, so that
 * a0 = T0 - 256*T1 and so on. Bytes 0..2 are weights offset by 128, byte 3 is a signed one. A product costs a shift,
 * MULS and ADD, and two words of weights one LDM; with a 32-cycle multiplier MULS is all that counts, one per weight.
 *
 * Values of a view are doubled and offset to be unsigned: 2*x + 256 of int8 codes and states, 2*x + 32768 of 15-bit
 * codes, x + 32768 for a Dense layer. The exporter moves the offset times a row's sum of weights into its bias; 128
 * times the view's sum is subtracted from rows 0..2 of each word.
 *
 * A block of eight rows (two gates of four units) or four is, in words, for the input and then for the state:
 *   what T0 .. T3 start from (a bias in the same lanes; of eight rows T0 and T1 of both words come first),
 *   weights (a word per four rows, column by column),
 *   multipliers (two uint16 a word), doubled where the shift is 16.
 * Sparse weights are of four rows (one gate of four units), a block of four columns at a time, without blocks of zeros:
 *   header: bytes of steps * 65536 + bytes of weights,
 *   steps, bytes, as many as blocks made even, padded to a word: how far the block's x lies behind that of the one
 *   before, in bytes of the view; an odd number of blocks begins with an unused one,
 *   weights, four words a block.
 * Both matrices of a layer with a sparse one lie in blocks of four rows.
 * 4-bit weights: es_nibbles_thumb1.h. */
#ifndef ES_ISA_H
#define ES_ISA_H

#include "es_arith.h"
#include "es_kernels.h"

#define ES_GROUP 4
#define ES_LOOP ES_ROLLED

/* Armv6-M, and Armv8-M without its main extension. */
#if defined(__GNUC__) && (defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__))
#define ES_THUMB1 1
#else
#define ES_THUMB1 0
#endif

/* Assembly inside functions needs their arguments as constants and every low register. */
#if ES_THUMB1 && defined(__OPTIMIZE__)
#define ES_THUMB1_INLINE 1
#else
#define ES_THUMB1_INLINE 0
#endif

#if defined(__GNUC__)
#define ES_INLINE static inline __attribute__((always_inline))
#else
#define ES_INLINE static inline
#endif

typedef int32_t es_rows;

/* Of 8-bit weights int16: the low and the high half of the sum of all values, an unused one, then the values, uint16:
 * the first round may start up to three columns early. Of 4-bit weights int32: the sum, then the values. */
typedef void es_view;
#define ES_VIEW_VALUES 3

/* One matrix's view and requantisation, in the order es_rows8 and es_rows4 load it. The loops take four columns a
 * round; the first round skips what is missing. */
typedef struct {
#if ES_THUMB1
    const es_view *data; /* of the first round's skipped columns */
    const es_view *end;
    int32_t skip8, skip4; /* bytes of code to jump over, less the two that pc is ahead of the loop */
#else
    const es_view *first;
    const es_view *end;
    uint32_t columns;
#endif
    int32_t correction; /* -128 * the sum of all values; of 4-bit weights see es_nibbles_thumb1.h */
    int32_t shift;      /* requantisation shift less 16 */
    int32_t half;       /* 2^(shift-1) */
} es_part;

typedef struct {
    es_part input;
    es_part state;
    uint32_t input_mode; /* of 4-bit weights */
} es_views;

enum { ES_ONE_PART, ES_PARTS_APART, ES_PARTS_ADDED };

/* A block of eight or four rows -> pre[0 .. rows - 1]: the input's part, or the sum of both; ES_PARTS_APART: the
 * state's follows it. parts: an es_part, the state's behind it. Returns what follows the block. */
const int32_t *es_rows8(const int32_t *rows, const es_part *parts, int32_t *pre, uint32_t mode);
const int32_t *es_rows4(const int32_t *rows, const es_part *parts, int32_t *pre, uint32_t mode);

/* The same of four rows whose weights are sparse. */
const int32_t *es_sparse4(const int32_t *rows, const es_part *parts, int32_t *pre, uint32_t mode);

/* Bytes of code that one column takes in es_rows8.c and es_rows4.c. */
#define ES_COLUMN_BYTES_8 48
#define ES_COLUMN_BYTES_4 26

static inline es_part es_make_part_w8(const void *data, uint16_t size, uint8_t shift, uint8_t wide, uint8_t sparse)
{
    const int16_t *const view = (const int16_t *)data;
    (void)wide; /* inside the values and the biases */
    es_part part;
    part.end = view + ES_VIEW_VALUES + size;
#if ES_THUMB1
    const int32_t skipped = sparse ? 0 : 3 - (size + 3) % 4;
    part.data = view + ES_VIEW_VALUES - skipped;
    part.skip8 = ES_COLUMN_BYTES_8 * skipped - 2;
    part.skip4 = ES_COLUMN_BYTES_4 * skipped - 2;
#else
    (void)sparse;
    part.first = view + ES_VIEW_VALUES;
    part.columns = size;
#endif
    part.correction = (int32_t)(0u - 128u * ((uint16_t)view[0] | (uint32_t)(uint16_t)view[1] << 16));
    part.shift = shift == 16 ? 1 : shift - 16;
    part.half = (int32_t)1 << (part.shift - 1);
    return part;
}

#define ES_MAKE_PART ES_PASTE(es_make_part_w, ES_WEIGHT_BITS) /* the preprocessor chooses */
#define es_make_views(x, inputs, input_shift, h, units, state_shift)                                                   \
    {ES_MAKE_PART(x, inputs, input_shift, ES_WIDE, ES_SPARSE_INPUT),                                                   \
     ES_MAKE_PART(h, units, state_shift, ES_WIDE_STATE, ES_SPARSE_STATE),                                              \
     (input_shift) >= ES_LONG_MULTIPLIERS && !ES_WIDE ? ES_STORE_LONG : ES_STORE}

static inline void es_put_sum(uint32_t sum, int16_t *view)
{
    view[0] = (int16_t)sum;
    view[1] = (int16_t)(sum >> 16);
}

static inline void es_view_codes8(const int8_t *x, uint16_t size, es_view *to)
{
    int16_t *const view = (int16_t *)to;
    uint32_t sum = 0;
    ES_ROLLED
    for (uint16_t i = 0; i < size; ++i) {
        const int32_t value = 2 * x[i] + 256;
        view[ES_VIEW_VALUES + i] = (int16_t)value;
        sum += (uint32_t)value;
    }
    es_put_sum(sum, view);
}

static inline void es_view_codes16(const int16_t *x, uint16_t size, es_view *to)
{
    int16_t *const view = (int16_t *)to;
    uint32_t sum = 0;
    ES_ROLLED
    for (uint16_t i = 0; i < size; ++i) {
        const int32_t value = 2 * x[i] + 32768;
        view[ES_VIEW_VALUES + i] = (int16_t)value;
        sum += (uint32_t)value;
    }
    es_put_sum(sum, view);
}

static inline void es_view_state(const int16_t *h, uint16_t size, es_view *to)
{
    int16_t *const view = (int16_t *)to;
    uint32_t sum = 0;
#if ES_THUMB1_INLINE
    int32_t at = 2 * size - 2, value, other = 32768 + 129;
    __asm__ volatile(".syntax unified\n\tmov r12, %[other]\n"
                     "1:\n\tldrsh %[value], [%[h], %[at]]\n\tasrs %[other], %[value], #31\n\t"
                     "adds %[value], %[value], %[other]\n\tadds %[value], %[value], %[other]\n\tadd %[value], r12\n\t"
                     "lsrs %[value], %[value], #8\n\tlsrs %[other], %[value], #8\n\t"
                     "subs %[value], %[value], %[other]\n\tlsls %[value], %[value], #1\n\t"
                     "strh %[value], [%[view], %[at]]\n\tadds %[sum], %[sum], %[value]\n\tsubs %[at], #2\n\tbpl 1b"
                     : [sum] "+&l"(sum), [at] "+&l"(at), [other] "+&l"(other), [value] "=&l"(value)
                     : [h] "l"(h), [view] "l"(view + ES_VIEW_VALUES)
                     : "r12", "cc", "memory");
#else
    ES_ROLLED
    for (uint16_t i = 0; i < size; ++i) {
        const int32_t value = 2 * es_narrow(h[i]) + 256;
        view[ES_VIEW_VALUES + i] = (int16_t)value;
        sum += (uint32_t)value;
    }
#endif
    es_put_sum(sum, view);
}

/* The upper 15 bits of an int16, doubled and offset. */
static inline void es_view_state16(const int16_t *h, uint16_t size, es_view *to)
{
    int16_t *const view = (int16_t *)to;
    uint32_t sum = 0;
    ES_ROLLED
    for (uint16_t i = 0; i < size; ++i) {
        const int32_t value = (h[i] & ~1) + 32768;
        view[ES_VIEW_VALUES + i] = (int16_t)value;
        sum += (uint32_t)value;
    }
    es_put_sum(sum, view);
}

#if ES_THUMB1_INLINE
#include "es_units_thumb1.h"
#endif

#define ES_HAS_PRODUCTS
/* a * b * 2^-(15 + extra_shift) for int16 a > 0 and b, as es_multiply_q15 rounds it: no constant but the half. */
static inline int32_t es_product(int32_t a, int32_t b, uint8_t extra_shift)
{
    const int32_t product = a * b, sign = product >> 31;
    return (product + sign + sign + ((int32_t)1 << (14 + extra_shift)) + 1) >> (15 + extra_shift);
}

static inline int32_t es_add_product(int32_t addend, int32_t a, int32_t b)
{
    return addend + es_product(a, b, 0);
}

static inline int32_t es_subtract_product(int32_t minuend, int32_t a, int32_t b)
{
    return minuend - es_product(a, b, 0);
}

/* The preprocessor chooses, so that other functions are never referred to. */
#define es_gate_rows ES_PASTE(ES_GATE_ROWS_, ES_PASTE(ES_WEIGHT_BITS, ES_PASTE(ES_SPARSE_INPUT, ES_SPARSE_STATE)))
#define ES_GATE_ROWS_400 es_gate_rows_w4
#define ES_GATE_ROWS_800 es_gate_rows_w8
#define ES_GATE_ROWS_801 es_gate_rows_dense_sparse
#define ES_GATE_ROWS_810 es_gate_rows_sparse_dense
#define ES_GATE_ROWS_811 es_gate_rows_sparse

static inline const int32_t *es_gate_rows_w8(const int32_t *rows, const es_views *views, uint8_t sums, uint8_t parts,
                                             uint8_t form, uint8_t bounded, int32_t *pre)
{
    (void)form; /* inside the views and the biases */
    const uint32_t sum_mode = bounded ? ES_PARTS_ADDED : ES_PARTS_APART;
    int32_t apart[16];
    for (uint8_t gate = 0; gate < sums; gate = (uint8_t)(gate + 2), pre += 2 * ES_GROUP) {
        const uint8_t count = (uint8_t)(sums - gate > 1 ? 2 * ES_GROUP : ES_GROUP);
        int32_t *const to = bounded ? pre : apart;
        rows = count > ES_GROUP ? es_rows8(rows, &views->input, to, sum_mode)
                                : es_rows4(rows, &views->input, to, sum_mode);
        for (uint8_t i = 0; !bounded && i < count; ++i) {
            pre[i] = es_saturate_s16(apart[i]) + es_saturate_s16(apart[count + i]);
        }
    }
    if (parts != 0) {
        rows = es_rows4(rows, &views->input, pre, ES_PARTS_APART);
        for (uint8_t i = 0; !bounded && i < 2 * ES_GROUP; ++i) {
            pre[i] = es_saturate_s16(pre[i]);
        }
    }
    return rows;
}

/* Gate by gate; rows of the same kind take both parts in one call. */
typedef const int32_t *es_four_rows(const int32_t *rows, const es_part *parts, int32_t *pre, uint32_t mode);

ES_INLINE const int32_t *es_four_of_both(const int32_t *rows, const es_views *views, es_four_rows *input,
                                         es_four_rows *state, int32_t *to)
{
    if (input == state) {
        return input(rows, &views->input, to, ES_PARTS_APART);
    }
    rows = input(rows, &views->input, to, ES_ONE_PART);
    return state(rows, &views->state, to + ES_GROUP, ES_ONE_PART);
}

ES_INLINE const int32_t *es_each_gate(const int32_t *rows, const es_views *views, uint8_t sums, uint8_t parts,
                                      uint8_t bounded, int32_t *pre, es_four_rows *input, es_four_rows *state)
{
    for (uint8_t gate = 0; gate < sums; ++gate, pre += ES_GROUP) {
        if (input == state && bounded) {
            rows = input(rows, &views->input, pre, ES_PARTS_ADDED);
            continue;
        }
        int32_t both[2 * ES_GROUP];
        rows = es_four_of_both(rows, views, input, state, both);
        for (uint8_t i = 0; i < ES_GROUP; ++i) {
            pre[i] =
                bounded ? both[i] + both[ES_GROUP + i] : es_saturate_s16(both[i]) + es_saturate_s16(both[ES_GROUP + i]);
        }
    }
    if (parts != 0) {
        rows = es_four_of_both(rows, views, input, state, pre);
        for (uint8_t i = 0; !bounded && i < 2 * ES_GROUP; ++i) {
            pre[i] = es_saturate_s16(pre[i]);
        }
    }
    return rows;
}

#define ES_DEFINE_GATE_ROWS(name, input, state)                                                                        \
    static inline const int32_t *name(const int32_t *rows, const es_views *views, uint8_t sums, uint8_t parts,         \
                                      uint8_t form, uint8_t bounded, int32_t *pre)                                     \
    {                                                                                                                  \
        (void)form; /* inside the views and the biases */                                                              \
        return es_each_gate(rows, views, sums, parts, bounded, pre, input, state);                                     \
    }
ES_DEFINE_GATE_ROWS(es_gate_rows_dense_sparse, es_rows4, es_sparse4)
ES_DEFINE_GATE_ROWS(es_gate_rows_sparse_dense, es_sparse4, es_rows4)
ES_DEFINE_GATE_ROWS(es_gate_rows_sparse, es_sparse4, es_sparse4)

#include "es_nibbles_thumb1.h"

/* Dense: eight rows at a time, at most four at the end. x as a view: 16-bit values. */
static inline void es_dense_view(const int16_t *x, uint16_t size, int16_t *view)
{
    uint32_t sum = 0;
#if ES_THUMB1_INLINE
    int32_t at = 2 * size - 2, value;
    __asm__ volatile(".syntax unified\n1:\n\tldrh %[value], [%[x], %[at]]\n\teors %[value], %[offset]\n\t"
                     "strh %[value], [%[view], %[at]]\n\tadds %[sum], %[sum], %[value]\n\tsubs %[at], #2\n\tbpl 1b"
                     : [sum] "+&l"(sum), [at] "+&l"(at), [value] "=&l"(value)
                     : [x] "l"(x), [view] "l"(view + ES_VIEW_VALUES), [offset] "l"(32768)
                     : "cc", "memory");
#else
    ES_ROLLED
    for (uint16_t i = 0; i < size; ++i) {
        const int32_t value = x[i] + 32768;
        view[ES_VIEW_VALUES + i] = (int16_t)value;
        sum += (uint32_t)value;
    }
#endif
    es_put_sum(sum, view);
}

static inline void es_dense_blocks(const int32_t *rows, const int16_t *view, uint16_t inputs, uint16_t units,
                                   uint8_t shift, int16_t *y)
{
    const es_part part = es_make_part_w8(view, inputs, shift, 1, 0);
    ES_ROLLED
    for (uint16_t unit = 0; unit < units; unit = (uint16_t)(unit + 8)) {
        int32_t sums[8];
        if (units - unit > 4) {
            rows = es_rows8(rows, &part, sums, ES_ONE_PART);
        } else {
            rows = es_rows4(rows, &part, sums, ES_ONE_PART);
        }
        ES_ROLLED
        for (uint16_t i = 0; i < 8 && unit + i < units; ++i) {
            y[unit + i] = (int16_t)es_saturate_s16(sums[i]);
        }
    }
}

/* A macro because inputs is a constant there, and only there. */
#define es_dense_rows(rows, x, inputs, units, shift, y)                                                                \
    do {                                                                                                               \
        int16_t es_dense_view_of_x[ES_VIEW_VALUES + (inputs)];                                                         \
        es_dense_view(x, inputs, es_dense_view_of_x);                                                                  \
        es_dense_blocks(rows, es_dense_view_of_x, inputs, units, shift, y);                                            \
    } while (0)

#endif
