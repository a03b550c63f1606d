/* For the portable step of every cell, es_*_step.h.
 *
 * The exporter includes a step once for each combination of types in a model, after defining:
 *   ES_STEP                      name of the function
 *   ES_X                         type of x: int8_t or int16_t
 *   ES_H                         type of the state as the products read it: int8_t or int16_t
 *   ES_VIEW                      makes that view of one value: es_narrow or es_halve
 *   ES_VIEWS                     the same of a vector: es_narrow_s8 or es_halve_s16
 *   ES_INPUT_ROW, ES_STATE_ROW   one row of either matrix, from es_matrix_row.h */
#ifndef ES_STEP_H
#define ES_STEP_H

#include "es_matrix_row.h"

#endif
