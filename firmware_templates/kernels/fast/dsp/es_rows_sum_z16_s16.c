#include "es_isa.h"
#include "es_rows_dsp.h"

ES_ROWS_SUM(es_rows_sum_z16_s16, Z16, S16)
