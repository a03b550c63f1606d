/* Input and output through the general-purpose I/O registers, which have no function of their own:
 * GPIOR1 says whether an input byte is left, GPIOR0 is the next one when read and an output byte when written.
 * On a device, replace both functions, e.g. by the UART's. */
#include "es_port.h"

#include <avr/io.h>

int es_port_read(void *data, size_t size)
{
    uint8_t *bytes = data;
    for (size_t i = 0; i < size; ++i) {
        if (GPIOR1 == 0) {
            return -1;
        }
        bytes[i] = GPIOR0;
    }
    return 0;
}

void es_port_write(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; ++i) {
        GPIOR0 = bytes[i];
    }
}
