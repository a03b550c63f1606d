/* The semihosting trap of RISC-V. Source: RISC-V Semihosting, version 0.4, section 2.3. */
#ifndef ES_SEMIHOSTING_H
#define ES_SEMIHOSTING_H

#include <stdint.h>

static inline int32_t es_semihosting(int32_t operation, uintptr_t argument)
{
    register int32_t a0 __asm__("a0") = operation;
    register uintptr_t a1 __asm__("a1") = argument;
    /* Uncompressed, and aligned so that the three never lie on two pages. */
    __asm__ volatile(".option push\n\t"
                     ".option norvc\n\t"
                     ".balign 16\n\t"
                     "slli zero, zero, 0x1f\n\t"
                     "ebreak\n\t"
                     "srai zero, zero, 7\n\t"
                     ".option pop"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
    return a0;
}

#endif
