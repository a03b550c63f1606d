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

void Reset_Handler(void)
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

/* The first word is the initial stack pointer; the cast is what the architecture asks for. */
__attribute__((section(".vectors"), used)) static const es_vector vectors[16] = {
    (es_vector)(uintptr_t)&__stack_top,
    Reset_Handler,
    halt,
    halt,
};
