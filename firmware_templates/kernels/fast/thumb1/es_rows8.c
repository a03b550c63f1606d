#include "es_rows_thumb1.h"

#if ES_THUMB1
/* clang-format off */
/* A column: 24 instructions, 8 products. */
#define ES_COLUMN(offset) \
    "ldrh r2, [r1, #" offset "]\n\tldmia r0!, {r3, r4}\n\t" \
    ES_SHIFTED_ROWS("r3", "r5", "r7", "r6", "r9") "muls r3, r2, r3\n\tadd r8, r3\n\t" \
    ES_SHIFTED_ROWS("r4", "r5", "lr", "r12", "r11") "muls r4, r2, r4\n\tadd r10, r4\n\t"

/* r0 rows, r1 view, r2 x, r3-r4 weights, r5 product; T0..T3 of the first word r8, r9, r6, r7, of the second r10, r11,
 * r12, lr. Stack: r8-r11, the view's end, part, pre, mode, r4-r7, lr. */
__attribute__((naked)) const int32_t *es_rows8(const int32_t *rows, const es_part *parts, int32_t *pre, uint32_t mode)
{
    __asm__ volatile(
        ".syntax unified\n\tpush {r0-r7, lr}\n\t"
        "mov r4, r8\n\tmov r5, r9\n\tmov r6, r10\n\tmov r7, r11\n\tpush {r4-r7}\n"
        "1:\n\tldmia r0!, {r2-r7}\n\tmov r8, r2\n\tmov r9, r3\n\tmov r10, r4\n\tmov r11, r5\n\t"
        "ldmia r0!, {r2, r3}\n\tmov r12, r2\n\tmov lr, r3\n\t"
        "ldr r5, [sp, #20]\n\tldmia r5!, {r1-r3}\n\tstr r2, [sp, #16]\n\tstr r5, [sp, #20]\n\tadd pc, r3\n"
        "2:\n\t" ES_COLUMN("0") ES_COLUMN("2") ES_COLUMN("4") ES_COLUMN("6")
        "adds r1, #8\n\tldr r5, [sp, #16]\n\tcmp r1, r5\n\tbne 2b\n\t");
    /* Apart because C99 limits a string. r8 correction, r9 half, r3 shift. */
    __asm__ volatile(
        ".syntax unified\n\t"
        "ldr r5, [sp, #20]\n\tldmia r5!, {r1-r4}\n\tstr r5, [sp, #20]\n\t"
        "mov r1, r8\n\tmov r5, r9\n\tmov r8, r2\n\tmov r9, r4\n\tmov r4, r1\n\t" ES_UNPACK("r1", "r8")
        ES_SCALE("r4", "0", "r9") ES_SCALE("r5", "2", "r9") ES_SCALE("r6", "4", "r9") ES_SCALE("r7", "6", "r9")
        "ldr r1, [sp, #24]\n\tlsrs r2, r1, #1\n\tbcc 3f\n\tsubs r1, #1\n\t" ES_ADD_STORED
        "3:\n\tstmia r1!, {r4-r7}\n\t"
        "mov r4, r10\n\tmov r5, r11\n\tmov r6, r12\n\tmov r7, lr\n\tmov r10, r1\n\t" ES_UNPACK("r1", "r8")
        ES_SCALE("r4", "8", "r9") ES_SCALE("r5", "10", "r9") ES_SCALE("r6", "12", "r9") ES_SCALE("r7", "14", "r9")
        "ldr r2, [sp, #24]\n\tmov r1, r10\n\tlsrs r2, r2, #1\n\tbcc 4f\n\t" ES_ADD_STORED
        "4:\n\tstmia r1!, {r4-r7}\n\tadds r0, #16\n\t" ES_NEXT_PART("24", "28", "31")
        "pop {r1-r4}\n\tmov r8, r1\n\tmov r9, r2\n\tmov r10, r3\n\tmov r11, r4\n\tadd sp, #16\n\tpop {r4-r7, pc}\n");
}
/* clang-format on */
#else
const int32_t *es_rows8(const int32_t *rows, const es_part *parts, int32_t *pre, uint32_t mode)
{
    return es_any_rows(rows, parts, 2, pre, mode);
}
#endif
