/* Time per step on a system with a clock: frames of stream.c in, one line of text out.
 *
 * The line: nanoseconds per time step as median, smallest and largest of the batches, then the number
 * of batches and of steps in each. Only the steps are inside the clock, reading and writing are not. */
#define _POSIX_C_SOURCE 200112L

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "es_app_model.h"
#include "es_port.h"

enum { MAX_FRAMES = 256, BATCHES = 31 };

/* Long against the clock's resolution and one call of it, short against a scheduler's time slice. */
static const double MIN_BATCH_NS = 2e6;

static ES_MODEL_STATE state;
static ES_MODEL_INPUT frames[MAX_FRAMES][1 + ES_MODEL_INPUT_COUNT];

static double now_ns(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double batch_ns(unsigned count, unsigned passes)
{
    ES_MODEL_ROOM int16_t y[ES_MODEL_OUTPUT_COUNT];
    const double start = now_ns();
    for (unsigned pass = 0; pass < passes; ++pass) {
        for (unsigned t = 0; t < count; ++t) {
            (void)ES_MODEL_RUN(&state, frames[t] + 1, y);
        }
    }
    return now_ns() - start;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void)
{
    double ns[BATCHES];
    unsigned count = 0;
    unsigned passes = 1;
    while (count < MAX_FRAMES && es_port_read(frames[count], sizeof(frames[count])) == 0) {
        ++count;
    }
    if (count == 0 || ES_MODEL_INIT(&state) != 0) {
        return 1;
    }
    /* Finding the length of a batch warms the caches and the clock speed as well. */
    while (batch_ns(count, passes) < MIN_BATCH_NS) {
        passes *= 2;
    }
    for (unsigned i = 0; i < BATCHES; ++i) {
        ns[i] = batch_ns(count, passes) / ((double)count * passes * ES_MODEL_STEPS);
    }
    qsort(ns, BATCHES, sizeof(ns[0]), ascending);
    (void)printf("%.3f %.3f %.3f %u %u\n", ns[BATCHES / 2], ns[0], ns[BATCHES - 1], (unsigned)BATCHES,
                 count * passes * ES_MODEL_STEPS);
    return 0;
}
