#include "es_isa.h"

#define ES_BLOCKS es_blocks_18
#define SATURATE 0
#define SHIFT 18
#include "es_blocks_avr.h"
