#include "es_isa.h"
#include "es_rows_dsp.h"

ES_ROWS_PARTS(es_rows_parts_s16_z16, S16, Z16)
