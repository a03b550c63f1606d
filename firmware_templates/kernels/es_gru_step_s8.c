#define ES_STEP es_gru_step_s8
#define ES_X int8_t
#define ES_INPUT_ROW es_input_row_s8
#include "es_gru_step.h"
