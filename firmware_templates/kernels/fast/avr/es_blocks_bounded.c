#include "es_isa.h"

#define ES_BLOCKS es_blocks_bounded
#define SATURATE 0
#define SHIFT 0
#include "es_blocks_avr.h"
