/* End of a process. */
#include "es_exit.h"

#include <stdlib.h>

void es_exit(void)
{
    exit(0);
}
