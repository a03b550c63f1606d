#include "es_arith.h"
#include "es_window.h"

/* Twin: edgeseq.arith.attention.negative_power. */
static uint16_t es_negative_power(uint16_t distance, uint8_t fraction_bits)
{
    const uint8_t between_bits = (uint8_t)(fraction_bits - 7);
    const uint16_t whole = (uint16_t)(distance >> fraction_bits);
    const uint16_t fraction = (uint16_t)(distance & ((1U << fraction_bits) - 1));
    const uint16_t index = (uint16_t)(fraction >> between_bits);
    const uint32_t between = fraction & ((1U << between_bits) - 1);
    const uint32_t left = es_power_table[index];
    const uint32_t value = left - (((left - es_power_table[index + 1]) * between) >> between_bits);
    const uint8_t shift = (uint8_t)(whole < 17 ? whole : 17);
    return (uint16_t)((value + (((uint32_t)1 << shift) >> 1)) >> shift);
}

/* Scores plus 32768 -> 32768 times their softmax, in place. Twin: edgeseq.arith.attention.softmax_weights. */
static void es_softmax_row(uint16_t *weights, uint16_t steps, uint8_t fraction_bits)
{
    uint16_t largest = 0;
    uint32_t total = 0;
    uint8_t up = 0;
    for (uint16_t i = 0; i < steps; ++i) {
        largest = weights[i] > largest ? weights[i] : largest;
    }
    for (uint16_t i = 0; i < steps; ++i) {
        weights[i] = es_negative_power((uint16_t)(largest - weights[i]), fraction_bits);
        total += weights[i];
    }
    for (; total < (uint32_t)1 << 30; total <<= 1) {
        ++up;
    }
    /* At most 32768 * 65536 + 2^30: the products fit 32 bits. */
    const uint32_t reciprocal = ((uint32_t)1 << 31) / (total >> 15);
    for (uint16_t i = 0; i < steps; ++i) {
        weights[i] = (uint16_t)((weights[i] * reciprocal + ((uint32_t)1 << (30 - up))) >> (31 - up));
    }
}

static void es_clip_keys(const ES_FLASH es_attention_params *params, int16_t *keys, size_t row_size)
{
    const int32_t limit = (int32_t)1 << params->key_bits;
    const uint32_t count = (uint32_t)params->heads * params->key_size;
    for (uint16_t step = 0; step < params->steps; ++step, keys += row_size) {
        for (uint32_t i = 0; i < count; ++i) {
            const int32_t above = keys[i] < -limit ? -limit : keys[i];
            keys[i] = (int16_t)(above >= limit ? limit - 1 : above);
        }
    }
}

void es_attend_s16(const ES_FLASH es_attention_params *params, int16_t *rows, uint16_t *weights, int16_t *y)
{
    const uint16_t steps = params->steps, key_size = params->key_size, value_size = params->value_size;
    const size_t queries = (size_t)params->heads * key_size, values = (size_t)params->heads * value_size;
    const size_t row_size = 2 * queries + values;
    es_clip_keys(params, rows + queries, row_size);
    for (uint16_t step = 0; step < steps; ++step) {
        for (uint16_t head = 0; head < params->heads; ++head) {
            const int16_t *query = rows + step * row_size + (size_t)head * key_size;
            const int16_t *key = rows + queries + (size_t)head * key_size;
            const int16_t *value = rows + 2 * queries + (size_t)head * value_size;
            for (uint16_t other = 0; other < steps; ++other, key += row_size) {
                int32_t sum = 0;
                for (uint16_t i = 0; i < key_size; ++i) {
                    sum += (int32_t)query[i] * key[i];
                }
                weights[other] = (uint16_t)(es_requantize(sum, params->multiplier, params->shift) + 32768);
            }
            es_softmax_row(weights, steps, params->fraction_bits);
            for (uint16_t i = 0; i < value_size; ++i) {
                int32_t sum = (int32_t)1 << 14;
                for (uint16_t other = 0; other < steps; ++other) {
                    sum += (int32_t)weights[other] * value[other * row_size + i];
                }
                *y++ = (int16_t)es_saturate_s16(sum >> 15);
            }
        }
    }
}
