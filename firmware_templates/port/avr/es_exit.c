/* End of the program: the emulator stops at a write to GPIOR2; on a device it is one more spare register. */
#include "es_exit.h"

#include <avr/io.h>

void es_exit(void)
{
    GPIOR2 = 1;
    for (;;) {
    }
}
