/* What an application needs from a platform. A port is this header and one folder. */
#ifndef ES_PORT_H
#define ES_PORT_H

#include <stddef.h>

/* Read exactly size bytes of the input stream. Returns 0, or -1 at its end. */
int es_port_read(void *data, size_t size);

/* Append size bytes to the output stream. */
void es_port_write(const void *data, size_t size);

#endif
