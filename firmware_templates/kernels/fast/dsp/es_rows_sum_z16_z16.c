#include "es_isa.h"
#include "es_rows_dsp.h"

ES_ROWS_SUM(es_rows_sum_z16_z16, Z16, Z16)
