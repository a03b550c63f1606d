/* 8-bit AVR with a multiplier: ATmega328P, 2560, ...
 *
 * ES_LAYER_rows is a stream of bytes, little-endian. Rows come in blocks of four, one gate of four units; a group is
 * the blocks of the input matrix, then those of the state matrix. A block is:
 *   start (4 of 24 bits), weights (column by column), multipliers (4 of 16 bits, doubled if the shift is 16).
 * The multiplier is cheapest for unsigned bytes, whose carry needs no sign: weights and views are offset by 128, so
 *   sum w * x = sum (w + 128) * (x + 128) - 128 * sum w - 128 * sum (x + 128).
 * start holds (bias - 1) / 2 - 128 * sum w, a view the last sum: all rows share it.
 * Blocks of a 16-bit x have two rows: bias (2 of 32 bits; of a layer's input (bias - 1) / 2), signed weights,
 * multipliers. */
#ifndef ES_ISA_H
#define ES_ISA_H

#include "es_arith.h"
#include "es_kernels.h"

#define ES_GROUP 4
#define ES_HAS_SUM
#define ES_SUMS(sums, parts) (2 * ((sums) + (parts)) * ES_GROUP)

/* Which row loop a layer calls is known only to a compiler that optimises. */
#if defined(__AVR_HAVE_MUL__) && defined(__AVR_HAVE_LPMX__) && defined(__FLASH) && defined(__OPTIMIZE__)
#define ES_AVR 1
#else
#define ES_AVR 0
#endif

#if defined(__GNUC__)
#define ES_INLINE static inline __attribute__((always_inline))
#else
#define ES_INLINE static inline
#endif

typedef uint8_t es_rows;
typedef int16_t es_sum;
typedef uint8_t es_view; /* the values, offset by 128, then their sum (2 bytes) */

/* One matrix and its x, in the order that es_blocks_avr.h reads. Requantisation shifts by 24 bits after a factor of
 * 2^(24 - shift); at 16 the multipliers hold half of it. */
typedef struct {
    uint8_t eights, ones; /* columns = 8 * eights + ones */
    uint8_t scale;
    const es_view *view;
} es_part;

typedef struct {
    es_part input, state;
    const int16_t *wide; /* instead of the input's view */
    uint16_t inputs;
} es_views;

#define es_row_scale(shift) ((uint8_t)((shift) < 17 ? 128 : 1 << (24 - (shift)) & 255))

#define es_make_part(view, columns, shift) {(columns) / 8, (columns) % 8, es_row_scale(shift), view}

#define es_make_views(x, inputs, input_shift, h, units, state_shift)                                                   \
    {es_make_part((const es_view *)x, inputs, input_shift), es_make_part(h, units, state_shift), (const int16_t *)x,   \
     inputs}

ES_INLINE void es_view_codes8(const int8_t *x, uint16_t size, es_view *view)
{
    uint16_t sum = 0;
    for (uint16_t i = 0; i < size; ++i) {
        const uint8_t value = (uint8_t)((uint8_t)x[i] ^ 128u);
        view[i] = value;
        sum = (uint16_t)(sum + value);
    }
    view[size] = (uint8_t)sum;
    view[size + 1] = (uint8_t)(sum >> 8);
}

/* es_narrow in bytes: rounding carries into the high one if the low one is above 126, below zero above 128. */
ES_INLINE void es_view_state(const int16_t *h, uint16_t size, es_view *view)
{
    uint16_t sum = 0;
#if ES_AVR
    /* The carry out of the low byte plus 129 or 127; SBCI takes an overflow back. */
    for (uint16_t i = 0; i < size; ++i) {
        uint8_t low, value, rounding;
        __asm__(
            "ld %0, %a4+\n\tld %1, %a4+\n\tsubi %1, 128\n\tldi %2, 129\n\tsbrs %1, 7\n\tldi %2, 127\n\t"
            "add %0, %2\n\tadc %1, __zero_reg__\n\tsbci %1, 0\n\tst %a5+, %1\n\tadd %A3, %1\n\tadc %B3, __zero_reg__"
            : "=&r"(low), "=&d"(value), "=&d"(rounding), "+&r"(sum), "+&e"(h), "+&e"(view)
            :
            : "memory");
    }
    view -= size;
#else
    for (uint16_t i = 0; i < size; ++i) {
        const uint8_t low = (uint8_t)h[i];
        uint8_t value = (uint8_t)((uint16_t)h[i] >> 8 ^ 128u);
        if (value < 128) {
            value = (uint8_t)(value + (low > 128));
        } else if (value < 255) {
            value = (uint8_t)(value + (low > 126));
        }
        view[i] = value;
        sum = (uint16_t)(sum + value);
    }
#endif
    view[size] = (uint8_t)sum;
    view[size + 1] = (uint8_t)(sum >> 8);
}

#if ES_AVR

ES_INLINE int16_t es_add_s16(int16_t a, int16_t b)
{
    __asm__("add %A0, %A1\n\tadc %B0, %B1\n\tbrvc 1f\n\tldi %A0, 255\n\tldi %B0, 127\n\tsbrs %B1, 7\n\trjmp 1f\n\t"
            "com %A0\n\tcom %B0\n1:"
            : "+&d"(a)
            : "r"(b));
    return a;
}

/* Blocks of four rows that share an x; see es_blocks_avr.h for the registers. */
void es_blocks_bounded(void);
void es_blocks_18(void);
void es_blocks_saturated(void);

#define ES_CALL_BLOCKS(function)                                                                                       \
    __asm__ volatile("%~call %x[callee]"                                                                               \
                     : "+z"(stream), "+x"(part), "+r"(to), "+r"(left)                                                  \
                     : [callee] "s"(function)                                                                          \
                     : "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",       \
                       "r16", "r17", "r18", "r19", "r20", "r21", "r23", "memory")

/* Rows of 4 * blocks -> parts. `bounded`: no row can leave int16. */
ES_INLINE const ES_FLASH es_rows *es_blocks_s8(const ES_FLASH es_rows *stream, const es_part *part, uint8_t blocks,
                                               uint8_t bounded, uint8_t part_shift, int16_t *parts)
{
    register int16_t *to __asm__("r24") = parts;
    register uint8_t left __asm__("r22") = blocks;
    if (bounded && part_shift == 18) {
        ES_CALL_BLOCKS(es_blocks_18);
    } else if (bounded) {
        ES_CALL_BLOCKS(es_blocks_bounded);
    } else {
        ES_CALL_BLOCKS(es_blocks_saturated);
    }
    return stream;
}

#else /* the same rows on any other machine */

ES_INLINE int16_t es_add_s16(int16_t a, int16_t b)
{
    return (int16_t)es_saturate_s16((int32_t)a + b);
}

ES_INLINE uint32_t es_load24(const ES_FLASH es_rows *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16;
}

ES_INLINE const ES_FLASH es_rows *es_blocks_s8(const ES_FLASH es_rows *stream, const es_part *part, uint8_t blocks,
                                               uint8_t bounded, uint8_t part_shift, int16_t *parts)
{
    const uint16_t columns = (uint16_t)(8 * part->eights + part->ones);
    const uint32_t sum = (uint32_t)part->view[columns] | (uint32_t)part->view[columns + 1] << 8;
    (void)bounded;
    (void)part_shift;
    for (uint8_t block = 0; block < blocks; ++block, parts += 4) {
        const ES_FLASH es_rows *multiplier = stream + 12 + 4 * columns;
        for (uint8_t row = 0; row < 4; ++row) {
            uint32_t acc = es_load24(stream + 3 * row) - 128 * sum;
            for (uint16_t i = 0; i < columns; ++i) {
                acc += (uint32_t)stream[12 + 4 * i + row] * part->view[i];
            }
            const int64_t doubled = (int32_t)(acc << 9 | 1u << 8) >> 8;
            const int32_t scale = (uint16_t)(multiplier[2 * row] | multiplier[2 * row + 1] << 8) * (int32_t)part->scale;
            parts[row] = (int16_t)es_saturate_s16((int32_t)((doubled * scale + ((int32_t)1 << 23)) >> 24));
        }
        stream = multiplier + 8;
    }
    return stream;
}

#endif

#if ES_AVR

/* Blocks of two rows and a 16-bit x, see es_rows_s16. Results lie a byte higher if `far`.
 *
 * In: Z stream, X x, r21:r20 y, r19:r18 columns and in the highest bit whether to double, r17 scale, r16 rows, r12 far.
 * Out: Z the next block. Keeps Y alone. r5-r2 and r12-r9 accumulators, r8-r6 and r15-r13 their shares of low bytes of
 * x, r16 zero, r17 scale, r18 weight, r20:r19 x, r21 columns left, r22 rounds of 256 after them, r23 rows left, T far.
 */
#define ES_WIDE_ENTER                                                                                                  \
    "push r28\n\tpush r29\n\tmovw r28, r20\n\tmovw r24, r18\n\tmov r23, r16\n\tbst r12, 0\n\tclr r16\n"
#define ES_WIDE_LEAVE "pop r29\n\tpop r28\n\tclr r1\n\tret\n"
#define ES_WIDE_BIAS(a0, a1, a2, a3) "lpm " a0 ", Z+\n\tlpm " a1 ", Z+\n\tlpm " a2 ", Z+\n\tlpm " a3 ", Z+\n\t"
#define ES_WIDE_SUM(kind, with, low, middle, high)                                                                     \
    kind " r18, " with "\n\tsbc " high ", r16\n\tadd " low ", r0\n\tadc " middle ", r1\n\tadc " high ", r16\n\t"
#define ES_WIDE_MAC(a1, a2, a3, low, middle, high)                                                                     \
    "lpm r18, Z+\n\t" ES_WIDE_SUM("mulsu", "r19", low, middle, high) ES_WIDE_SUM("muls", "r20", a1, a2, a3)
#define ES_WIDE_JOIN(a0, a1, a2, a3, low, middle, high)                                                                \
    "clr r18\n\tsbrc " high ", 7\n\tcom r18\n\tadd " a0 ", " low "\n\tadc " a1 ", " middle "\n\tadc " a2 ", " high     \
    "\n\tadc " a3 ", r18\n\t"
#define ES_WIDE_TWO_MACS                                                                                               \
    ES_WIDE_MAC("r3", "r4", "r5", "r6", "r7", "r8") ES_WIDE_MAC("r10", "r11", "r12", "r13", "r14", "r15")
#define ES_WIDE_TWO_JOINS                                                                                              \
    ES_WIDE_JOIN("r2", "r3", "r4", "r5", "r6", "r7", "r8") ES_WIDE_JOIN("r9", "r10", "r11", "r12", "r13", "r14", "r15")
#define ES_WIDE_COLUMNS                                                                                                \
    ES_WIDE_BIAS("r2", "r3", "r4", "r5")                                                                               \
    ES_WIDE_BIAS("r9", "r10", "r11", "r12")                                                                            \
    "mov r21, r24\n\tmov r22, r25\n\tandi r22, 127\n\tcpi r21, 1\n\tsbci r22, 0\n"                                     \
    "2:\n\tclr r6\n\tclr r7\n\tclr r8\n\tclr r13\n\tclr r14\n\tclr r15\n"                                              \
    "1:\n\tld r19, X+\n\tld r20, X+\n\t" ES_WIDE_TWO_MACS "dec r21\n\tbrne 1b\n\t" ES_WIDE_TWO_JOINS                   \
    "dec r22\n\tbrpl 2b\n\tmovw r18, r24\n\tlsl r18\n\trol r19\n\tsub r26, r18\n\tsbc r27, r19\n\t"
/* Requantise: bytes 1 to 5 of the product in r6, r7, r8, r14, r15; times the scale in r18 to r21. */
#define ES_WIDE_SCALE(a0, a1, a2, a3)                                                                                  \
    "sbrs r25, 7\n\trjmp 1f\n\tsec\n\trol " a0 "\n\trol " a1 "\n\trol " a2 "\n\trol " a3 "\n1:\n\t"                    \
    "mov r18, " a3 "\n\tlpm r20, Z+\n\tlpm r21, Z+\n\tmul " a0 ", r20\n\tmov r6, r1\n\t"                               \
    "mul " a0 ", r21\n\tmov r7, r1\n\tadd r6, r0\n\tadc r7, r16\n\tmulsu r18, r21\n\tmovw r14, r0\n\t"                 \
    "mul " a2 ", r21\n\tmov r8, r0\n\tadd r14, r1\n\tadc r15, r16\n\t"                                                 \
    "mulsu r18, r20\n\tsbc r15, r16\n\tadd r8, r0\n\tadc r14, r1\n\tadc r15, r16\n\t"                                  \
    "mul " a2 ", r20\n\tadd r7, r0\n\tadc r8, r1\n\tadc r14, r16\n\tadc r15, r16\n\t"                                  \
    "mul " a1 ", r21\n\tadd r7, r0\n\tadc r8, r1\n\tadc r14, r16\n\tadc r15, r16\n\t"                                  \
    "mul " a1 ", r20\n\tadd r6, r0\n\tadc r7, r1\n\tadc r8, r16\n\tadc r14, r16\n\tadc r15, r16\n\t"                   \
    "brtc 1f\n\tmov r7, r8\n\tmov r8, r14\n\tmov r14, r15\n\tlsl r15\n\tsbc r15, r15\n1:\n\t"                          \
    "mul r7, r17\n\tmov r18, r1\n\tlsl r0\n\tadc r18, r16\n\t"                                                         \
    "mul r8, r17\n\tmov r19, r1\n\tadd r18, r0\n\tadc r19, r16\n\t"                                                    \
    "mul r14, r17\n\tmov r20, r1\n\tadd r19, r0\n\tadc r20, r16\n\t"                                                   \
    "mul r15, r17\n\tmov r21, r1\n\tadd r20, r0\n\tadc r21, r16\n\tsbrc r15, 7\n\tsub r21, r17\n\t"                    \
    "mov r0, r19\n\tlsl r0\n\tadc r20, r16\n\tadc r21, r16\n\tor r20, r21\n\tbreq 1f\n\t"                              \
    "ldi r18, 255\n\tldi r19, 127\n\tsbrs r21, 7\n\trjmp 1f\n\tcom r18\n\tcom r19\n"                                   \
    "1:\n\tst Y+, r18\n\tst Y+, r19\n\t"

__attribute__((naked, noinline, unused)) static void es_wide_avr(void)
{
    __asm__ volatile(ES_WIDE_ENTER "5:\n\t" ES_WIDE_COLUMNS
                         ES_WIDE_SCALE("r2", "r3", "r4", "r5") "dec r23\n\tbrne 1f\n\trjmp 6f\n1:\n\t" ES_WIDE_SCALE(
                             "r9", "r10", "r11", "r12") "dec r23\n\tbreq 6f\n\trjmp 5b\n6:\n\t" ES_WIDE_LEAVE);
}

/* Blocks of two rows and a 16-bit x -> y: sum w * x + bias, requantised. doubled: 2 * (sum w * x + bias) + 1. */
ES_INLINE const ES_FLASH es_rows *es_rows_s16(const ES_FLASH es_rows *stream, const int16_t *x, uint16_t columns,
                                              uint16_t rows, uint8_t doubled, uint8_t shift, int16_t *y)
{
    for (uint16_t done = 0; done < rows; done = (uint16_t)(done + 254)) {
        register int16_t *to __asm__("r20") = y + done;
        register uint16_t doubled_columns __asm__("r18") = (uint16_t)(columns | (doubled ? 0x8000u : 0u));
        register uint8_t scale __asm__("r17") = shift > 24 ? (uint8_t)(1u << (32 - shift)) : es_row_scale(shift);
        register uint8_t left __asm__("r16") = (uint8_t)(rows - done < 254 ? rows - done : 254);
        register uint8_t far __asm__("r12") = shift > 24;
        const int16_t *from = x;
        __asm__ volatile("%~call %x[callee]"
                         : "+z"(stream), "+x"(from), "+r"(to), "+r"(doubled_columns), "+r"(scale), "+r"(left), "+r"(far)
                         : [callee] "s"(es_wide_avr)
                         : "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r13", "r14", "r15", "r22",
                           "r23", "r24", "r25", "memory");
    }
    return stream;
}

#else

ES_INLINE const ES_FLASH es_rows *es_rows_s16(const ES_FLASH es_rows *stream, const int16_t *x, uint16_t columns,
                                              uint16_t rows, uint8_t doubled, uint8_t shift, int16_t *y)
{
    const uint8_t right = shift == 16 ? 17 : shift;
    for (uint16_t row = 0; row < rows; ++row) {
        const ES_FLASH es_rows *bias = stream + 4 * (row & 1), *weight = stream + 8 + (row & 1);
        const ES_FLASH es_rows *multiplier = stream + 8 + 2 * columns + 2 * (row & 1);
        int32_t acc = (int32_t)(es_load24(bias) | (uint32_t)bias[3] << 24);
        for (uint16_t i = 0; i < columns; ++i) {
            acc += (int32_t)(int8_t)weight[2 * i] * x[i];
        }
        const int64_t product = (int64_t)(doubled ? 2 * acc + 1 : acc) * (uint16_t)(multiplier[0] | multiplier[1] << 8);
        y[row] = (int16_t)es_saturate_s16((int32_t)((product + ((int64_t)1 << (right - 1))) >> right));
        stream += (row & 1) * (12 + 2 * columns);
    }
    return stream;
}

#endif

/* es_gru_units and es_lstm_units add what arrives: input parts of all gates, then their state parts. */
#define ES_KEPT_APART(gates) (ES_AVR && (gates) > 2)

/* The shifts choose a row loop, so they come as the layer's constants. */
#define es_gate_rows(stream, views, sums, parts, wide, bounded, pre)                                                   \
    es_gate_rows_avr(stream, views, sums, parts, wide, bounded, ES_INPUT_SHIFT, ES_STATE_SHIFT, pre)

ES_INLINE const ES_FLASH es_rows *es_gate_rows_avr(const ES_FLASH es_rows *stream, const es_views *views, uint8_t sums,
                                                   uint8_t parts, uint8_t wide, uint8_t bounded, uint8_t input_shift,
                                                   uint8_t state_shift, es_sum *pre)
{
    const uint8_t gates = (uint8_t)(sums + parts);
    es_sum *state = pre + gates * ES_GROUP;
    if (wide) {
        stream = es_rows_s16(stream, views->wide, views->inputs, (uint16_t)(gates * ES_GROUP), 1, input_shift, pre);
    } else {
        stream = es_blocks_s8(stream, &views->input, gates, bounded, input_shift, pre);
    }
    stream = es_blocks_s8(stream, &views->state, gates, bounded, state_shift, state);
    if (ES_KEPT_APART(gates)) {
        return stream;
    }
    for (uint8_t row = 0; row < sums * ES_GROUP; ++row) {
        pre[row] = es_add_s16(pre[row], state[row]);
    }
    /* The candidate's input parts are where they belong, its state parts follow. */
    for (uint8_t row = 0; row < parts * ES_GROUP; ++row) {
        state[row] = state[sums * ES_GROUP + row];
    }
    return stream;
}

ES_INLINE void es_dense_rows(const ES_FLASH es_rows *stream, const int16_t *x, uint16_t inputs, uint16_t units,
                             uint8_t shift, int16_t *y)
{
    (void)es_rows_s16(stream, x, inputs, units, 0, shift, y);
}

#if ES_AVR
#define ES_HAS_PRODUCTS
#define ES_HAS_ACTIVATIONS
#define ES_HAS_UNITS

/* Twins: es_fast_gates.h. scale: 2^(shift - 1) for the sigmoid, 2^shift for tanh, which makes the table's entry the
 * high byte of v * scale. */
int16_t es_sigmoid_avr(int16_t v, uint8_t scale);
int16_t es_tanh_avr(int16_t v, uint8_t scale);
int16_t es_product_avr(int16_t a, int16_t b);

/* See their sources for the registers. Most layers have a pre-activation shift of 2. */
void es_gru_units_avr(void);
void es_gru_units_2_avr(void);
void es_lstm_units_avr(void);
void es_lstm_units_2_avr(void);

ES_INLINE int16_t es_fast_sigmoid(es_sum v, uint8_t shift)
{
    return es_sigmoid_avr(v, (uint8_t)(1u << (shift - 1)));
}

ES_INLINE int16_t es_fast_tanh(es_sum v, uint8_t shift)
{
    return es_tanh_avr(v, (uint8_t)(1u << shift));
}

/* Only LSTMs have an extra shift. */
ES_INLINE int16_t es_product(int16_t a, int16_t b, uint8_t extra_shift)
{
    (void)extra_shift;
    return es_product_avr(a, b);
}

ES_INLINE int16_t es_add_product(int16_t addend, int16_t a, int16_t b)
{
    return (int16_t)(addend + es_product_avr(a, b));
}

ES_INLINE int16_t es_subtract_product(int16_t minuend, int16_t a, int16_t b)
{
    return (int16_t)(minuend - es_product_avr(a, b));
}

#define ES_CALL_GRU(function)                                                                                          \
    __asm__ volatile("%~call %x[callee]"                                                                               \
                     : "+r"(sums), "+r"(hidden), "+r"(left), "+r"(scale)                                               \
                     : [callee] "s"(function)                                                                          \
                     : "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "r16", "r17", "r18", "r19", "r26", "r27", \
                       "r30", "r31", "memory")

ES_INLINE void es_gru_units(const es_sum *pre, int16_t *h, uint16_t count, uint8_t shift)
{
    register const es_sum *sums __asm__("r24") = pre;
    register int16_t *hidden __asm__("r22") = h;
    register uint8_t left __asm__("r20") = (uint8_t)count;
    register uint8_t scale __asm__("r21") = (uint8_t)(1u << (shift - 1));
    if (shift == 2) {
        ES_CALL_GRU(es_gru_units_2_avr);
    } else {
        ES_CALL_GRU(es_gru_units_avr);
    }
}

#define ES_CALL_LSTM(function)                                                                                         \
    __asm__ volatile("%~call %x[callee]"                                                                               \
                     : "+r"(sums), "+r"(hidden), "+x"(c), "+r"(left), "+r"(scale), "+r"(added_shift), "+r"(half),      \
                       "+r"(argument_shift), "+r"(argument_scale)                                                      \
                     : [callee] "s"(function)                                                                          \
                     : "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "r30",      \
                       "r31", "memory")

ES_INLINE void es_lstm_units(const es_sum *pre, int16_t *h, int16_t *c, uint16_t count, uint8_t shift,
                             uint8_t cell_shift)
{
    register const es_sum *sums __asm__("r24") = pre;
    register int16_t *hidden __asm__("r22") = h;
    register uint8_t left __asm__("r20") = (uint8_t)count;
    register uint8_t scale __asm__("r21") = (uint8_t)(1u << (shift - 1));
    register uint8_t added_shift __asm__("r19") = cell_shift;
    /* From a cell_shift of 3 on, 3 / 4 of the cell (twin: es_cell_tanh) times a scale, else the argument itself. */
    register uint8_t half __asm__("r18") = (uint8_t)(cell_shift < 3 ? 4u >> cell_shift : 2u);
    register uint8_t argument_shift __asm__("r17") = (uint8_t)(cell_shift < 3 ? 3u - cell_shift : 2u);
    register uint8_t argument_scale __asm__("r16") = (uint8_t)(cell_shift < 3 ? 1u : 1u << (cell_shift - 1));
    if (shift == 2) {
        ES_CALL_LSTM(es_lstm_units_2_avr);
    } else {
        ES_CALL_LSTM(es_lstm_units_avr);
    }
}
#endif

#endif
