#include "es_nibble_rows_thumb1.h"

#if ES_THUMB1
/* clang-format off */
/* A column of eight rows: 15 instructions but for its x, 8 products. */
#define ES_COLUMN(word, x) \
    ES_PAIR(word, "4", x, "r9") ES_PAIR(word, "8", x, "r10") ES_PAIR(word, "12", x, "r11") \
    "muls " word ", " x ", " word "\n\tadd r8, " word "\n\t"
#define ES_HIGH_INPUT(pair, row, to) "asrs r1, " pair ", #16\n\t" ES_SCALE_INPUT("r1", row, "8") "mov " to ", r1\n\t"
#define ES_LOW_INPUT(pair, row) "uxth " pair ", " pair "\n\t" ES_SCALE_INPUT(pair, row, "8")
#define ES_HIGH_STATE(pair, row, to) \
    "asrs r1, " pair ", #16\n\t" ES_SCALE_STATE("r1", row, "adds r1, #1\n\t") "mov " to ", r1\n\t"
#define ES_LOW_STATE(pair, row) "uxth " pair ", " pair "\n\t" ES_SCALE_STATE(pair, row, "add " pair ", lr\n\t")
#define ES_LOW_LONG(pair, row) "uxth " pair ", " pair "\n\t" ES_SCALE_LONG(pair, row, "16")
#define ES_HIGH_LONG(pair, row) "asrs " pair ", " pair ", #16\n\t" ES_SCALE_LONG(pair, row, "16")

/* r0 rows, r1 view, r2 and r7 x, r3-r4 weights, r5 mask, r6 product; sums: r8 the whole word's, r9-r11 of pairs. */
__attribute__((naked)) const int32_t *es_nibbles8(const int32_t *rows, const es_part *part, int32_t *to, uint32_t mode)
{
    __asm__ volatile(
        ES_ENTER "ldr r7, [r1, #8]\n\tmov r9, r7\n\tmov r10, r7\n\tmov r11, r7\n\tldr r6, 8f\n\tmuls r7, r6, r7\n\t"
        "mov r8, r7\n\t" ES_START_PAIRS
        "1:\n\tldmia r1!, {r2, r7}\n\tldmia r0!, {r3, r4}\n\t" ES_COLUMN("r3", "r2") ES_COLUMN("r4", "r7")
        "cmp r1, lr\n\tbne 1b\n\t"
        "mov r1, r12\n\tldr r2, [r1]\n\tsubs r0, r0, r2\n\t" ES_END_PAIRS
        "mov r4, r8\n\tmov r5, r9\n\tmov r6, r10\n\tmov r7, r11\n\tlsls r1, r7, #4\n\tadds r1, r1, r6\n\tlsls r1, r1, #4\n\t"
        "adds r1, r1, r5\n\tlsls r1, r1, #4\n\tsubs r4, r4, r1\n\t" ES_TEST_MODE "beq 2f\n\tb 7f\n\t"
        ".p2align 2\n8:\t.word 0x1111\n2:\n\t");
    /* Apart because C99 limits a string. */
    __asm__ volatile(
        ".syntax unified\n\tbcc 2f\n\tb 3f\n2:\n\tsubs r3, #1\n\t"
        ES_HIGH_INPUT("r4", "4", "r8") ES_HIGH_INPUT("r5", "5", "r9") ES_HIGH_INPUT("r6", "6", "r10")
        ES_HIGH_INPUT("r7", "7", "r11") ES_LOW_INPUT("r4", "0") ES_LOW_INPUT("r5", "1") ES_LOW_INPUT("r6", "2")
        ES_LOW_INPUT("r7", "3") "adds r0, #32\n\tb 4f\n"
        "3:\n\tldr r1, 9f\n\tmov lr, r1\n\t"
        ES_HIGH_STATE("r4", "4", "r8") ES_HIGH_STATE("r5", "5", "r9") ES_HIGH_STATE("r6", "6", "r10")
        ES_HIGH_STATE("r7", "7", "r11") ES_LOW_STATE("r4", "0") ES_LOW_STATE("r5", "1") ES_LOW_STATE("r6", "2")
        ES_LOW_STATE("r7", "3") "b 4f\n\t.p2align 2\n9:\t.word -65535\n"
        "4:\n\tadds r0, #8\n\t" ES_PUT("5") "mov r4, r8\n\tmov r5, r9\n\tmov r6, r10\n\tmov r7, r11\n\t" ES_PUT("6") ES_LEAVE);
    __asm__ volatile(
        ".syntax unified\n7:\n\tmov r8, r4\n\t" ES_LOW_LONG("r4", "0") ES_LOW_LONG("r5", "1") ES_LOW_LONG("r6", "2")
        ES_LOW_LONG("r7", "3") ES_PUT("8") "mov r4, r8\n\tmov r5, r9\n\tmov r6, r10\n\tmov r7, r11\n\t"
        ES_HIGH_LONG("r4", "4") ES_HIGH_LONG("r5", "5") ES_HIGH_LONG("r6", "6") ES_HIGH_LONG("r7", "7") ES_PUT("9")
        "adds r0, #48\n\t" ES_LEAVE);
}
/* clang-format on */
#else
const int32_t *es_nibbles8(const int32_t *rows, const es_part *part, int32_t *to, uint32_t mode)
{
    return es_any_nibbles(rows, part, to, mode, 8, 0);
}
#endif
