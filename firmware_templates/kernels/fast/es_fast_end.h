/* Closes a layer's template: the next layer defines its own. No include guard: each template includes it once. */
#undef ES_LAYER
#undef ES_INPUTS
#undef ES_UNITS
#undef ES_WIDE
#undef ES_VIEW_STATE
#undef ES_WIDE_STATE
#undef ES_WEIGHT_BITS
#undef ES_BOUNDED
#undef ES_SPARSE_INPUT
#undef ES_SPARSE_STATE
#undef ES_INPUT_SHIFT
#undef ES_STATE_SHIFT
#undef ES_PREACTIVATION_SHIFT
#undef ES_CELL_SHIFT
