/* The rows of es_rows_dsp.h on any other machine. */
#ifndef ES_ROWS_DSP_C_H
#define ES_ROWS_DSP_C_H

/* SMLAD: sums wrap. */
static inline int32_t es_smlad(int32_t a, int32_t b, int32_t acc)
{
    const int32_t low = (int16_t)a * (int16_t)b, high = (a >> 16) * (b >> 16);
    return (int32_t)((uint32_t)acc + (uint32_t)low + (uint32_t)high);
}

static inline int32_t es_sxtb16(int32_t a, uint8_t rotation)
{
    return es_pair((int8_t)(a >> rotation), (int8_t)(a >> (16 + rotation)));
}

static inline int32_t es_difference(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a - (uint32_t)b);
}

/* Four columns of four rows: the sums of es_rounds_dsp.h. Returns what follows their weights. */
static inline const int32_t *es_round_s8(const int32_t *rows, const es_view *x, int32_t *sums)
{
    for (uint8_t word = 0; word < 2; ++word, rows += 2) {
        for (uint8_t pair = 0; pair < 2; ++pair) {
            sums[2 * pair + 1] = es_smlad(rows[pair], x[word], sums[2 * pair + 1]);
            sums[2 * pair] = es_smlad(es_sxtb16(rows[pair], 0), x[word], sums[2 * pair]);
        }
    }
    return rows;
}

static inline const int32_t *es_round_s16(const int32_t *rows, const es_view *x, int32_t *sums)
{
    for (uint8_t row = 0; row < 4; ++row) {
        sums[row] = es_smlad(es_sxtb16(rows[row], 0), x[0], sums[row]);
        sums[row] = es_smlad(es_sxtb16(rows[row], 8), x[1], sums[row]);
    }
    return rows + 4;
}

static inline const int32_t *es_round_s8_w4(const int32_t *rows, const es_view *x, int32_t *sums)
{
    static const uint32_t masks[4] = {0xFFFFFFFF, 0xFFF0FFF0, 0xFF00FF00, 0xF000F000};
    for (uint8_t word = 0; word < 2; ++word) {
        for (uint8_t row = 0; row < 4; ++row) {
            sums[row] = es_smlad((int32_t)((uint32_t)rows[word] & masks[row]), x[word], sums[row]);
        }
    }
    return rows + 2;
}

static inline const int32_t *es_round_s16_w4(const int32_t *rows, const es_view *x, int32_t *sums)
{
    for (uint8_t word = 0; word < 2; ++word) {
        for (uint8_t pair = 0; pair < 2; ++pair) {
            const int32_t lanes = es_sxtb16(rows[word], (uint8_t)(8 * pair));
            sums[2 * pair] = es_smlad(lanes & 0x000F000F, x[word], sums[2 * pair]);
            sums[2 * pair + 1] = es_smlad(lanes, x[word], sums[2 * pair + 1]);
        }
    }
    return rows + 2;
}

/* Sums in lanes -> accumulators, some of them scaled up. */
static inline void es_unpack_s8(int32_t *sums, const es_row_view *view)
{
    (void)view;
    sums[1] = es_difference(sums[1], sums[0]);
    sums[3] = es_difference(sums[3], sums[2]);
}

static inline void es_unpack_s16(int32_t *sums, const es_row_view *view)
{
    (void)sums;
    (void)view;
}

static inline void es_unpack_s8_w4(int32_t *sums, const es_row_view *view)
{
    for (uint8_t row = 0; row < 3; ++row) {
        const uint32_t offset = (uint32_t)view->offset << (4 * row);
        sums[row] = es_difference(es_difference(sums[row], sums[row + 1]), (int32_t)offset);
    }
}

static inline void es_unpack_s16_w4(int32_t *sums, const es_row_view *view)
{
    es_unpack_s8(sums, view);
    sums[0] = es_difference(sums[0], view->offset);
    sums[2] = es_difference(sums[2], view->offset);
}

#define ES_DEFINE_PART(kind, bytes)                                                                                    \
    static inline const int32_t *es_part_##kind(const int32_t *rows, const es_row_view *view, const int32_t *bias,     \
                                                int32_t *part)                                                         \
    {                                                                                                                  \
        int32_t sums[4] = {bias[0], bias[1], bias[2], bias[3]};                                                        \
        const uint32_t rounds = 4 * view->loops - view->skip / (bytes);                                                \
        for (uint32_t i = 0; i < rounds; ++i) {                                                                        \
            rows = es_round_##kind(rows, view->data + 2 * i, sums);                                                    \
        }                                                                                                              \
        rows -= view->ahead / 4;                                                                                       \
        es_unpack_##kind(sums, view);                                                                                  \
        for (uint8_t row = 0; row < 4; ++row) {                                                                        \
            part[row] = es_multiply_high(sums[row], *rows++);                                                          \
        }                                                                                                              \
        return rows;                                                                                                   \
    }

/* Without rounds of zeros: header, then up to four steps in a word and their rounds. */
#define ES_DEFINE_SPARSE_PART(kind)                                                                                    \
    static inline const int32_t *es_part_z##kind(const int32_t *rows, const es_row_view *view, const int32_t *bias,    \
                                                 int32_t *part)                                                        \
    {                                                                                                                  \
        int32_t sums[4] = {bias[0], bias[1], bias[2], bias[3]};                                                        \
        const uint32_t missing = (uint32_t)*rows & 0xFF;                                                               \
        const uint32_t end = 4 * (((uint32_t)*rows++ >> 16) + 1);                                                      \
        const es_view *x = view->data;                                                                                 \
        uint32_t steps = 0;                                                                                            \
        for (uint32_t i = missing; i < end; ++i) {                                                                     \
            if (i == missing || i % 4 == 0) {                                                                          \
                steps = (uint32_t)*rows++;                                                                             \
            }                                                                                                          \
            x += (steps >> (8 * (i % 4)) & 0xFF) / sizeof(es_view);                                                    \
            rows = es_round_s##kind(rows, x, sums);                                                                    \
        }                                                                                                              \
        es_unpack_s##kind(sums, view);                                                                                 \
        for (uint8_t row = 0; row < 4; ++row) {                                                                        \
            part[row] = es_multiply_high(sums[row], *rows++);                                                          \
        }                                                                                                              \
        return rows;                                                                                                   \
    }

ES_DEFINE_PART(s8, ES_ROUND_BYTES_S8)
ES_DEFINE_PART(s16, ES_ROUND_BYTES_S16)
ES_DEFINE_PART(s8_w4, ES_ROUND_BYTES_S8_W4)
ES_DEFINE_PART(s16_w4, ES_ROUND_BYTES_S16_W4)

ES_DEFINE_SPARSE_PART(8)
ES_DEFINE_SPARSE_PART(16)

#define ES_PART_S8 es_part_s8
#define ES_PART_Z8 es_part_z8
#define ES_PART_Z16 es_part_z16
#define ES_PART_S16 es_part_s16
#define ES_PART_S8_W4 es_part_s8_w4
#define ES_PART_S16_W4 es_part_s16_w4

/* A bias of 1 in the lanes of each kind. */
#define ES_ONE_S8 1, 257, 1, 257
#define ES_ONE_S16 1, 1, 1, 1
#define ES_ONE_Z8 ES_ONE_S8
#define ES_ONE_Z16 ES_ONE_S16
#define ES_ONE_S8_W4 0x1111, 0x1110, 0x1100, 0x1000
#define ES_ONE_S16_W4 1, 17, 1, 17

#define ES_ROWS_SUM(name, input_kind, state_kind)                                                                      \
    const int32_t *name(const int32_t *rows, const es_views *views, int32_t *pre)                                      \
    {                                                                                                                  \
        static const int32_t one[4] = {ES_ONE_##state_kind};                                                           \
        int32_t from_state[4];                                                                                         \
        rows = ES_PART_##input_kind(rows + 4, &views->input, rows, pre);                                               \
        rows = ES_PART_##state_kind(rows, &views->state, one, from_state);                                             \
        for (uint8_t row = 0; row < 4; ++row) {                                                                        \
            pre[row] += from_state[row];                                                                               \
        }                                                                                                              \
        return rows;                                                                                                   \
    }

#define ES_ROWS_PARTS(name, input_kind, state_kind)                                                                    \
    const int32_t *name(const int32_t *rows, const es_views *views, int32_t *pre)                                      \
    {                                                                                                                  \
        rows = ES_PART_##input_kind(rows + 4, &views->input, rows, pre);                                               \
        return ES_PART_##state_kind(rows + 4, &views->state, rows, pre + 4);                                           \
    }

#endif
