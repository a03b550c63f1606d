#include "es_isa.h"
#include "es_rows_dsp.h"

ES_ROWS_PARTS(es_rows_parts_z16_z8, Z16, Z8)
