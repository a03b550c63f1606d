#define ES_STEP es_simple_rnn_step_s8
#define ES_X int8_t
#define ES_INPUT_ROW es_input_row_s8
#include "es_simple_rnn_step.h"
