/* The measured firmware: frames in, outputs out, state kept between them.
 *
 * The build defines ES_MODEL_HEADER and the ES_MODEL_... names for one model, so this file is the
 * same for all. A frame is one flag, as wide as an input code (bit 0: reset the stream first), and one time step;
 * of a model that maps whole windows, all steps of one. */
#include <stdint.h>

#include "es_app_model.h"
#include "es_exit.h"
#include "es_port.h"

static ES_MODEL_STATE state;

int main(void)
{
    ES_MODEL_ROOM ES_MODEL_INPUT frame[1 + ES_MODEL_INPUT_COUNT];
    ES_MODEL_ROOM int16_t y[ES_MODEL_OUTPUT_COUNT];
    (void)ES_MODEL_INIT(&state);
    while (es_port_read(frame, sizeof(frame)) == 0) {
#ifdef ES_MODEL_RESET
        if ((frame[0] & 1) != 0) {
            (void)ES_MODEL_RESET(&state);
        }
#endif
        (void)ES_MODEL_RUN(&state, frame + 1, y);
        es_port_write(y, sizeof(y));
#if defined(ES_APP_WRITES_STATE) && defined(ES_MODEL_CARRIES)
        es_port_write(&state.carry, sizeof(state.carry));
#endif
    }
    es_exit();
    return 0;
}
