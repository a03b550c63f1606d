#include "es_isa.h"

#define ES_ROWS es_rows_saturated
#define SATURATE 1
#include "es_rows_avr.h"
