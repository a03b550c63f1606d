/* Vector table and reset handler for every Cortex-M. */
#include <stdint.h>

extern uint32_t __data_start, __data_end, __data_load, __bss_start, __bss_end, __stack_top;

int main(void);
void Reset_Handler(void);

static void halt(void)
{
    for (;;) {
    }
}

#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
void es_start(void);

/* Any C may hold vector or floating-point instructions, so coprocessors 10 and 11 come first. */
__attribute__((naked)) void Reset_Handler(void)
{
    __asm__ volatile("ldr r0, =0xe000ed88\n\t" /* CPACR */
                     "ldr r1, [r0]\n\t"
                     "orr r1, r1, #0xf00000\n\t"
                     "str r1, [r0]\n\t"
                     "dsb\n\t"
                     "isb\n\t"
                     "b es_start\n\t"
                     ".ltorg");
}

__attribute__((used)) void es_start(void)
#else
void Reset_Handler(void)
#endif
{
    const uint32_t *from = &__data_load;
    for (uint32_t *to = &__data_start; to < &__data_end; ++to) {
        *to = *from++;
    }
    for (uint32_t *to = &__bss_start; to < &__bss_end; ++to) {
        *to = 0;
    }
    (void)main();
    halt();
}

typedef void (*es_vector)(void);

/* The first word is the initial stack pointer; the cast is what the architecture asks for. Nothing here enables an
 * interrupt or a fault of its own, so that NMI and HardFault are the last vectors that are read. */
__attribute__((section(".vectors"), used)) static const es_vector vectors[4] = {
    (es_vector)(uintptr_t)&__stack_top,
    Reset_Handler,
    halt,
    halt,
};
