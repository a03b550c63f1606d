/* End of the program, as semihosting knows it. */
#include "es_exit.h"

#include "es_semihosting.h"

enum { SYS_EXIT = 0x18, ADP_STOPPED_APPLICATION_EXIT = 0x20026 };

void es_exit(void)
{
    (void)es_semihosting(SYS_EXIT, ADP_STOPPED_APPLICATION_EXIT);
}
