/* End of the program, as semihosting knows it. */
#include "es_exit.h"

#include <stdint.h>

void es_exit(void)
{
    register int32_t r0 __asm__("r0") = 0x18;    /* SYS_EXIT */
    register int32_t r1 __asm__("r1") = 0x20026; /* ADP_Stopped_ApplicationExit */
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}
