/* Input and output by semihosting, which Arm defined and RISC-V adopted: files es_input.bin and es_output.bin of the
 * host. QEMU serves the calls itself; edgeseq's in-process emulator answers the same calls. */
#include "es_port.h"

#include <stdint.h>

#include "es_semihosting.h"

enum { SYS_OPEN = 0x01, SYS_WRITE = 0x05, SYS_READ = 0x06 };
enum { MODE_READ_BINARY = 1, MODE_WRITE_BINARY = 5 };

typedef struct {
    const char *name;
    uint8_t length, mode, operation;
} es_file;

static const es_file files[2] = {
    {"es_input.bin", 12, MODE_READ_BINARY, SYS_READ},
    {"es_output.bin", 13, MODE_WRITE_BINARY, SYS_WRITE},
};

/* Returns the number of bytes that were not transferred. */
static int32_t transfer(uint8_t index, uintptr_t data, size_t size)
{
    static uintptr_t handles[2];
    const es_file *file = &files[index];
    if (handles[index] == 0) {
        const uintptr_t arguments[3] = {(uintptr_t)file->name, file->mode, file->length};
        handles[index] = (uintptr_t)es_semihosting(SYS_OPEN, (uintptr_t)arguments);
    }
    const uintptr_t arguments[3] = {handles[index], data, size};
    return es_semihosting(file->operation, (uintptr_t)arguments);
}

int es_port_read(void *data, size_t size)
{
    return transfer(0, (uintptr_t)data, size) == 0 ? 0 : -1;
}

void es_port_write(const void *data, size_t size)
{
    (void)transfer(1, (uintptr_t)data, size);
}
