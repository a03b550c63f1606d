#include "es_isa.h"
#include "es_rows_dsp.h"

ES_ROWS_PARTS(es_rows_parts_s8_s16_w4, S8_W4, S16_W4)
