#include "es_nibble_rows_thumb1.h"

#if ES_THUMB1
/* clang-format off */
/* A column of eight rows: 25 instructions. */
#define ES_COLUMN \
    "ldmia r1!, {r2}\n\tldmia r0!, {r3}\n\t" \
    ES_SHIFTED("r3", "28", "r7", "r2", "r12") ES_SHIFTED("r3", "24", "r7", "r2", "r11") \
    ES_SHIFTED("r3", "20", "r7", "r2", "r10") ES_SHIFTED("r3", "16", "r7", "r2", "r9") \
    ES_SHIFTED("r3", "12", "r7", "r2", "r8") ES_SHIFTED("r3", "8", "r7", "r2", "r6") \
    ES_SHIFTED("r3", "4", "r7", "r2", "r5") "muls r3, r2, r3\n\tadd r4, r3\n\t"

/* r0 rows, r1 view, r2 x, r3 weights, r7 product; T0 .. T7: r4-r6, r8-r12. */
__attribute__((naked)) const int32_t *es_wide_nibbles8(const int32_t *rows, const es_part *part, int32_t *to,
                                                       uint32_t mode)
{
    __asm__ volatile(
        ES_ENTER "movs r1, r4\n\tmovs r4, #0\n\tmovs r5, #0\n\tmovs r6, #0\n\tmov r8, r4\n\tmov r9, r4\n\tmov r10, r4\n\t"
        "mov r11, r4\n\tmov r12, r4\n1:\n\t" ES_COLUMN ES_COLUMN "cmp r1, lr\n\tbne 1b\n\t"
        ES_END_WIDE("ldr r2, [r1, #8]\n\tsubs r0, r0, r2\n\t"));
    /* Apart because C99 limits a string. */
    __asm__ volatile(
        ".syntax unified\n\tmov r7, r8\n\t" ES_LOWER("r4", "r5") ES_LOWER("r5", "r6") ES_LOWER("r6", "r7")
        "mov r1, r9\n\tlsls r1, r1, #4\n\tsubs r7, r7, r1\n\t" ES_SCALE_WIDE("0", "16", "2") ES_PUT("3")
        "mov r4, r9\n\tmov r5, r10\n\tmov r6, r11\n\tmov r7, r12\n\t"
        ES_LOWER("r4", "r5") ES_LOWER("r5", "r6") ES_LOWER("r6", "r7") ES_SCALE_WIDE("4", "16", "4") ES_PUT("5")
        ES_TEST_MODE "bcs 6f\n\tadds r0, #32\n6:\n\tadds r0, #16\n\t" ES_LEAVE);
}
/* clang-format on */
#else
const int32_t *es_wide_nibbles8(const int32_t *rows, const es_part *part, int32_t *to, uint32_t mode)
{
    return es_any_nibbles(rows, part, to, mode, 8, 1);
}
#endif
