/* Units of an LSTM. Twin: es_lstm_unit.
 *
 * In: r25:r24 gate parts, r23:r22 h, X cell, r20 units, r21 scale of the sigmoid, r19 cell shift, and how a cell
 * becomes the argument of tanh: (3 * |cell| + r18) >> r17, times r16. Keeps Y alone. Y parts, r13:r12 h, r7:r6 cell,
 * r15 units left, r14 and r5 scales of sigmoid and tanh, r4 cell shift, r3 r18's value, r11:r10 and r9:r8 values kept.
 */
#include "es_isa.h"
#include "es_units_avr.h"

#if ES_AVR

#define ES_ENTER                                                                                                       \
    "push r28\n\tpush r29\n\tmovw r28, r24\n\tmovw r12, r22\n\tmovw r6, r26\n\tmov r15, r20\n\tmov r14, r21\n\t"       \
    "mov r5, r21\n\tlsl r5\n\tmov r4, r19\n\tmov r3, r18\n\tclr r18\n"
#define ES_ADDED(sigmoid, tanh)                                                                                        \
    ES_SUM("0", "1", "32", "33")                                                                                       \
    sigmoid "movw r10, r24\n\t" ES_SUM("16", "17", "48", "49") tanh                                                    \
        "movw r22, r24\n\tmovw r20, r10\n\tmov r19, r4\n\t" ES_PRODUCT_SHIFTED "movw r8, r26\n\t"
#define ES_CELL(sigmoid)                                                                                               \
    ES_SUM("8", "9", "40", "41")                                                                                       \
    sigmoid "movw r20, r24\n\t"                                                                                        \
            "movw r30, r6\n\tld r22, Z\n\tldd r23, Z+1\n\t" ES_PRODUCT                                                 \
            "movw r24, r26\n\tadd r24, r8\n\tadc r25, r9\n\t" ES_SATURATE(                                             \
                "r24", "r25", "r9") "st Z+, r24\n\tst Z+, r25\n\tmovw r6, r30\n\t"
/* Below zero floors round away from it unless the shift is that of an es_product, whose r16 is above 1. */
#define ES_CELL_ARGUMENT                                                                                               \
    ES_MAGNITUDE                                                                                                       \
    "movw r26, r24\n\tclr r19\n\tlsl r24\n\trol r25\n\trol r19\n\tadd r24, r26\n\tadc r25, r27\n\tadc r19, r18\n\t"    \
    "add r24, r3\n\tadc r25, r18\n\tadc r19, r18\n\tbrtc 1f\n\tsbrs r16, 0\n\trjmp 1f\n\t"                             \
    "subi r24, 1\n\tsbci r25, 0\n\tsbci r19, 0\n1:\n\tmov r20, r17\n"                                                  \
    "2:\n\tlsr r19\n\tror r25\n\tror r24\n\tdec r20\n\tbrne 2b\n\t"
#define ES_HIDDEN(sigmoid)                                                                                             \
    ES_CELL_ARGUMENT ES_ENTRY("r16") ES_INTERPOLATE ES_ROUND_TANH "movw r10, r24\n\t" ES_SUM("24", "25", "56", "57")   \
        sigmoid "movw r20, r24\n\tmovw r22, r10\n\t" ES_PRODUCT                                                        \
                "movw r30, r12\n\tst Z+, r26\n\tst Z+, r27\n\tmovw r12, r30\n\t"
#define ES_NEXT "adiw r28, 2\n\tdec r15\n\tbreq 6f\n\trjmp 5b\n6:\n\t"
#define ES_LEAVE "pop r29\n\tpop r28\n\tclr r1\n\tret\n"

#define ES_UNITS_AVR(name, sigmoid, tanh)                                                                              \
    __attribute__((naked)) void name(void)                                                                             \
    {                                                                                                                  \
        __asm__ volatile(ES_ENTER "5:\n\t" ES_ADDED(sigmoid, tanh) ES_CELL(sigmoid) ES_HIDDEN(sigmoid)                 \
                             ES_NEXT ES_LEAVE                                                                          \
                         :                                                                                             \
                         : ES_TABLE);                                                                                  \
    }

ES_UNITS_AVR(es_lstm_units_avr, ES_SIGMOID("r14"), ES_TANH("r5"))
ES_UNITS_AVR(es_lstm_units_2_avr, ES_SIGMOID_2, ES_TANH_4)

#endif
