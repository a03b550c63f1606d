/* Start of a RISC-V image: the first instruction, then memory as C expects it. */
#include <stdint.h>

extern uint32_t __data_start, __data_end, __data_load, __bss_start, __bss_end;

int main(void);
void es_start(void);

/* No C before the stack pointer is set; .vectors puts this at the address where the core starts. */
__attribute__((naked, section(".vectors"), used)) void _start(void)
{
    __asm__ volatile("la sp, __stack_top\n\t"
                     "j es_start");
}

__attribute__((used)) void es_start(void)
{
    const uint32_t *from = &__data_load;
    for (uint32_t *to = &__data_start; to < &__data_end; ++to) {
        *to = *from++;
    }
    for (uint32_t *to = &__bss_start; to < &__bss_end; ++to) {
        *to = 0;
    }
    (void)main();
    for (;;) {
    }
}
