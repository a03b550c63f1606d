/* Curves and product as C functions: arguments in r25:r24, r23:r22; result in r25:r24. */
#include "es_isa.h"
#include "es_units_avr.h"

#if ES_AVR

#define ES_BEGIN "clr r18\n\t"
#define ES_RETURN "clr r1\n\tret\n"

__attribute__((naked)) int16_t es_tanh_avr(int16_t v, uint8_t scale)
{
    __asm__ volatile(ES_BEGIN ES_TANH("r22") ES_RETURN : : ES_TABLE);
}

__attribute__((naked)) int16_t es_sigmoid_avr(int16_t v, uint8_t scale)
{
    __asm__ volatile(ES_BEGIN ES_SIGMOID("r22") ES_RETURN : : ES_TABLE);
}

__attribute__((naked)) int16_t es_product_avr(int16_t a, int16_t b)
{
    __asm__ volatile(ES_BEGIN "movw r20, r24\n\t" ES_PRODUCT "movw r24, r26\n\t" ES_RETURN);
}

#endif
