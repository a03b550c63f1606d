/* Layers with 4-bit weights, all offset by 8: eight times the view's sum comes off again.
 *
 * A word holds one column of eight rows (two gates of four units), a row's nibble 4 * row bits up; or two columns of
 * four rows. Views are words: undoubled 8-bit values, doubled 15-bit ones; their number is made even by a zero, and
 * what a kernel then reads beyond the weights is left again.
 *
 * 8-bit values: word & 0x000F000F times x are two products in one, 16 bits apart: no sum of w * x leaves 16 bits, as
 * the exporter proved. Rows 0 and 4 need no mask: the word itself sums all rows, of which the six others are known by
 * then. 15-bit values: shifted right by 4 * row bits the word sums T0 .. T7 modulo 2^32; a0 = T0 - 16 * T1 and so on.
 *
 * A block is, for the input and then for the state:
 *   weights,
 *   multipliers (bytes without the powers of two that all share; uint16, doubled where the shift is 16, of a wide
 * view), what is added: to a sum's product with its multiplier (bias and rounding; 32768 off the rows of low halves),
 * or to the sum (of a wide view). Not where the state's part is added to the input's: its bias is 1. */
#ifndef ES_NIBBLES_THUMB1_H
#define ES_NIBBLES_THUMB1_H

enum { ES_STORE, ES_ADD, ES_STORE_LONG };

/* A block of eight or four rows of one matrix -> to[0 .. rows - 1], or added to what is there. Returns what follows.
 * ES_STORE_LONG: the multipliers of a narrow view are not short. */
typedef const int32_t *es_nibble_rows(const int32_t *rows, const es_part *part, int32_t *to, uint32_t mode);
es_nibble_rows es_nibbles8, es_nibbles4, es_wide_nibbles8, es_wide_nibbles4;

#define ES_LONG_MULTIPLIERS 64 /* in a shift of narrow rows */

/* correction: what both halves of a word start from, or -8 * the sum of all values of a wide view. */
static inline es_part es_make_part_w4(const void *data, uint16_t size, uint8_t shift, uint8_t wide, uint8_t sparse)
{
    const int32_t *const view = (const int32_t *)data;
    (void)sparse; /* 4-bit weights never are */
    es_part part;
#if ES_THUMB1
    part.data = view + 1;
    part.skip8 = 4 * (size % 2); /* what es_nibbles8 and es_wide_nibbles8 read beyond the weights */
    part.skip4 = 0;
#else
    part.first = view + 1;
    part.columns = size;
#endif
    part.end = view + 1 + size + size % 2;
    const uint32_t offset = 0u - 8u * (uint32_t)view[0];
    part.correction = (int32_t)(wide ? offset : offset * 65537u + 32768u);
    const uint8_t long_shift = shift & (ES_LONG_MULTIPLIERS - 1);
    part.shift = !wide && shift == long_shift ? shift : long_shift == 16 ? 1 : long_shift - 16;
    part.half = (int32_t)((uint32_t)1 << (part.shift - 1));
    return part;
}

static inline void es_put_values(int32_t sum, uint16_t size, int32_t *view)
{
    view[0] = sum;
    if (size % 2 != 0) {
        view[1 + size] = 0;
    }
}

#define ES_DEFINE_VIEW(name, type, value)                                                                              \
    static inline void name(const type *x, uint16_t size, es_view *to)                                                 \
    {                                                                                                                  \
        int32_t *const view = (int32_t *)to;                                                                           \
        int32_t sum = 0;                                                                                               \
        ES_ROLLED                                                                                                      \
        for (uint16_t i = 0; i < size; ++i) {                                                                          \
            const int32_t v = x[i];                                                                                    \
            view[1 + i] = value;                                                                                       \
            sum += view[1 + i];                                                                                        \
        }                                                                                                              \
        es_put_values(sum, size, view);                                                                                \
    }

/* es_narrow: of 0 .. 256 the last is clamped. */
static inline int32_t es_narrow_word(int32_t value)
{
    const int32_t narrow = (value + (value >> 31) * 2 + 32768 + 129) >> 8;
    return narrow - (narrow >> 8) - 128;
}

ES_DEFINE_VIEW(es_view_codes8_w4, int8_t, v)
ES_DEFINE_VIEW(es_view_codes16_w4, int16_t, 2 * v)
ES_DEFINE_VIEW(es_view_state_w4, int16_t, es_narrow_word(v))
ES_DEFINE_VIEW(es_view_state16_w4, int16_t, v & ~1)

/* Both parts of one or two gates. */
static inline const int32_t *es_nibble_block(const int32_t *rows, const es_views *views, uint8_t count, uint8_t form,
                                             int32_t *input, int32_t *state, uint32_t mode)
{
    es_nibble_rows *const of_input = count > ES_GROUP ? ((form & 1) != 0 ? es_wide_nibbles8 : es_nibbles8)
                                                      : ((form & 1) != 0 ? es_wide_nibbles4 : es_nibbles4);
    es_nibble_rows *const of_state = count > ES_GROUP ? ((form & 2) != 0 ? es_wide_nibbles8 : es_nibbles8)
                                                      : ((form & 2) != 0 ? es_wide_nibbles4 : es_nibbles4);
    rows = of_input(rows, &views->input, input, views->input_mode);
    return of_state(rows, &views->state, state, mode);
}

/* form: es_fast.h's ES_FORM. */
static inline const int32_t *es_gate_rows_w4(const int32_t *rows, const es_views *views, uint8_t sums, uint8_t parts,
                                             uint8_t form, uint8_t bounded, int32_t *pre)
{
    for (uint8_t gate = 0; gate < sums; gate = (uint8_t)(gate + 2), pre += 2 * ES_GROUP) {
        const uint8_t count = (uint8_t)(sums - gate > 1 ? 2 * ES_GROUP : ES_GROUP);
        if (bounded) {
            rows = es_nibble_block(rows, views, count, form, pre, pre, ES_ADD);
        } else {
            int32_t input[2 * ES_GROUP], state[2 * ES_GROUP];
            rows = es_nibble_block(rows, views, count, form, input, state, ES_STORE);
            for (uint8_t i = 0; i < count; ++i) {
                pre[i] = es_saturate_s16(input[i]) + es_saturate_s16(state[i]);
            }
        }
    }
    if (parts != 0) {
        rows = es_nibble_block(rows, views, ES_GROUP, form, pre, pre + ES_GROUP, ES_STORE);
        for (uint8_t i = 0; !bounded && i < 2 * ES_GROUP; ++i) {
            pre[i] = es_saturate_s16(pre[i]);
        }
    }
    return rows;
}

#endif
