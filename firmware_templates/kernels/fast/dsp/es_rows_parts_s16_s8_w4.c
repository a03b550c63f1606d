#include "es_isa.h"
#include "es_rows_dsp.h"

ES_ROWS_PARTS(es_rows_parts_s16_s8_w4, S16_W4, S8_W4)
