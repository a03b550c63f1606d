/* For compilers that bring no C library: what the generated code uses of string.h. */
#ifndef ES_FREESTANDING_STRING_H
#define ES_FREESTANDING_STRING_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);

#endif
