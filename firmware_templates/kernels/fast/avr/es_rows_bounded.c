#include "es_isa.h"

#define ES_ROWS es_rows_bounded
#define SATURATE 0
#include "es_rows_avr.h"
