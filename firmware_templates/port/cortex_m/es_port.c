/* Input and output by Arm semihosting: files es_input.bin and es_output.bin of the host.
 * QEMU serves the calls itself; edgeseq's in-process emulator answers the same calls. */
#include "es_port.h"

#include <stdint.h>

enum { SYS_OPEN = 0x01, SYS_WRITE = 0x05, SYS_READ = 0x06 };
enum { MODE_READ_BINARY = 1, MODE_WRITE_BINARY = 5 };

static int32_t semihosting(int32_t operation, const uintptr_t *arguments)
{
    register int32_t r0 __asm__("r0") = operation;
    register const uintptr_t *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static uintptr_t open_file(const char *name, uintptr_t length, uintptr_t mode)
{
    const uintptr_t arguments[3] = {(uintptr_t)name, mode, length};
    return (uintptr_t)semihosting(SYS_OPEN, arguments);
}

int es_port_read(void *data, size_t size)
{
    static uintptr_t handle;
    if (handle == 0) {
        handle = open_file("es_input.bin", 12, MODE_READ_BINARY);
    }
    const uintptr_t arguments[3] = {handle, (uintptr_t)data, size};
    /* SYS_READ answers with the number of bytes it did not read. */
    return semihosting(SYS_READ, arguments) == 0 ? 0 : -1;
}

void es_port_write(const void *data, size_t size)
{
    static uintptr_t handle;
    if (handle == 0) {
        handle = open_file("es_output.bin", 13, MODE_WRITE_BINARY);
    }
    const uintptr_t arguments[3] = {handle, (uintptr_t)data, size};
    (void)semihosting(SYS_WRITE, arguments);
}
