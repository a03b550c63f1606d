#include "es_isa.h"
#include "es_rows_dsp.h"

ES_ROWS_SUM(es_rows_sum_s8_z8, S8, Z8)
