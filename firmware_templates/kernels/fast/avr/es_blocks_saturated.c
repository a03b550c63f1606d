#include "es_isa.h"

#define ES_BLOCKS es_blocks_saturated
#define SATURATE 1
#define SHIFT 0
#include "es_blocks_avr.h"
