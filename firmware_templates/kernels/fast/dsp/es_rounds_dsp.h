/* Four columns of a block of four rows, in the ways that weights and views may lie; and what makes accumulators of the
 * sums. Registers: es_rows_dsp.h. */
#ifndef ES_ROUNDS_DSP_H
#define ES_ROUNDS_DSP_H

/* Four columns of two row pairs: 14 instructions, 16 products. */
#define ES_PRODUCTS_S8                                                                                                 \
    "smlad r9, r4, r2, r9\n\tsxtb16 r4, r4\n\tsmlad r8, r4, r2, r8\n\t"                                                \
    "smlad r11, r5, r2, r11\n\tsxtb16 r5, r5\n\tsmlad r10, r5, r2, r10\n\t"                                            \
    "smlad r9, r6, r3, r9\n\tsxtb16 r6, r6\n\tsmlad r8, r6, r3, r8\n\t"                                                \
    "smlad r11, r7, r3, r11\n\tsxtb16 r7, r7\n\tsmlad r10, r7, r3, r10\n\t"
#define ES_ROUND_S8 "ldmia.w r1!, {r2, r3}\n\tldmia.w r0!, {r4-r7}\n\t" ES_PRODUCTS_S8

/* Four columns of four rows with a 16-bit x: 19 instructions, 16 products. */
#define ES_LOW_PRODUCTS_S16                                                                                            \
    "sxtb16 r3, r4\n\tsmlad r8, r3, r2, r8\n\tsxtb16 r3, r5\n\tsmlad r9, r3, r2, r9\n\t"                               \
    "sxtb16 r3, r6\n\tsmlad r10, r3, r2, r10\n\tsxtb16 r3, r7\n\tsmlad r11, r3, r2, r11\n\t"
#define ES_HIGH_PRODUCTS_S16                                                                                           \
    "sxtb16 r4, r4, ror #8\n\tsmlad r8, r4, r2, r8\n\tsxtb16 r5, r5, ror #8\n\tsmlad r9, r5, r2, r9\n\t"               \
    "sxtb16 r6, r6, ror #8\n\tsmlad r10, r6, r2, r10\n\tsxtb16 r7, r7, ror #8\n\tsmlad r11, r7, r2, r11\n\t"
#define ES_ROUND_S16                                                                                                   \
    "ldr.w r2, [r1], #4\n\tldmia.w r0!, {r4-r7}\n\t" ES_LOW_PRODUCTS_S16 "ldr.w r2, [r1], #4\n\t" ES_HIGH_PRODUCTS_S16

/* Four columns of four rows of 4-bit weights: 16 instructions, 16 products. */
#define ES_TWO_COLUMNS_S8_W4(w, x)                                                                                     \
    "smlad r8, " w ", " x ", r8\n\tbic " w ", " w ", #0x000F000F\n\tsmlad r9, " w ", " x ", r9\n\t"                    \
    "bic " w ", " w ", #0x00F000F0\n\tsmlad r10, " w ", " x ", r10\n\t"                                                \
    "bic " w ", " w ", #0x0F000F00\n\tsmlad r11, " w ", " x ", r11\n\t"
#define ES_ROUND_S8_W4                                                                                                 \
    "ldmia.w r1!, {r2, r3}\n\tldmia.w r0!, {r4, r5}\n\t" ES_TWO_COLUMNS_S8_W4("r4", "r2")                              \
        ES_TWO_COLUMNS_S8_W4("r5", "r3")

/* The same with a 16-bit x: 18 instructions. */
#define ES_TWO_COLUMNS_S16_W4(w, x)                                                                                    \
    "and r6, " w ", #0x000F000F\n\tsmlad r8, r6, " x ", r8\n\tsxtb16 r6, " w "\n\tsmlad r9, r6, " x ", r9\n\t"         \
    "sxtb16 " w ", " w ", ror #8\n\tsmlad r11, " w ", " x ", r11\n\t"                                                  \
    "and " w ", " w ", #0x000F000F\n\tsmlad r10, " w ", " x ", r10\n\t"
#define ES_ROUND_S16_W4                                                                                                \
    "ldmia.w r1!, {r2, r3}\n\tldmia.w r0!, {r4, r5}\n\t" ES_TWO_COLUMNS_S16_W4("r4", "r2")                             \
        ES_TWO_COLUMNS_S16_W4("r5", "r3")

/* The same where rounds of zeros are left out: `at` says which byte of lr steps to the next round's x. */
#define ES_ROUND_Z8(at) "uxtab r1, r1, lr" at "\n\tldrd r2, r3, [r1]\n\tldmia.w r0!, {r4-r7}\n\t" ES_PRODUCTS_S8
#define ES_ROUND_Z16(at)                                                                                               \
    "uxtab r1, r1, lr" at "\n\tldr.w r2, [r1]\n\tldmia.w r0!, {r4-r7}\n\t" ES_LOW_PRODUCTS_S16                         \
    "ldr.w r2, [r1, #4]\n\t" ES_HIGH_PRODUCTS_S16

/* Sums in lanes -> four accumulators, of which some are scaled up: their multipliers hold the power of two. `view`:
 * where, from lr, the view's offset lies. */
#define ES_UNPACK_S8(view) "sub.w r9, r9, r8\n\tsub.w r11, r11, r10\n\t"
#define ES_UNPACK_S16(view)
#define ES_UNPACK_Z8 ES_UNPACK_S8
#define ES_UNPACK_Z16 ES_UNPACK_S16
#define ES_LOAD_OFFSET(view) "ldrd r2, r3, [lr, #" view "]\n\tsub.w r0, r0, r3\n\t"
#define ES_UNPACK_S8_W4(view)                                                                                          \
    ES_LOAD_OFFSET(view)                                                                                               \
    "sub.w r8, r8, r9\n\tsub.w r9, r9, r10\n\tsub.w r10, r10, r11\n\t"                                                 \
    "sub.w r8, r8, r2\n\tsub.w r9, r9, r2, lsl #4\n\tsub.w r10, r10, r2, lsl #8\n\t"
#define ES_UNPACK_S16_W4(view)                                                                                         \
    ES_LOAD_OFFSET(view)                                                                                               \
    "sub.w r9, r9, r8\n\tsub.w r11, r11, r10\n\tsub.w r8, r8, r2\n\tsub.w r10, r10, r2\n\t"

#endif
