#include "es_isa.h"
#include "es_rows_dsp.h"

ES_ROWS_SUM(es_rows_sum_s16_s16_w4, S16_W4, S16_W4)
