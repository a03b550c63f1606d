#include "es_isa.h"
#include "es_rows_dsp.h"

ES_ROWS_PARTS(es_rows_parts_z8_s16, Z8, S16)
