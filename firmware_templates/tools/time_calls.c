/* Calls a model's step, or its window function, in a loop of C, so that no other language is in the time of a call. */
#include <stddef.h>
#include <stdint.h>

#include "es_app_model.h"

int edgeseq_prepare(void);
int edgeseq_call(const ES_MODEL_INPUT *frames, size_t count, size_t calls, int16_t *y);

static ES_MODEL_STATE state;

int edgeseq_prepare(void)
{
    return (int)ES_MODEL_INIT(&state);
}

/* frames: (count, ES_MODEL_INPUT_COUNT), taken in turn; y: room for the outputs of one call. */
int edgeseq_call(const ES_MODEL_INPUT *frames, size_t count, size_t calls, int16_t *y)
{
    int status = 0;
    for (size_t call = 0; call < calls; ++call) {
        status |= (int)ES_MODEL_RUN(&state, frames + call % count * ES_MODEL_INPUT_COUNT, y);
    }
    return status;
}
