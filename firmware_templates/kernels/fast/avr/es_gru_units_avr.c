/* Units of a GRU with reset_after. Twin: es_gru_unit.
 *
 * In: r25:r24 gate parts, r23:r22 h, r20 units, r21 scale of the sigmoid. Keeps Y alone.
 * Y parts, r17:r16 h, r15 units left, r14 and r13 scales of sigmoid and tanh, r11:r10 z, r9:r8 candidate. */
#include "es_isa.h"
#include "es_units_avr.h"

#if ES_AVR

#define ES_ENTER                                                                                                       \
    "push r28\n\tpush r29\n\tmovw r28, r24\n\tmovw r16, r22\n\tmov r15, r20\n\tmov r14, r21\n\tmov r13, r21\n\t"       \
    "lsl r13\n\tclr r18\n"
#define ES_UPDATE(sigmoid) ES_SUM("0", "1", "24", "25") sigmoid "movw r10, r24\n\t"
#define ES_RESET(sigmoid) ES_SUM("8", "9", "32", "33") sigmoid "movw r20, r24\n\t"
#define ES_CANDIDATE(tanh)                                                                                             \
    "ldd r22, Y+40\n\tldd r23, Y+41\n\t" ES_PRODUCT "ldd r24, Y+16\n\tldd r25, Y+17\n\t"                               \
    "add r24, r26\n\tadc r25, r27\n\t" ES_SATURATE("r24", "r25", "r27") tanh "movw r8, r24\n\t"
#define ES_KEEP                                                                                                        \
    "movw r20, r10\n\tmovw r22, r8\n\t" ES_PRODUCT "sub r8, r26\n\tsbc r9, r27\n\t"                                    \
    "movw r30, r16\n\tld r22, Z\n\tldd r23, Z+1\n\tmovw r20, r10\n\t" ES_PRODUCT                                       \
    "add r26, r8\n\tadc r27, r9\n\tst Z+, r26\n\tst Z+, r27\n\tmovw r16, r30\n\t"
#define ES_NEXT "adiw r28, 2\n\tdec r15\n\tbreq 6f\n\trjmp 5b\n6:\n\t"
#define ES_LEAVE "pop r29\n\tpop r28\n\tclr r1\n\tret\n"

#define ES_UNITS_AVR(name, sigmoid, tanh)                                                                              \
    __attribute__((naked)) void name(void)                                                                             \
    {                                                                                                                  \
        __asm__ volatile(ES_ENTER "5:\n\t" ES_UPDATE(sigmoid) ES_RESET(sigmoid) ES_CANDIDATE(tanh)                     \
                             ES_KEEP ES_NEXT ES_LEAVE                                                                  \
                         :                                                                                             \
                         : ES_TABLE);                                                                                  \
    }

ES_UNITS_AVR(es_gru_units_avr, ES_SIGMOID("r14"), ES_TANH("r13"))
ES_UNITS_AVR(es_gru_units_2_avr, ES_SIGMOID_2, ES_TANH_4)

#endif
