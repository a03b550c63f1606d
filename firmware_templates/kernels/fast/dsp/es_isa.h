/* Cortex-M4, M7, M33: the DSP extension's dual 16-bit multiply-accumulates.
 *
 * Rows come in blocks of four, one gate of four units. A block is, in words:
 *   input bias (4), input weights, input multipliers (4),
 *   [state bias (4), if the gate keeps its parts apart or a row may leave int16,]
 *   state weights, state multipliers (4).
 * Weights of a narrow view are packed in row pairs, each 16-bit lane 256 * w[row + 1] + w[row], two columns a word:
 * SMLAD(word, x) sums 256 * a1 + a0, SMLAD(SXTB16(word), x) sums a0. The bias of such a pair is {b0, 256 * b1 + b0}.
 * 4-bit weights of a narrow view are packed in fours, each lane w0 + 8 + 16 * (w1 + 8) + 256 * (w2 + 8) + 4096 * w3, so
 * that masks take off one row after another: sums of all four, of w1..w3, of w2..w3, of w3. Those of a wide view are
 * two bytes, w0 + 8 + 16 * w1 and w2 + 8 + 16 * w3, whose sums stay within 32 bits. Biases lie in the same lanes; 8
 * times the view's sum is subtracted at the end. Their columns are padded to a multiple of two alone. Views are int16
 * pairs and doubled, columns padded to a multiple of four with zeros. Four int8 codes lie in the order 0 2 1 3, all
 * else in that of the columns; 8-bit weights of a wide view hold four columns of one row, bytes in the order 0 2 1 3.
 * Multipliers are shifted left by 32 - shift, less by what their row is scaled up in its lane.
 *
 * Sparse weights ("z" in names of functions) are rounds of four columns, of which those of zeros are left out:
 *   header: 65536 * (turns - 1) + how many rounds the first turn lacks of four; 4 if there is no round,
 *   per turn a word of four steps, then the rounds: a byte is how far x lies behind the one before, in bytes of the
 *   view. The first turn's steps and rounds are the last ones. */
#ifndef ES_ISA_H
#define ES_ISA_H

#include <stddef.h>
#include <string.h>

#include "es_arith.h"
#include "es_kernels.h"

#define ES_GROUP 4
#define ES_LOOP ES_ROLLED

typedef int32_t es_rows;
typedef int32_t es_view; /* two doubled int16 values */

#if defined(__GNUC__) && defined(__ARM_FEATURE_DSP)
#define ES_DSP 1
#define ES_UNUSED __attribute__((unused)) /* as far as a compiler sees, which does not look into assembly */
#else
#define ES_DSP 0
#endif

typedef struct {
    const es_view *data;
    uint32_t skip;  /* bytes of the row loop to jump over in its first round */
    uint32_t loops; /* rounds of up to 16 columns */
    /* Of 4-bit weights: */
    int32_t offset; /* 8 * the sum of all values */
    uint32_t ahead; /* bytes that the last round reads beyond the weights */
} es_row_view;

typedef struct {
    es_row_view input;
    es_row_view state;
} es_views;

/* One block of four rows -> pre[0..3]: the sum of both parts; or input parts, and state parts in pre[4..7]. Of the
 * widths of x and of h, and of 4-bit weights. */
#define ES_ROWS_OF(widths)                                                                                             \
    const int32_t *es_rows_sum_##widths(const int32_t *rows, const es_views *views, int32_t *pre);                     \
    const int32_t *es_rows_parts_##widths(const int32_t *rows, const es_views *views, int32_t *pre);
ES_ROWS_OF(s8_s8)
ES_ROWS_OF(s8_s16)
ES_ROWS_OF(s16_s8)
ES_ROWS_OF(s16_s16)
ES_ROWS_OF(z8_s8)
ES_ROWS_OF(z8_s16)
ES_ROWS_OF(z16_s8)
ES_ROWS_OF(z16_s16)
ES_ROWS_OF(s8_z8)
ES_ROWS_OF(s8_z16)
ES_ROWS_OF(s16_z8)
ES_ROWS_OF(s16_z16)
ES_ROWS_OF(z8_z8)
ES_ROWS_OF(z8_z16)
ES_ROWS_OF(z16_z8)
ES_ROWS_OF(z16_z16)
ES_ROWS_OF(s8_s8_w4)
ES_ROWS_OF(s8_s16_w4)
ES_ROWS_OF(s16_s8_w4)
ES_ROWS_OF(s16_s16_w4)

/* Bytes of code that one round of four columns takes in es_rounds_dsp.h. */
#define ES_ROUND_BYTES_S8 56
#define ES_ROUND_BYTES_S16 76
#define ES_ROUND_BYTES_S8_W4 64
#define ES_ROUND_BYTES_S16_W4 72

/* 8 * the sum of all values. */
static inline int32_t es_nibble_offset(const es_view *view, uint32_t rounds)
{
    const es_view *const end = view + 2 * rounds;
    int32_t sum = 0;
#if ES_DSP
    /* A loop in assembly because compilers unroll the one in C. volatile: it reads what it does not name, and GCC moves
     * it out of a caller's loop, before the view is written, in spite of "memory". */
    int32_t low, high;
    __asm__ volatile(
        "1:\n\tldrd %1, %2, [%3], #8\n\tsmlad %0, %1, %5, %0\n\tsmlad %0, %2, %5, %0\n\tcmp %3, %4\n\tbne 1b"
        : "+&r"(sum), "=&r"(low), "=&r"(high), "+&r"(view)
        : "r"(end), "r"(0x00080008)
        : "cc", "memory");
#else
    for (; view != end; ++view) {
        sum += 8 * ((int16_t)*view + (*view >> 16));
    }
#endif
    return sum;
}

static inline es_row_view es_make_view(const void *data, uint32_t size, uint8_t wide, uint8_t weight_bits)
{
    const uint32_t rounds = (size + 3) / 4, missing = 3 - (rounds + 3) % 4, loops = (rounds + 3) / 4;
    es_row_view view = {(const es_view *)data, 0, loops, 0, 0};
    if (weight_bits == 4) {
        view.skip = missing * (wide ? ES_ROUND_BYTES_S16_W4 : ES_ROUND_BYTES_S8_W4);
        view.offset = es_nibble_offset(view.data, rounds);
        view.ahead = 4 * ((size + 1) / 2 % 2);
    } else {
        view.skip = missing * (wide ? ES_ROUND_BYTES_S16 : ES_ROUND_BYTES_S8);
    }
    return view;
}

#define es_make_views(x, inputs, input_shift, h, units, state_shift)                                                   \
    {es_make_view(x, inputs, ES_WIDE, ES_WEIGHT_BITS), es_make_view(h, units, ES_WIDE_STATE, ES_WEIGHT_BITS)}

static inline int32_t es_pair(int32_t low, int32_t high)
{
    return (int32_t)((uint32_t)(uint16_t)low | (uint32_t)high << 16);
}

/* Cores with the DSP extension load from any address. memcpy would say so too, but becomes a call where a compiler is
 * told that there is no C library. */
static inline int32_t es_load_word(const void *address)
{
#ifdef __GNUC__
    struct es_unaligned {
        int32_t word;
    } __attribute__((packed, may_alias));
    return ((const struct es_unaligned *)address)->word;
#else
    int32_t word;
    memcpy(&word, address, sizeof(word));
    return word;
#endif
}

static inline void es_view_codes8(const int8_t *x, uint16_t size, es_view *view)
{
    uint16_t i = 0;
    ES_ROLLED
    for (; i + 4 <= size; i = (uint16_t)(i + 4)) {
#if ES_DSP
        int32_t even, odd;
        const int32_t word = es_load_word(x + i);
        __asm__("sxtb16 %0, %2\n\tsadd16 %0, %0, %0\n\tsxtb16 %1, %2, ror #8\n\tsadd16 %1, %1, %1"
                : "=&r"(even), "=r"(odd)
                : "r"(word));
        view[0] = even;
        view[1] = odd;
#else
        view[0] = es_pair(2 * x[i], 2 * x[i + 2]);
        view[1] = es_pair(2 * x[i + 1], 2 * x[i + 3]);
#endif
        view += 2;
    }
    if (i < size) {
        view[0] = es_pair(2 * x[i], i + 1 < size ? 2 * x[i + 1] : 0);
        view[1] = es_pair(i + 2 < size ? 2 * x[i + 2] : 0, 0);
    }
}

static inline void es_view_codes16(const int16_t *x, uint16_t size, es_view *view)
{
    ES_ROLLED
    for (uint16_t i = 0; i < size; i = (uint16_t)(i + 4)) {
        view[0] = es_pair(2 * x[i], i + 1 < size ? 2 * x[i + 1] : 0);
        view[1] = es_pair(i + 2 < size ? 2 * x[i + 2] : 0, i + 3 < size ? 2 * x[i + 3] : 0);
        view += 2;
    }
}

static inline int32_t es_narrow_pair(int32_t pair)
{
#if ES_DSP
    /* es_narrow for both lanes: SEL picks 129 or 127 by the signs that SADD16 left; QADD16 clamps at the top. */
    int32_t narrow;
    __asm__("sadd16 %0, %1, %2\n\tsel %0, %3, %4\n\tqadd16 %0, %0, %1\n\tsxtb16 %0, %0, ror #8\n\tsadd16 %0, %0, %0"
            : "=&r"(narrow)
            : "r"(pair), "r"(0), "r"(0x00810081), "r"(0x007F007F));
    return narrow;
#else
    return es_pair(2 * es_narrow((int16_t)pair), 2 * es_narrow((int16_t)(pair >> 16)));
#endif
}

static inline void es_view_state(const int16_t *h, uint16_t size, es_view *view)
{
    uint16_t i = 0;
    ES_ROLLED
    for (; i + 2 <= size; i = (uint16_t)(i + 2)) {
        *view++ = es_narrow_pair(es_load_word(h + i));
    }
    if (i < size) {
        *view++ = es_narrow_pair((uint16_t)h[i]);
        i = (uint16_t)(i + 2);
    }
    if (i % 4 != 0) {
        *view = 0;
    }
}

/* The upper 15 bits of an int16, doubled. */
static inline void es_view_state16(const int16_t *h, uint16_t size, es_view *view)
{
    uint16_t i = 0;
    ES_ROLLED
    for (; i + 2 <= size; i = (uint16_t)(i + 2)) {
        *view++ = es_load_word(h + i) & (int32_t)0xFFFEFFFE;
    }
    if (i < size) {
        *view++ = (uint16_t)h[i] & 0xFFFE;
        i = (uint16_t)(i + 2);
    }
    if (i % 4 != 0) {
        *view = 0;
    }
}

typedef const int32_t *es_rows_function(const int32_t *rows, const es_views *views, int32_t *pre);

/* sum: joins the parts of a gate, if all rows are bounded, else keeps them apart as `apart` does. */
static inline const int32_t *es_each_gate(const int32_t *rows, const es_views *views, uint8_t sums, uint8_t parts,
                                          es_rows_function *sum, es_rows_function *apart, uint8_t bounded, int32_t *pre)
{
#ifdef __GNUC__
#pragma GCC unroll 4
#endif
    for (uint8_t gate = 0; gate < sums; ++gate, pre += ES_GROUP) {
        if (bounded) {
            rows = sum(rows, views, pre);
        } else {
            int32_t both[2 * ES_GROUP];
            rows = sum(rows, views, both);
            for (uint8_t i = 0; i < ES_GROUP; ++i) {
                pre[i] = es_saturate_s16(both[i]) + es_saturate_s16(both[ES_GROUP + i]);
            }
        }
    }
    for (uint8_t gate = 0; gate < parts; ++gate, pre += 2 * ES_GROUP) {
        rows = apart(rows, views, pre);
        for (uint8_t i = 0; !bounded && i < 2 * ES_GROUP; ++i) {
            pre[i] = es_saturate_s16(pre[i]);
        }
    }
    return rows;
}

/* The preprocessor chooses the functions, so that no other is referred to whatever a compiler optimises. */
#define ES_WIDTH_00 s8
#define ES_WIDTH_10 s16
#define ES_WIDTH_01 z8
#define ES_WIDTH_11 z16
#define ES_WIDTH(wide, sparse) ES_PASTE(ES_WIDTH_, ES_PASTE(wide, sparse))
#define ES_BITS_8
#define ES_BITS_4 _w4
#define ES_SUM_KIND_0 parts
#define ES_SUM_KIND_1 sum
#define ES_APART_0(function) NULL
#define ES_APART_1(function) function
#define ES_JOIN_TOKENS(kind, x, h, bits) es_rows_##kind##_##x##_##h##bits
#define ES_ROWS_NAME(kind, x, h, bits) ES_JOIN_TOKENS(kind, x, h, bits)
#define ES_ROWS_FUNCTION(kind)                                                                                         \
    ES_ROWS_NAME(kind, ES_WIDTH(ES_WIDE, ES_SPARSE_INPUT), ES_WIDTH(ES_WIDE_STATE, ES_SPARSE_STATE),                   \
                 ES_PASTE(ES_BITS_, ES_WEIGHT_BITS))
#define es_gate_rows(rows, views, sums, parts, form, bounded, pre)                                                     \
    es_each_gate(rows, views, sums, parts, ES_ROWS_FUNCTION(ES_PASTE(ES_SUM_KIND_, bounded)),                          \
                 ES_APART_##parts(ES_ROWS_FUNCTION(ES_SUM_KIND_0)), bounded, pre)

#if ES_DSP
#define ES_HAS_PRODUCTS
/* v of es_product before its rounding shift: a*b + 1 for b >= 0, a*b - 1 below. a > 0. */
static inline int32_t es_biased_product(int32_t a, int32_t b)
{
    int32_t product, sign;
    __asm__("orr %0, %1, %2, asr #31" : "=r"(sign) : "r"(1), "r"(b));
    __asm__("smlabb %0, %1, %2, %3" : "=r"(product) : "r"(a), "r"(b), "r"(sign));
    return product;
}

static inline int32_t es_product(int32_t a, int32_t b, uint8_t extra_shift)
{
    int32_t rounded;
    __asm__("smmulr %0, %1, %2" : "=r"(rounded) : "r"(es_biased_product(a, b)), "r"((1 << 17) >> extra_shift));
    return rounded;
}

static inline int32_t es_add_product(int32_t addend, int32_t a, int32_t b)
{
    int32_t sum;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(sum) : "r"(es_biased_product(a, b)), "r"(1 << 17), "r"(addend));
    return sum;
}

static inline int32_t es_subtract_product(int32_t minuend, int32_t a, int32_t b)
{
    /* SMMLSR rounds the difference, not the product: the constant is 2 for b >= 0 and 0 below. */
    int32_t sign, product, difference;
    __asm__("bic %0, %1, %2, asr #31" : "=r"(sign) : "r"(2), "r"(b));
    __asm__("smlabb %0, %1, %2, %3" : "=r"(product) : "r"(a), "r"(b), "r"(sign));
    __asm__("smmlsr %0, %1, %2, %3" : "=r"(difference) : "r"(product), "r"(1 << 17), "r"(minuend));
    return difference;
}

#define ES_HAS_UNITS
/* All units of a group from h to end; scale: 1 << pre-activation shift. */
void es_gru_units_dsp(const int32_t *pre, int16_t *h, const int16_t *end, int32_t scale);

/* gates: 1 << pre-activation shift; product: 2^17 >> cell shift; argument: table argument of tanh(cell) from 4 * cell,
 * times 2^-32; cell: its table scale; end: of h. */
typedef struct {
    int32_t gates, product, argument, cell;
    const int16_t *end;
} es_lstm_scales;

void es_lstm_units_dsp(const int32_t *pre, int16_t *h, int16_t *c, const es_lstm_scales *scales);
void es_lstm_units_large_dsp(const int32_t *pre, int16_t *h, int16_t *c, const es_lstm_scales *scales);

static inline void es_gru_units(const int32_t *pre, int16_t *h, uint16_t count, uint8_t shift)
{
    es_gru_units_dsp(pre, h, h + count, (int32_t)1 << shift);
}

static inline void es_lstm_units(const int32_t *pre, int16_t *h, int16_t *c, uint16_t count, uint8_t shift,
                                 uint8_t cell_shift)
{
    /* es_cell_tanh: (3 * c + 2^(2-s)) >> (3-s) at scale 2 is 4 * c times 3 * 2^(27+s); for s >= 3 it is 3/4 of c,
     * rounded as a product, at scale 2^s: 4 * c - (c < 0) times 3 * 2^28. */
    const int32_t gates = (int32_t)1 << shift, product = ((int32_t)1 << 17) >> cell_shift;
    if (cell_shift < 3) {
        const es_lstm_scales scales = {gates, product, (int32_t)3 << (27 + cell_shift), 2, h + count};
        es_lstm_units_dsp(pre, h, c, &scales);
    } else {
        const es_lstm_scales scales = {gates, product, (int32_t)3 << 28, (int32_t)1 << cell_shift, h + count};
        es_lstm_units_large_dsp(pre, h, c, &scales);
    }
}

#define ES_HAS_CURVE
static inline int32_t es_curve(int32_t v, int32_t scale)
{
    /* In assembly because compilers make abs(v) of the two instructions that share v's sign.
     * 512 more, so that USAT's limit is the last argument before saturation; the table is read one entry earlier.
     * The pair {left, right} times {512 - f, f} is the interpolation. */
    int32_t curve, index;
    __asm__("eor %0, %2, %2, asr #31\n\tsub %0, %0, %2, asr #31\n\tmla %0, %0, %3, %4\n\tusat %0, #17, %0\n\t"
            "lsr %1, %0, #9\n\tldr %1, [%6, %1, lsl #1]\n\tubfx %0, %0, #0, #9\n\tmla %0, %0, %5, %4\n\t"
            "smuad %0, %1, %0\n\teor %0, %0, %2, asr #31"
            : "=&r"(curve), "=&r"(index)
            : "r"(v), "r"(scale), "r"(512), "r"(65535), "r"((uintptr_t)es_sigmoid_table - sizeof(*es_sigmoid_table)),
              "m"(es_sigmoid_table));
    return curve;
}

static inline int32_t es_curve_sigmoid(int32_t curve)
{
    int32_t value;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(value) : "r"(curve), "r"(1 << 22), "r"(16384));
    return value;
}

static inline int32_t es_curve_tanh(int32_t curve)
{
    int32_t value;
    __asm__("smmulr %0, %1, %2" : "=r"(value) : "r"(curve), "r"(1 << 23));
    return value;
}
#endif

#include "es_dense_dsp.h"

#endif
