/* Types shared by all kernels: status codes and layer parameters.
 * Parameter structs are constant data that the exporter prints; kernels never write to them. */
#ifndef ES_TYPES_H
#define ES_TYPES_H

#include <stdint.h>

/* Constant data that a Harvard core must be told to leave in flash; on every other core it lies there anyway. */
#ifdef __FLASH
#define ES_FLASH __flash
#else
#define ES_FLASH
#endif

/* Before a loop whose rounds a layer's sizes give. Clang, which knows them, would unroll short ones: up to 1,250 B
 * more for up to 3.5 % fewer instructions, and a code size that only compiling tells. GCC unrolls less, and gains
 * more. */
#ifdef __clang__
#define ES_ROLLED _Pragma("clang loop unroll(disable)")
#else
#define ES_ROLLED
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    ES_OK = 0,
    ES_ERROR_NULL = -1, /* a pointer argument is NULL */
    ES_ERROR_STEPS = -2 /* a window of zero steps has no result */
} es_status;

/* One matrix. Accumulator: 2 * sum(w * x) + bias, bias odd; of a Dense layer's int16 input: sum(w * x) + bias.
 * Result: saturate_s16((acc * multiplier + 2^(shift-1)) >> shift). */
typedef struct {
    const ES_FLASH int8_t *weight;      /* rows in the order of the kernel that reads it, one or two weights a byte */
    const ES_FLASH int32_t *bias;       /* one per row; recurrent: one per unit for the GRU's candidate, or NULL */
    const ES_FLASH int16_t *multiplier; /* one per row, 1..32767 */
    uint8_t shift;                      /* 16..32 */
} es_matrix;

/* Rows of both matrices: unit by unit, then z, r, candidate. */
typedef struct {
    es_matrix input;
    es_matrix recurrent;
    uint16_t inputs;             /* features of x */
    uint16_t units;              /* hidden size */
    uint8_t preactivation_shift; /* table argument = pre-activation << this */
} es_gru_params;

/* Rows of both matrices: unit by unit, then input, forget, candidate, output gate. */
typedef struct {
    es_matrix input;
    es_matrix recurrent;
    uint16_t inputs;
    uint16_t units;
    uint8_t preactivation_shift;
    uint8_t cell_shift; /* the cell state is in steps of 2^(cell_shift-15) */
} es_lstm_params;

typedef struct {
    es_matrix input;
    es_matrix recurrent;
    uint16_t inputs;
    uint16_t units;
    uint8_t preactivation_shift;
} es_simple_rnn_params;

/* Rows of both matrices: unit by unit, then f, candidate. */
typedef struct {
    es_matrix input;
    es_matrix recurrent;
    uint16_t inputs;
    uint16_t units;
    uint8_t preactivation_shift;
} es_mgu_params;

/* Rows: unit by unit, then z, candidate. */
typedef struct {
    es_matrix input;
    uint16_t inputs;
    uint16_t units;
    uint8_t preactivation_shift;
    uint8_t candidate_shift; /* candidates are in steps of 2^this times the state's */
} es_min_gru_params;

/* One row per unit. The matrices may be second factors: inputs and states are the values that they read. */
typedef struct {
    es_matrix input;
    es_matrix recurrent;
    const ES_FLASH int16_t *candidate_bias; /* added to the sum before tanh */
    uint16_t inputs;
    uint16_t states;
    uint16_t units;
    int16_t zeta; /* in steps of 2^-15, as nu */
    int16_t nu;
    uint8_t preactivation_shift;
    uint8_t state_shift; /* the hidden state is in steps of 2^(state_shift-15) */
} es_fast_grnn_params;

typedef enum {
    ES_ACTIVATION_LINEAR = 0,
    ES_ACTIVATION_RELU = 1,
    ES_ACTIVATION_SIGMOID = 2,
    ES_ACTIVATION_TANH = 3,
    ES_ACTIVATION_HARD_SIGMOID = 4
} es_activation;

typedef struct {
    es_matrix matrix;
    uint16_t inputs;
    uint16_t units;
    uint8_t activation;          /* es_activation */
    uint8_t preactivation_shift; /* for sigmoid, tanh and hard_sigmoid */
} es_dense_params;

/* Every channel by itself: row channel * multiplier + j of taps weights. */
typedef struct {
    es_matrix matrix;
    uint16_t channels;   /* values of one tap */
    uint16_t taps;       /* columns of the matrix */
    uint16_t multiplier; /* outputs of one channel */
} es_depthwise_params;

#ifdef __cplusplus
}
#endif

#endif
