/* Dense layers of the dsp kernels. Included by es_isa.h alone. */
#ifndef ES_DENSE_DSP_H
#define ES_DENSE_DSP_H

/* Dense: rows in pairs (the last one padded), a block is bias (2), per four columns two words of weights in the byte
 * order 0 2 1 3, the same with the last size % 4 columns padded, multipliers (2), shifted left by 32 - shift. */
static inline void es_dense_rows(const int32_t *rows, const int16_t *x, uint16_t inputs, uint16_t units, uint8_t shift,
                                 int16_t *y)
{
    (void)shift; /* inside the multipliers */
    ES_ROLLED
    for (uint16_t row = 0; row < units; row = (uint16_t)(row + 2)) {
        int32_t first = *rows++, second = *rows++;
        uint16_t i = 0;
        ES_ROLLED
        for (; i + 4 <= inputs; i = (uint16_t)(i + 4)) {
            const int32_t w0 = *rows++, w1 = *rows++;
#if ES_DSP
            const int32_t low = es_load_word(x + i), high = es_load_word(x + i + 2);
            int32_t lanes;
            __asm__("sxtb16 %2, %3\n\tsmlad %0, %2, %5, %0\n\tsxtb16 %2, %3, ror #8\n\tsmlad %0, %2, %6, %0\n\t"
                    "sxtb16 %2, %4\n\tsmlad %1, %2, %5, %1\n\tsxtb16 %2, %4, ror #8\n\tsmlad %1, %2, %6, %1"
                    : "+&r"(first), "+&r"(second), "=&r"(lanes)
                    : "r"(w0), "r"(w1), "r"(low), "r"(high));
#else
            first += (int8_t)w0 * x[i] + (int8_t)(w0 >> 16) * x[i + 1];
            first += (int8_t)(w0 >> 8) * x[i + 2] + (int8_t)(w0 >> 24) * x[i + 3];
            second += (int8_t)w1 * x[i] + (int8_t)(w1 >> 16) * x[i + 1];
            second += (int8_t)(w1 >> 8) * x[i + 2] + (int8_t)(w1 >> 24) * x[i + 3];
#endif
        }
        if (i < inputs) {
            const int32_t w0 = *rows++, w1 = *rows++;
            for (uint16_t j = 0; i + j < inputs; ++j) {
                const uint8_t at = (uint8_t)(16 * j % 24 + 8 * (j == 3)); /* 0 16 8 */
                first += (int8_t)(w0 >> at) * x[i + j];
                second += (int8_t)(w1 >> at) * x[i + j];
            }
        }
        y[row] = (int16_t)es_saturate_s16(es_multiply_high(first, *rows++));
        const int32_t last = es_saturate_s16(es_multiply_high(second, *rows++));
        if (row + 1 < units) {
            y[row + 1] = (int16_t)last;
        }
    }
}

#endif
