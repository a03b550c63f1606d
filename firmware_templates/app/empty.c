/* The baseline that stream.c is measured against: the same loop without a model. */
#include <stdint.h>

#include "es_exit.h"
#include "es_port.h"

int main(void)
{
    int8_t frame[2];
    while (es_port_read(frame, sizeof(frame)) == 0) {
        es_port_write(frame, sizeof(frame));
    }
    es_exit();
    return 0;
}
