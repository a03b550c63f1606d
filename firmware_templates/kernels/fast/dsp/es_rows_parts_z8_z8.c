#include "es_isa.h"
#include "es_rows_dsp.h"

ES_ROWS_PARTS(es_rows_parts_z8_z8, Z8, Z8)
