#include "es_nibble_rows_thumb1.h"

#if ES_THUMB1
/* clang-format off */
/* r0 rows, r1 view, r2 and r7 x, r3 weights of two columns, r5 mask, r6 product; r8: sums of rows 0 and 2, r9: of 1, 3. */
__attribute__((naked)) const int32_t *es_nibbles4(const int32_t *rows, const es_part *part, int32_t *to, uint32_t mode)
{
    __asm__ volatile(
        ES_ENTER "ldr r7, [r1, #8]\n\tmov r8, r7\n\tmov r9, r7\n\t" ES_START_PAIRS
        "1:\n\tldmia r1!, {r2, r7}\n\tldmia r0!, {r3}\n\t"
        "movs r6, r3\n\tands r6, r5\n\tmuls r6, r2, r6\n\tadd r8, r6\n\t" ES_PAIR("r3", "4", "r2", "r9")
        ES_PAIR("r3", "8", "r7", "r8") "lsrs r3, r3, #12\n\tands r3, r5\n\tmuls r3, r7, r3\n\tadd r9, r3\n\t"
        "cmp r1, lr\n\tbne 1b\n\t"
        "mov r1, r12\n\t" ES_END_PAIRS
        "mov r4, r8\n\tmov r5, r9\n\tasrs r6, r4, #16\n\tasrs r7, r5, #16\n\tuxth r4, r4\n\tuxth r5, r5\n\t"
        ES_TEST_MODE "beq 2f\n\tb 7f\n2:\n\tbcs 3f\n\tsubs r3, #1\n\t"
        ES_SCALE_INPUT("r4", "0", "4") ES_SCALE_INPUT("r5", "1", "4") ES_SCALE_INPUT("r6", "2", "4")
        ES_SCALE_INPUT("r7", "3", "4") "adds r0, #16\n\tb 4f\n"
        "3:\n\tldr r1, 9f\n\tmov lr, r1\n\t"
        ES_SCALE_STATE("r4", "0", "add r4, lr\n\t") ES_SCALE_STATE("r5", "1", "add r5, lr\n\t")
        ES_SCALE_STATE("r6", "2", "adds r6, #1\n\t") ES_SCALE_STATE("r7", "3", "adds r7, #1\n\t")
        "b 4f\n\t.p2align 2\n9:\t.word -65535\n"
        "4:\n\tadds r0, #4\n\t" ES_PUT("5") ES_LEAVE);
    __asm__ volatile(
        ".syntax unified\n7:\n\t" ES_SCALE_LONG("r4", "0", "8") ES_SCALE_LONG("r5", "1", "8") ES_SCALE_LONG("r6", "2", "8")
        ES_SCALE_LONG("r7", "3", "8") ES_PUT("8") "adds r0, #24\n\t" ES_LEAVE);
}
/* clang-format on */
#else
const int32_t *es_nibbles4(const int32_t *rows, const es_part *part, int32_t *to, uint32_t mode)
{
    return es_any_nibbles(rows, part, to, mode, 4, 0);
}
#endif
