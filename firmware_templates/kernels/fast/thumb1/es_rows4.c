#include "es_rows_thumb1.h"

#if ES_THUMB1
/* clang-format off */
/* A column: 13 instructions, 4 products. */
#define ES_COLUMN(offset) \
    "ldrh r2, [r1, #" offset "]\n\tldmia r0!, {r3}\n\t" \
    ES_SHIFTED_ROWS("r3", "r4", "r7", "r6", "r5") "muls r3, r2, r3\n\tadd lr, r3\n\t"

/* r0 rows, r1 view, r2 x, r3 weights, r4 product, T0..T3 lr, r5-r7, r12 the view's end. Stack: r0, part, pre, mode,
 * r4-r7, lr. */
__attribute__((naked)) const int32_t *es_rows4(const int32_t *rows, const es_part *parts, int32_t *pre, uint32_t mode)
{
    __asm__ volatile(
        ".syntax unified\n\tpush {r0-r7, lr}\n"
        "1:\n\tldmia r0!, {r4-r7}\n\tmov lr, r4\n\t"
        "ldr r4, [sp, #4]\n\tldmia r4!, {r1-r3}\n\tldmia r4!, {r3}\n\tstr r4, [sp, #4]\n\tmov r12, r2\n\tadd pc, r3\n"
        "2:\n\t" ES_COLUMN("0") ES_COLUMN("2") ES_COLUMN("4") ES_COLUMN("6")
        "adds r1, #8\n\tcmp r1, r12\n\tbne 2b\n\t"
        /* r1 correction, r12 half, r3 shift */
        "ldr r4, [sp, #4]\n\tldmia r4!, {r1-r3}\n\tstr r4, [sp, #4]\n\t"
        "mov r12, r3\n\tmov r3, r2\n\tmov r4, lr\n\t" ES_UNPACK("r2", "r1")
        ES_SCALE("r4", "0", "r12") ES_SCALE("r5", "2", "r12") ES_SCALE("r6", "4", "r12") ES_SCALE("r7", "6", "r12")
        "ldr r1, [sp, #8]\n\tlsrs r2, r1, #1\n\tbcc 3f\n\tsubs r1, #1\n\t" ES_ADD_STORED
        "3:\n\tstmia r1!, {r4-r7}\n\tadds r0, #8\n\t" ES_NEXT_PART("8", "12", "15")
        "add sp, #16\n\tpop {r4-r7, pc}\n");
}
/* clang-format on */
#else
const int32_t *es_rows4(const int32_t *rows, const es_part *parts, int32_t *pre, uint32_t mode)
{
    return es_any_rows(rows, parts, 1, pre, mode);
}
#endif
