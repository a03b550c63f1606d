/* The row loops of es_isa.h in assembly: LDM loads four words at once, which no compiler at hand makes of C, and all
 * fourteen registers are in use. AAPCS: r0 rows, r1 views, r2 pre; returns rows in r0.
 *
 * r0 rows, r1 view, r2-r3 x, r4-r7 weights, r8-r11 accumulators, r12 rounds left, lr views->state. */
#ifndef ES_ROWS_DSP_H
#define ES_ROWS_DSP_H

#if ES_DSP

/* Four columns of two row pairs: 14 instructions, 16 products. */
#define ES_ROUND_S8                                                                                                    \
    "ldmia.w r1!, {r2, r3}\n\tldmia.w r0!, {r4-r7}\n\t"                                                                \
    "smlad r9, r4, r2, r9\n\tsxtb16 r4, r4\n\tsmlad r8, r4, r2, r8\n\t"                                                \
    "smlad r11, r5, r2, r11\n\tsxtb16 r5, r5\n\tsmlad r10, r5, r2, r10\n\t"                                            \
    "smlad r9, r6, r3, r9\n\tsxtb16 r6, r6\n\tsmlad r8, r6, r3, r8\n\t"                                                \
    "smlad r11, r7, r3, r11\n\tsxtb16 r7, r7\n\tsmlad r10, r7, r3, r10\n\t"

/* Four columns of four rows with a 16-bit x: 19 instructions, 16 products. */
#define ES_ROUND_S16                                                                                                   \
    "ldr.w r2, [r1], #4\n\tldmia.w r0!, {r4-r7}\n\t"                                                                   \
    "sxtb16 r3, r4\n\tsmlad r8, r3, r2, r8\n\tsxtb16 r3, r5\n\tsmlad r9, r3, r2, r9\n\t"                               \
    "sxtb16 r3, r6\n\tsmlad r10, r3, r2, r10\n\tsxtb16 r3, r7\n\tsmlad r11, r3, r2, r11\n\t"                           \
    "ldr.w r2, [r1], #4\n\t"                                                                                           \
    "sxtb16 r4, r4, ror #8\n\tsmlad r8, r4, r2, r8\n\tsxtb16 r5, r5, ror #8\n\tsmlad r9, r5, r2, r9\n\t"               \
    "sxtb16 r6, r6, ror #8\n\tsmlad r10, r6, r2, r10\n\tsxtb16 r7, r7, ror #8\n\tsmlad r11, r7, r2, r11\n\t"

/* Jump into the first round of four so that the last one ends it. The NOP is where pc points. */
#define ES_ROUNDS(round, label)                                                                                        \
    "add pc, r2\n\tnop\n" label ":\n\t" round round round round "subs.w r12, r12, #1\n\tbne.w " label "b\n\t"

/* Two row pairs -> four accumulators: the high row is (pair - low) / 256, and its multiplier holds the 1/256. */
#define ES_UNPACK_S8 "sub.w r9, r9, r8\n\tsub.w r11, r11, r10\n\t"
#define ES_UNPACK_S16

#define ES_NAKED_ROWS(name)                                                                                            \
    __attribute__((naked)) const int32_t *name(const int32_t *rows ES_UNUSED, const es_views *views ES_UNUSED,         \
                                               int32_t *pre ES_UNUSED)

#define ES_SCALE                                                                                                       \
    "ldmia.w r0!, {r4-r7}\n\t"                                                                                         \
    "smmulr r8, r8, r4\n\tsmmulr r9, r9, r5\n\tsmmulr r10, r10, r6\n\tsmmulr r11, r11, r7\n\t"

#define ES_INPUT_PART(kind)                                                                                            \
    "push {r2, r4-r11, lr}\n\tadd.w lr, r1, #12\n\tldmia.w r0!, {r8-r11}\n\t"                                          \
    "ldmdb lr, {r1, r2, r12}\n\t" ES_ROUNDS(ES_ROUND_##kind, "1") ES_UNPACK_##kind ES_SCALE "push {r8-r11}\n\t"

#define ES_STATE_PART "ldmia.w lr, {r1, r2, r12}\n\t" ES_ROUNDS(ES_ROUND_S8, "2") ES_UNPACK_S8

/* Rows whose real bias lies in the input's: the state's is 1, as the pair {1, 256 * 1 + 1}. */
#define ES_ROWS_SUM(name, kind)                                                                                        \
    ES_NAKED_ROWS(name)                                                                                                \
    {                                                                                                                  \
        __asm__ volatile(ES_INPUT_PART(kind) "adr r2, 3f\n\tldmia.w r2, {r8-r11}\n\t" ES_STATE_PART                    \
                                             "ldmia.w r0!, {r4-r7}\n\tpop {r1-r3, r12}\n\t"                            \
                                             "smmlar r8, r8, r4, r1\n\tsmmlar r9, r9, r5, r2\n\t"                      \
                                             "smmlar r10, r10, r6, r3\n\tsmmlar r11, r11, r7, r12\n\t"                 \
                                             "ldr.w r1, [sp]\n\tstmia.w r1, {r8-r11}\n\tpop {r2, r4-r11, pc}\n\t"      \
                                             ".p2align 2\n3:\t.word 1, 257, 1, 257\n");                                \
    }

#define ES_ROWS_PARTS(name, kind)                                                                                      \
    ES_NAKED_ROWS(name)                                                                                                \
    {                                                                                                                  \
        __asm__ volatile(                                                                                              \
            ES_INPUT_PART(kind) "ldmia.w r0!, {r8-r11}\n\t" ES_STATE_PART ES_SCALE "pop {r4-r7}\n\tldr.w r1, [sp]\n\t" \
                                "stmia.w r1!, {r4-r7}\n\tstmia.w r1, {r8-r11}\n\tpop {r2, r4-r11, pc}\n");             \
    }

#else /* the same rows on any other machine */

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

static inline const int32_t *es_part_s8(const int32_t *rows, es_row_view view, const int32_t *bias, int32_t *part)
{
    int32_t acc[4] = {bias[0], bias[1], bias[2], bias[3]};
    const uint32_t words = 2 * (4 * view.loops - view.skip / ES_ROUND_BYTES_S8);
    for (uint32_t i = 0; i < words; ++i, rows += 2) {
        for (uint8_t pair = 0; pair < 2; ++pair) {
            acc[2 * pair + 1] = es_smlad(rows[pair], view.data[i], acc[2 * pair + 1]);
            acc[2 * pair] = es_smlad(es_sxtb16(rows[pair], 0), view.data[i], acc[2 * pair]);
        }
    }
    for (uint8_t row = 0; row < 4; ++row) {
        const int32_t high = (int32_t)((uint32_t)acc[row] - (uint32_t)(row % 2 != 0 ? acc[row - 1] : 0));
        part[row] = es_multiply_high(high, rows[row]);
    }
    return rows + 4;
}

static inline const int32_t *es_part_s16(const int32_t *rows, es_row_view view, const int32_t *bias, int32_t *part)
{
    int32_t acc[4] = {bias[0], bias[1], bias[2], bias[3]};
    const uint32_t rounds = 4 * view.loops - view.skip / ES_ROUND_BYTES_S16;
    for (uint32_t i = 0; i < rounds; ++i, rows += 4) {
        for (uint8_t row = 0; row < 4; ++row) {
            acc[row] = es_smlad(es_sxtb16(rows[row], 0), view.data[2 * i], acc[row]);
            acc[row] = es_smlad(es_sxtb16(rows[row], 8), view.data[2 * i + 1], acc[row]);
        }
    }
    for (uint8_t row = 0; row < 4; ++row) {
        part[row] = es_multiply_high(acc[row], rows[row]);
    }
    return rows + 4;
}

#define ES_PART_S8 es_part_s8
#define ES_PART_S16 es_part_s16

#define ES_ROWS_SUM(name, kind)                                                                                        \
    const int32_t *name(const int32_t *rows, const es_views *views, int32_t *pre)                                      \
    {                                                                                                                  \
        static const int32_t one[4] = {1, 257, 1, 257};                                                                \
        int32_t state[4];                                                                                              \
        rows = ES_PART_##kind(rows + 4, views->input, rows, pre);                                                      \
        rows = es_part_s8(rows, views->state, one, state);                                                             \
        for (uint8_t row = 0; row < 4; ++row) {                                                                        \
            pre[row] += state[row];                                                                                    \
        }                                                                                                              \
        return rows;                                                                                                   \
    }

#define ES_ROWS_PARTS(name, kind)                                                                                      \
    const int32_t *name(const int32_t *rows, const es_views *views, int32_t *pre)                                      \
    {                                                                                                                  \
        rows = ES_PART_##kind(rows + 4, views->input, rows, pre);                                                      \
        return es_part_s8(rows + 4, views->state, rows, pre + 4);                                                      \
    }

#endif

#endif
