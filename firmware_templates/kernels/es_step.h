/* For the portable step of every cell, es_*_step.h.
 *
 * The exporter includes a step once for each combination of types in a model, after defining:
 *   ES_STEP                      name of the function
 *   ES_X                         type of x: int8_t or int16_t
 *   ES_H                         type of the state as the products read it: int8_t or int16_t
 *   ES_VIEW                      makes that view of one value: es_narrow or es_halve
 *   ES_VIEWS                     the same of a vector: es_narrow_s8 or es_halve_s16
 *   ES_INPUT_ROW, ES_STATE_ROW   one row of either matrix, from es_matrix_row.h
 * and what the cell has of these:
 *   ES_GATE, ES_CANDIDATE        functions of a sum: es_apply_* of es_functions.h
 *   ES_PRODUCT_SHIFT             of a gate's product with a tensor that keeps its steps: 15 for gates in steps of 2^-15
 *   ES_TO_STATE                  brings a candidate to the state's steps: es_to_state if bounded, else es_raise
 *   ES_CANDIDATE_SHIFT           by how much
 *   ES_CELL                      function of an LSTM's cell: es_cell_* of es_functions.h
 *   ES_ADDED_SHIFT               of input gate times candidate, into the cell's steps
 *   ES_HIDDEN_SHIFT              of output gate times the function of the cell, into the state's steps */
#ifndef ES_STEP_H
#define ES_STEP_H

#include "es_functions.h"
#include "es_matrix_row.h"

#endif
