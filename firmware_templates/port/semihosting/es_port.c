/* Input and output by semihosting, which Arm defined and RISC-V adopted: files es_input.bin and es_output.bin of the
 * host. QEMU serves the calls itself; edgeseq's in-process emulator answers the same calls. */
#include "es_port.h"

#include <stdint.h>

#include "es_semihosting.h"

enum { SYS_OPEN = 0x01, SYS_WRITE = 0x05, SYS_READ = 0x06 };
enum { MODE_READ_BINARY = 1, MODE_WRITE_BINARY = 5 };

static uintptr_t open_file(const char *name, uintptr_t length, uintptr_t mode)
{
    const uintptr_t arguments[3] = {(uintptr_t)name, mode, length};
    return (uintptr_t)es_semihosting(SYS_OPEN, (uintptr_t)arguments);
}

int es_port_read(void *data, size_t size)
{
    static uintptr_t handle;
    if (handle == 0) {
        handle = open_file("es_input.bin", 12, MODE_READ_BINARY);
    }
    const uintptr_t arguments[3] = {handle, (uintptr_t)data, size};
    /* SYS_READ answers with the number of bytes it did not read. */
    return es_semihosting(SYS_READ, (uintptr_t)arguments) == 0 ? 0 : -1;
}

void es_port_write(const void *data, size_t size)
{
    static uintptr_t handle;
    if (handle == 0) {
        handle = open_file("es_output.bin", 13, MODE_WRITE_BINARY);
    }
    const uintptr_t arguments[3] = {handle, (uintptr_t)data, size};
    (void)es_semihosting(SYS_WRITE, (uintptr_t)arguments);
}
