/* Leave the program; a device without an operating system may ignore it. */
#ifndef ES_EXIT_H
#define ES_EXIT_H

void es_exit(void);

#endif
