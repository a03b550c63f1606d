/* The semihosting trap of Arm's M profile. */
#ifndef ES_SEMIHOSTING_H
#define ES_SEMIHOSTING_H

#include <stdint.h>

static inline int32_t es_semihosting(int32_t operation, uintptr_t argument)
{
    register int32_t r0 __asm__("r0") = operation;
    register uintptr_t r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

#endif
