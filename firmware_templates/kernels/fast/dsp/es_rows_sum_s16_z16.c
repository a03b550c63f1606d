#include "es_isa.h"
#include "es_rows_dsp.h"

ES_ROWS_SUM(es_rows_sum_s16_z16, S16, Z16)
