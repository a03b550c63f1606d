/* The integer rules. Python twins: edgeseq/arith/requantize.py and edgeseq/arith/product.py.
 * Right shifts of negative values are arithmetic, as on every compiler these kernels support. */
#ifndef ES_ARITH_H
#define ES_ARITH_H

#include <stdint.h>

/* Twin: edgeseq.arith.product.saturate_int16. */
static inline int32_t es_saturate_s16(int32_t value)
{
#if defined(__GNUC__) && defined(__ARM_FEATURE_SAT)
    /* Not every compiler sees that this is one instruction. */
    int32_t saturated;
    __asm__("ssat %0, #16, %1" : "=r"(saturated) : "r"(value));
    return saturated;
#else
    return value == (int16_t)value ? value : (value >> 31) ^ INT16_MAX;
#endif
}

/* (a * b + 2^31) >> 32. */
static inline int32_t es_multiply_high(int32_t a, int32_t b)
{
#if defined(__GNUC__) && defined(__ARM_FEATURE_DSP)
    int32_t high;
    __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(a), "r"(b));
    return high;
#else
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 31)) >> 32);
#endif
}

/* Twin: edgeseq.arith.requantize.requantize. */
static inline int32_t es_requantize(int32_t acc, int16_t multiplier, uint8_t shift)
{
    const int64_t half = (int64_t)1 << (shift - 1);
    /* |acc * multiplier| < 2^46 and shift >= 16, so the result fits 31 bits. */
    return es_saturate_s16((int32_t)(((int64_t)acc * multiplier + half) >> shift));
}

/* a * b * 2^-shift, rounded as TFLite's int16 MUL does; shift: 2..30. Twin: edgeseq.arith.product.multiply_q15. */
static inline int32_t es_multiply_by(int32_t a, int32_t b, uint8_t shift)
{
    const int32_t product = a * b;
    const int32_t half = ((int32_t)1 << (shift - 1)) - 1;
    return es_saturate_s16((product + half + (product >= 0 ? 2 : 0)) >> shift);
}

/* a * b * 2^-(15 + extra_shift). */
static inline int32_t es_multiply_q15(int32_t a, int32_t b, uint8_t extra_shift)
{
    return es_multiply_by(a, b, (uint8_t)(15 + extra_shift));
}

/* Table argument of tanh(c). Twin: edgeseq.arith.activation.cell_argument. */
static inline int32_t es_cell_argument(int32_t cell, uint8_t cell_shift)
{
    if (cell_shift < 3) {
        return (3 * cell + ((int32_t)1 << (2 - cell_shift))) >> (3 - cell_shift);
    }
    return es_multiply_q15(cell, 24576, 0) * ((int32_t)1 << (cell_shift - 1));
}

/* The int8 view of an int16 value: its top byte, rounded as TFLite's QUANTIZE does.
 * Twin: edgeseq.arith.product.narrow_to_int8. */
static inline int8_t es_narrow(int16_t value)
{
    const int32_t narrowed = ((int32_t)value + 127 + (value >= 0 ? 2 : 0)) >> 8;
    return (int8_t)(narrowed > INT8_MAX ? INT8_MAX : narrowed);
}

/* The upper 15 bits of an int16 value. Twin: edgeseq.arith.product.halve. */
static inline int16_t es_halve(int16_t value)
{
    return (int16_t)(value >> 1);
}

/* value * 2^-shift as TFLite's QUANTIZE rounds it; value: int16, shift: 0..30.
 * Twin: edgeseq.arith.product.shift_right. */
static inline int32_t es_shift_right(int32_t value, uint8_t shift)
{
    if (shift < 2) {
        return shift == 0 ? value : es_saturate_s16((value + 1) >> 1);
    }
    return (value + (((int32_t)1 << (shift - 1)) - 1) + (value >= 0 ? 2 : 0)) >> shift;
}

/* The two weights of a byte: the first one lies in its low half. */
static inline int32_t es_low_nibble(int8_t pair)
{
    return ((pair & 15) ^ 8) - 8;
}

static inline int32_t es_high_nibble(int8_t pair)
{
    return pair >> 4;
}

#endif
