/* A unit's curves and products in assembly: with the constants in high registers nothing is spilled. Twins of
 * es_fast_gates.h. r7 is left alone, for it may be a frame pointer. */
#ifndef ES_UNITS_THUMB1_H
#define ES_UNITS_THUMB1_H

#define ES_HAS_UNITS

/* es_curve of v, whose fraction has that many bits; uses r3-r5. r8: es_sigmoid_table. */
#define ES_CURVE(v, limit, bits, label)                                                                                \
    "asrs r3, " v ", #31\n\teors " v ", r3\n\tsubs " v ", " v ", r3\n\tcmp " v ", " limit "\n\tble " label "f\n\t"     \
    "mov " v ", " limit "\n" label ":\n\tlsrs r4, " v ", #" bits "\n\tlsls r4, r4, #1\n\tadd r4, r8\n\t"               \
    "ldrh r5, [r4]\n\tldrh r4, [r4, #2]\n\tsubs r4, r4, r5\n\t"                                                        \
    "lsls " v ", " v ", #32 - " bits "\n\tlsrs " v ", " v ", #32 - " bits "\n\tmuls " v ", r4, " v "\n\t"              \
    "lsls r5, r5, #" bits "\n\tadds " v ", " v ", r5\n\teors " v ", r3\n\t"

/* r9: the largest |v|, r11: one half and the rounding. */
#define ES_SIGMOID(v, label)                                                                                           \
    ES_CURVE(v, "r9", "%c[bits]", label) "add " v ", r11\n\tasrs " v ", " v ", #%c[bits] + 1\n\t"
/* limit: a register that holds the largest |v|. */
#define ES_TANH(v, limit, label)                                                                                       \
    ES_CURVE(v, limit, "%c[tanh_bits]", label) "adds " v ", #%c[tanh_half]\n\tasrs " v ", " v ", #%c[tanh_bits]\n\t"
#define ES_CELL_TANH(v, limit, label)                                                                                  \
    ES_CURVE(v, limit, "%c[cell_bits]", label) "adds " v ", #%c[cell_half]\n\tasrs " v ", " v ", #%c[cell_bits]\n\t"

/* v * factor, ready for the half: 2 less if it is negative, as es_product rounds. */
#define ES_MULTIPLY(v, factor, temporary)                                                                              \
    "muls " v ", " factor ", " v "\n\tasrs " temporary ", " v ", #31\n\tadds " v ", " v ", " temporary "\n\t"          \
    "adds " v ", " v ", " temporary "\n\t"
/* es_product; r12: the half and one more. */
#define ES_PRODUCT(v, factor, temporary)                                                                               \
    ES_MULTIPLY(v, factor, temporary) "add " v ", r12\n\tasrs " v ", " v ", #15\n\t"

#define ES_UNIT_CONSTANTS                                                                                              \
    [bits] "i"(9 - shift), [limit] "i"(130559 >> shift), [half] "i"(32769 << (9 - shift)), [tanh_bits] "i"(8 - shift), \
        [tanh_half] "i"(1 << (7 - shift)), [tanh_limit] "i"(65279 >> shift)
#define ES_UNIT_CLOBBERS "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "cc", "memory"

/* candidate = tanh(input part + r * state part), h = candidate - z * candidate + z * h. */
/* clang-format off */
#define ES_GRU_CODE \
    "ldr r2, [r0, #16]\n\t" ES_SIGMOID("r2", "2") \
    "ldr r3, [r0, #48]\n\t" ES_PRODUCT("r2", "r3", "r3") \
    "ldr r3, [r0, #32]\n\tadds r2, r2, r3\n\t" ES_TANH("r2", "r10", "3") \
    "ldr r6, [r0]\n\t" ES_SIGMOID("r6", "4") \
    "movs r3, r2\n\t" ES_PRODUCT("r3", "r6", "r4") "subs r2, r2, r3\n\t" \
    "ldrh r3, [r1]\n\tsxth r3, r3\n\t" ES_PRODUCT("r3", "r6", "r4") "adds r2, r2, r3\n\t" \
    "strh r2, [r1]\n\tadds r0, #4\n\tadds r1, #2\n\t"
/* clang-format on */

ES_INLINE void es_gru_units(const int32_t *pre, int16_t *h, uint16_t count, uint8_t shift)
{
    register const int32_t *r0 __asm__("r0") = pre;
    register int16_t *r1 __asm__("r1") = h;
    register const int32_t *end __asm__("lr") = pre + count;
    __asm__ volatile(".syntax unified\n\tadr r2, 8f\n\tldmia r2!, {r3-r6}\n\tmov r8, r3\n\tmov r9, r4\n\t"
                     "mov r10, r5\n\tmov r11, r6\n\tldr r3, [r2]\n\tmov r12, r3\n"
                     "1:\n\t" ES_GRU_CODE "cmp r0, lr\n\tbne 1b\n\tb 9f\n\t"
                     ".p2align 2\n8:\t.word es_sigmoid_table, %c[limit], %c[tanh_limit], %c[half], 16385\n9:"
                     : "+r"(r0), "+r"(r1), "+r"(end)
                     : ES_UNIT_CONSTANTS
                     : "r2", ES_UNIT_CLOBBERS);
}

/* clang-format off */
/* cell = i * g + f * cell, saturated. */
#define ES_CELL_CODE \
    "ldr r2, [r0]\n\t" ES_SIGMOID("r2", "2") \
    "ldr r6, [r0, #32]\n\tldr r4, 10f\n\t" ES_TANH("r6", "r4", "3") \
    ES_MULTIPLY("r2", "r6", "r3") "ldr r3, 11f\n\tadds r2, r2, r3\n\tasrs r2, r2, #%c[added_shift]\n\t" \
    "ldr r6, [r0, #16]\n\t" ES_SIGMOID("r6", "4") \
    "ldrh r3, [r1]\n\tsxth r3, r3\n\t" ES_PRODUCT("r3", "r6", "r4") "adds r2, r2, r3\n\t" \
    "sxth r3, r2\n\tcmp r3, r2\n\tbeq 5f\n\tasrs r2, r2, #31\n\tldr r3, 12f\n\teors r2, r3\n5:\n\t" \
    "strh r2, [r1]\n\tadds r1, #2\n\t"

/* es_cell_tanh: three times the cell, rounded like a product (add_sign) from a cell_shift of 3 on. */
#define ES_CELL_TANH_CODE(add_sign) \
    "lsls r3, r2, #1\n\tadds r2, r2, r3\n\t" add_sign \
    "adds r2, #%c[cell_round]\n\tasrs r2, r2, #%c[cell_right]\n\tldr r4, 13f\n\t" ES_CELL_TANH("r2", "r4", "6")

/* h = o * tanh(cell); r10: where h lies. */
#define ES_HIDDEN_CODE \
    "ldr r6, [r0, #48]\n\t" ES_SIGMOID("r6", "7") ES_PRODUCT("r2", "r6", "r3") \
    "mov r3, r10\n\tstrh r2, [r3]\n\tadds r3, #2\n\tmov r10, r3\n\tadds r0, #4\n\t"
/* clang-format on */

/* The last branch is out of reach of a conditional one. */
#define ES_LSTM_UNITS(add_sign)                                                                                        \
    __asm__ volatile(                                                                                                  \
        ".syntax unified\n\tmov r10, r2\n\tadr r2, 8f\n\tldmia r2!, {r3-r6}\n\tmov r8, r3\n\tmov r9, r4\n\t"           \
        "mov r11, r5\n\tmov r12, r6\n1:\n\t" ES_CELL_CODE ES_CELL_TANH_CODE(add_sign) ES_HIDDEN_CODE                   \
        "cmp r0, lr\n\tbeq 9f\n\tb 1b\n\t"                                                                             \
        ".p2align 2\n8:\t.word es_sigmoid_table, %c[limit], %c[half], 16385\n10:\t.word %c[tanh_limit]\n"              \
        "11:\t.word (1 << (%c[added_shift] - 1)) + 1\n12:\t.word 32767\n13:\t.word %c[cell_limit]\n9:"                 \
        : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(end)                                                                      \
        : ES_UNIT_CONSTANTS, [added_shift] "i"(15 + cell_shift), [cell_bits] "i"(9 - tanh_shift),                      \
          [cell_half] "i"(1 << (8 - tanh_shift)), [cell_limit] "i"(130559 >> tanh_shift),                              \
          [cell_right] "i"(cell_right), [cell_round] "i"(1 << (cell_right - 1))                                        \
        : ES_UNIT_CLOBBERS)

ES_INLINE void es_lstm_units(const int32_t *pre, int16_t *h, int16_t *c, uint16_t count, uint8_t shift,
                             uint8_t cell_shift)
{
    register const int32_t *r0 __asm__("r0") = pre;
    register int16_t *r1 __asm__("r1") = c;
    register int16_t *r2 __asm__("r2") = h;
    register const int32_t *end __asm__("lr") = pre + count;
    const int32_t tanh_shift = cell_shift < 3 ? 1 : cell_shift, cell_right = cell_shift < 3 ? 3 - cell_shift : 2;
    if (cell_shift < 3) {
        ES_LSTM_UNITS("");
    } else {
        ES_LSTM_UNITS("asrs r3, r2, #31\n\tadds r2, r2, r3\n\t");
    }
}

#endif
