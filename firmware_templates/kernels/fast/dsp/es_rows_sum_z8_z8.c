#include "es_isa.h"
#include "es_rows_dsp.h"

ES_ROWS_SUM(es_rows_sum_z8_z8, Z8, Z8)
