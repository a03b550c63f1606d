/* The two functions of the C library that compilers call by themselves, as small as they get: a library's own are up to
 * ten times as large for speed that a model's step never asks for. */
#include <stddef.h>
#include <string.h>

/* Keeps a compiler from turning the loop back into a call of the function that it is. */
#define ES_KEEP_LOOP __asm__ volatile("")

void *memset(void *target, int value, size_t size)
{
    unsigned char *to = target;
    for (; size != 0; --size) {
        *to++ = (unsigned char)value;
        ES_KEEP_LOOP;
    }
    return target;
}

void *memcpy(void *target, const void *source, size_t size)
{
    unsigned char *to = target;
    const unsigned char *from = source;
    for (; size != 0; --size) {
        *to++ = *from++;
        ES_KEEP_LOOP;
    }
    return target;
}
