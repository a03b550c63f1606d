#define ES_STEP es_simple_rnn_step_s16
#define ES_X int16_t
#define ES_INPUT_ROW es_input_row_s16
#include "es_simple_rnn_step.h"
