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
        __asm__ volatile(
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

#include "es_wide_avr.h"

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
#include "es_gates_avr.h"
#endif

#endif
