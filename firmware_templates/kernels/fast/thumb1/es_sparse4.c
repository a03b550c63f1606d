#include "es_rows_thumb1.h"

#if ES_THUMB1
/* clang-format off */
/* A column: 13 instructions, 4 products. */
#define ES_COLUMN(word, offset) \
    "ldrh r2, [r1, #" offset "]\n\tadd r12, r2\n\t" \
    ES_SHIFTED_ROWS(word, "r7", "r11", "r10", "r9") "muls " word ", r2, " word "\n\tadd r8, " word "\n\t"
#define ES_BLOCK \
    "adds r1, r1, r3\n\tldmia r0!, {r3-r6}\n\t" \
    ES_COLUMN("r3", "0") ES_COLUMN("r4", "2") ES_COLUMN("r5", "4") ES_COLUMN("r6", "6")

/* r0 rows, r1 view, r2 x, r3-r6 weights, r7 product, T0..T3 r8-r11, r12 the sum of x, lr steps. Two blocks a turn; an
 * odd number of them begins with the second. Stack: r8-r11, the weights' end, part, pre, mode, r4-r7, lr. */
__attribute__((naked)) const int32_t *es_sparse4(const int32_t *rows, const es_part *parts, int32_t *pre, uint32_t mode)
{
    __asm__ volatile(
        ".syntax unified\n\tpush {r0-r7, lr}\n\t"
        "mov r4, r8\n\tmov r5, r9\n\tmov r6, r10\n\tmov r7, r11\n\tpush {r4-r7}\n"
        "1:\n\tldmia r0!, {r2-r6}\n\tmov r8, r2\n\tmov r9, r3\n\tmov r10, r4\n\tmov r11, r5\n\t"
        "mov lr, r0\n\tlsrs r3, r6, #16\n\tadds r0, r0, r3\n\tuxth r2, r6\n\tadds r3, r0, r2\n\tstr r3, [sp, #16]\n\t"
        "ldr r4, [sp, #20]\n\tldr r1, [r4]\n\tmovs r4, #0\n\tmov r12, r4\n\tlsrs r2, r2, #5\n\tbcs 3f\n\tb 4f\n"
        "2:\n\tmov r2, lr\n\tldrb r3, [r2]\n\t" ES_BLOCK
        "3:\n\tmov r2, lr\n\tldrb r3, [r2, #1]\n\tadds r2, #2\n\tmov lr, r2\n\t" ES_BLOCK
        "4:\n\tldr r3, [sp, #16]\n\tcmp r0, r3\n\tbne 2b\n\t");
    /* Apart because C99 limits a string. r1 correction, r12 half, r3 shift. */
    __asm__ volatile(
        ".syntax unified\n\t"
        "mov r1, r12\n\tlsls r1, r1, #7\n\trsbs r1, r1, #0\n\t"
        "ldr r3, [sp, #20]\n\tmovs r2, r3\n\tadds r2, #28\n\tstr r2, [sp, #20]\n\tldr r2, [r3, #24]\n\tmov r12, r2\n\t"
        "ldr r3, [r3, #20]\n\tmov r4, r8\n\tmov r5, r9\n\tmov r6, r10\n\tmov r7, r11\n\t" ES_UNPACK("r2", "r1")
        ES_SCALE("r4", "0", "r12") ES_SCALE("r5", "2", "r12") ES_SCALE("r6", "4", "r12") ES_SCALE("r7", "6", "r12")
        "ldr r1, [sp, #24]\n\tlsrs r2, r1, #1\n\tbcc 7f\n\tsubs r1, #1\n\t" ES_ADD_STORED
        "7:\n\tstmia r1!, {r4-r7}\n\tadds r0, #8\n\t" ES_NEXT_PART("24", "28", "15")
        "pop {r1-r4}\n\tmov r8, r1\n\tmov r9, r2\n\tmov r10, r3\n\tmov r11, r4\n\tadd sp, #16\n\tpop {r4-r7, pc}\n");
}
/* clang-format on */
#else
/* Four rows of one matrix. */
static const int32_t *es_sparse_part(const int32_t *rows, const es_part *part, int32_t *to)
{
    uint32_t lanes[4], sum = 0;
    for (uint8_t row = 0; row < 4; ++row) {
        lanes[row] = (uint32_t)*rows++;
    }
    const uint32_t header = (uint32_t)*rows++, blocks = (header & 0xFFFF) / 16, skipped = blocks % 2;
    const int32_t *const steps = rows;
    rows += (header >> 16) / 4;
    uint32_t at = 0; /* column */
    for (uint32_t block = skipped; block < blocks + skipped; ++block) {
        at += ((uint32_t)steps[block / 4] >> (8 * (block % 4)) & 0xFF) / 2;
        for (uint32_t column = at; column < at + 4; ++column, ++rows) {
            /* Columns beyond the last one have no weights: whatever x is there, the correction takes it off again. */
            const uint32_t x = column < part->columns ? ((const uint16_t *)part->first)[column] : 0;
            sum += x;
            for (uint8_t row = 0; row < 4; ++row) {
                lanes[row] += (uint32_t)(*rows >> (8 * row)) * x;
            }
        }
    }
    es_part corrected = *part;
    corrected.correction = (int32_t)(0u - 128u * sum);
    es_scale_lanes(lanes, rows, &corrected, to);
    return rows + 2;
}

const int32_t *es_sparse4(const int32_t *rows, const es_part *parts, int32_t *pre, uint32_t mode)
{
    rows = es_sparse_part(rows, parts, pre);
    if (mode == ES_ONE_PART) {
        return rows;
    }
    if (mode == ES_PARTS_APART) {
        return es_sparse_part(rows, parts + 1, pre + 4);
    }
    int32_t state[4];
    rows = es_sparse_part(rows, parts + 1, state);
    for (uint8_t row = 0; row < 4; ++row) {
        pre[row] += state[row];
    }
    return rows;
}
#endif
