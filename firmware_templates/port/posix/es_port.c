/* Input from stdin, output to stdout, for every system with POSIX read and write. */
#define _POSIX_C_SOURCE 200112L

#include "es_port.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int es_port_read(void *data, size_t size)
{
    char *to = data;
    while (size > 0) {
        const ssize_t got = read(STDIN_FILENO, to, size);
        if (got > 0) {
            to += got;
            size -= (size_t)got;
        } else if (got == 0) {
            return -1;
        } else if (errno != EINTR) {
            exit(1);
        }
    }
    return 0;
}

void es_port_write(const void *data, size_t size)
{
    const char *from = data;
    while (size > 0) {
        const ssize_t written = write(STDOUT_FILENO, from, size);
        if (written >= 0) {
            from += written;
            size -= (size_t)written;
        } else if (errno != EINTR) {
            /* A reader that went away must not look like a short but complete run. */
            exit(1);
        }
    }
}
