/* Runs an AVR flash image in simavr: stdin feeds the port's input, stdout takes its output.
 *
 * Usage: simavr_driver MCU FLASH_IMAGE STATIC_END STEP_ADDRESS SKIP
 *
 * STATIC_END: first SRAM address above static data. STEP_ADDRESS: byte address of the function whose calls are
 * counted, or -1; SKIP: calls to leave out first. Last line of stderr: stack bytes, counted calls, their
 * instructions, their cycles. Exit status 0 means that the program ended by itself. */
#include <stdio.h>
#include <stdlib.h>

#include <sim_avr.h>
#include <sim_core.h>
#include <sim_io.h>

enum { GPIOR0 = 0x3E, GPIOR1 = 0x4A, GPIOR2 = 0x4B, SP_LOW = 0x5D, SP_HIGH = 0x5E, SRAM_START = 0x100, PAINT = 0xA5 };

static int next_byte = EOF;
static int ended;

static uint8_t read_left(struct avr_t *avr, avr_io_addr_t address, void *parameter)
{
    (void)avr, (void)address, (void)parameter;
    return next_byte != EOF;
}

static uint8_t read_input(struct avr_t *avr, avr_io_addr_t address, void *parameter)
{
    (void)avr, (void)address, (void)parameter;
    const uint8_t byte = (uint8_t)next_byte;
    next_byte = getchar();
    return byte;
}

static void write_output(struct avr_t *avr, avr_io_addr_t address, uint8_t value, void *parameter)
{
    (void)avr, (void)address, (void)parameter;
    putchar(value);
}

static void write_end(struct avr_t *avr, avr_io_addr_t address, uint8_t value, void *parameter)
{
    (void)avr, (void)address, (void)value, (void)parameter;
    ended = 1;
}

static void log_nothing(avr_t *avr, const int level, const char *format, va_list arguments)
{
    if (level <= LOG_ERROR) {
        vfprintf(stderr, format, arguments);
    }
    (void)avr;
}

static unsigned stack_pointer(const avr_t *avr)
{
    return avr->data[SP_LOW] | (unsigned)avr->data[SP_HIGH] << 8;
}

int main(int count, char **words)
{
    if (count != 6) {
        fprintf(stderr, "five arguments wanted\n");
        return 2;
    }
    avr_global_logger_set(log_nothing);
    avr_t *avr = avr_make_mcu_by_name(words[1]);
    if (avr == NULL) {
        fprintf(stderr, "simavr knows no %s\n", words[1]);
        return 2;
    }
    avr_init(avr);
    avr->frequency = 16000000;
    FILE *image = fopen(words[2], "rb");
    if (image == NULL || fread(avr->flash, avr->flashend + 1, 1, image) != 1) {
        fprintf(stderr, "%s does not fill the flash\n", words[2]);
        return 2;
    }
    fclose(image);
    avr->codeend = avr->flashend;
    const unsigned static_end = (unsigned)atoi(words[3]);
    const long step = atol(words[4]), skip = atol(words[5]);
    const unsigned stack_top = avr->ramend + 1u;
    for (unsigned at = SRAM_START; at < stack_top; ++at) {
        avr->data[at] = PAINT;
    }
    avr_register_io_read(avr, GPIOR1, read_left, NULL);
    avr_register_io_read(avr, GPIOR0, read_input, NULL);
    avr_register_io_write(avr, GPIOR0, write_output, NULL);
    avr_register_io_write(avr, GPIOR2, write_end, NULL);
    next_byte = getchar();

    /* One instruction per call, so that each can be counted; simavr would else run on to its next timer. */
    avr->run_cycle_limit = 1;
    avr->run_cycle_count = 1;
    long calls = 0;
    unsigned long long instructions = 0, cycles = 0, first_cycle = 0;
    long return_address = -1;
    unsigned return_stack = 0;
    while (!ended) {
        if (step >= 0) {
            if (return_address < 0 && (long)avr->pc == step) {
                /* The return address lies above the stack pointer, high byte first, in words. */
                const uint8_t *top = avr->data + stack_pointer(avr);
                return_address = (long)(top[1] << 8 | top[2]) * 2;
                return_stack = stack_pointer(avr) + 2;
                first_cycle = avr->cycle;
                ++calls;
            } else if ((long)avr->pc == return_address && stack_pointer(avr) == return_stack) {
                return_address = -1;
                cycles += calls > skip ? avr->cycle - first_cycle : 0;
            }
            instructions += return_address >= 0 && calls > skip;
        }
        const int state = avr_run(avr);
        if (state == cpu_Done || state == cpu_Crashed) {
            fprintf(stderr, "the image stopped at %#lx\n", (unsigned long)avr->pc);
            return 1;
        }
    }
    unsigned lowest = static_end;
    while (lowest < stack_top && avr->data[lowest] == PAINT) {
        ++lowest;
    }
    if (lowest == static_end) {
        fprintf(stderr, "the stack reached static data: the image does not fit %u B of RAM\n", stack_top - SRAM_START);
        return 1;
    }
    fflush(stdout);
    fprintf(stderr, "%u %ld %llu %llu\n", stack_top - lowest, calls > skip ? calls - skip : 0, instructions, cycles);
    return 0;
}
