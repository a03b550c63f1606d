#include "es_isa.h"
#include "es_rows_dsp.h"

ES_ROWS_PARTS(es_rows_parts_s8_z8, S8, Z8)
