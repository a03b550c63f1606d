#include "es_nibble_rows_thumb1.h"

#if ES_THUMB1
/* clang-format off */
/* r0 rows, r1 view, r2-r3 x, r7 weights of two columns, r6 product; T0 .. T3: r4, r5, r8, r9. */
__attribute__((naked)) const int32_t *es_wide_nibbles4(const int32_t *rows, const es_part *part, int32_t *to,
                                                       uint32_t mode)
{
    __asm__ volatile(
        ES_ENTER "movs r1, r4\n\tmovs r4, #0\n\tmovs r5, #0\n\tmov r8, r4\n\tmov r9, r4\n"
        "1:\n\tldmia r1!, {r2, r3}\n\tldmia r0!, {r7}\n\t"
        ES_SHIFTED("r7", "28", "r6", "r3", "r9") ES_SHIFTED("r7", "24", "r6", "r3", "r8")
        ES_SHIFTED("r7", "20", "r6", "r3", "r5") ES_SHIFTED("r7", "16", "r6", "r3", "r4") "uxth r7, r7\n\t"
        ES_SHIFTED("r7", "12", "r6", "r2", "r9") ES_SHIFTED("r7", "8", "r6", "r2", "r8")
        ES_SHIFTED("r7", "4", "r6", "r2", "r5") "muls r7, r2, r7\n\tadd r4, r7\n\tcmp r1, lr\n\tbne 1b\n\t"
        ES_END_WIDE("")
        "mov r6, r8\n\tmov r7, r9\n\t" ES_LOWER("r4", "r5") ES_LOWER("r5", "r6") ES_LOWER("r6", "r7")
        ES_SCALE_WIDE("0", "8", "2") ES_PUT("3") ES_TEST_MODE "bcs 4f\n\tadds r0, #16\n4:\n\tadds r0, #8\n\t" ES_LEAVE);
}
/* clang-format on */
#else
const int32_t *es_wide_nibbles4(const int32_t *rows, const es_part *part, int32_t *to, uint32_t mode)
{
    return es_any_nibbles(rows, part, to, mode, 4, 1);
}
#endif
