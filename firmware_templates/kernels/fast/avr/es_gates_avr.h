/* What es_fast_gates.h and es_fast.h do in C, as calls of assembly. */
#ifndef ES_GATES_AVR_H
#define ES_GATES_AVR_H

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
