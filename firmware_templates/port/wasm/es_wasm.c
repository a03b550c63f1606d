/* What a page calls: one stream, its buffers in the module's memory. edgeseq.mjs wraps it.
 * The module imports nothing and never allocates; a second stream is a second instance.
 * A model that maps whole windows takes all time steps of one where a stream takes one step. */
#include <stdint.h>

#include "es_app_model.h"

#define ES_EXPORT(name) __attribute__((export_name(name)))

static ES_MODEL_STATE state;
static ES_MODEL_INPUT x[ES_MODEL_INPUT_COUNT];
static int16_t y[ES_MODEL_OUTPUT_COUNT];
static float raw[ES_MODEL_INPUT_COUNT];
static float real[ES_MODEL_OUTPUT_COUNT];

/* Sizes of a time step in values, time steps of input and output, and the bytes of one input code. */
ES_EXPORT("es_input_size") int es_wasm_input_size(void)
{
    return ES_MODEL_INPUT_SIZE;
}

ES_EXPORT("es_output_size") int es_wasm_output_size(void)
{
    return ES_MODEL_OUTPUT_SIZE;
}

ES_EXPORT("es_steps") int es_wasm_steps(void)
{
    return ES_MODEL_STEPS;
}

ES_EXPORT("es_output_steps") int es_wasm_output_steps(void)
{
    return ES_MODEL_OUTPUT_STEPS;
}

ES_EXPORT("es_input_bytes") int es_wasm_input_bytes(void)
{
    return (int)sizeof(x[0]);
}

ES_EXPORT("es_carry_bytes") int es_wasm_carry_bytes(void)
{
#ifdef ES_MODEL_CARRIES
    return (int)sizeof(state.carry);
#else
    return 0;
#endif
}

/* Where the buffers lie. */
ES_EXPORT("es_input") ES_MODEL_INPUT *es_wasm_input(void)
{
    return x;
}

ES_EXPORT("es_output") int16_t *es_wasm_output(void)
{
    return y;
}

ES_EXPORT("es_carry") void *es_wasm_carry(void)
{
#ifdef ES_MODEL_CARRIES
    return &state.carry;
#else
    return &state;
#endif
}

ES_EXPORT("es_raw") float *es_wasm_raw(void)
{
    return raw;
}

ES_EXPORT("es_real") float *es_wasm_real(void)
{
    return real;
}

ES_EXPORT("es_init") int es_wasm_init(void)
{
    return (int)ES_MODEL_INIT(&state);
}

ES_EXPORT("es_reset") int es_wasm_reset(void)
{
#ifdef ES_MODEL_RESET
    return (int)ES_MODEL_RESET(&state);
#else
    return (int)ES_MODEL_INIT(&state);
#endif
}

/* Codes in es_input, codes to es_output. */
ES_EXPORT("es_step") int es_wasm_step(void)
{
    return (int)ES_MODEL_RUN(&state, x, y);
}

/* Raw values in es_raw, real values or probabilities to es_real. */
ES_EXPORT("es_step_raw") int es_wasm_step_raw(void)
{
    for (int t = 0; t < ES_MODEL_STEPS; ++t) {
        ES_MODEL_QUANTIZE_INPUT(raw + t * ES_MODEL_INPUT_SIZE, x + t * ES_MODEL_INPUT_SIZE);
    }
    const int status = (int)ES_MODEL_RUN(&state, x, y);
    for (int t = 0; t < ES_MODEL_OUTPUT_STEPS; ++t) {
        ES_MODEL_DEQUANTIZE_OUTPUT(y + t * ES_MODEL_OUTPUT_SIZE, real + t * ES_MODEL_OUTPUT_SIZE);
    }
    return status;
}
