/* The first of two factors of a matrix. Defined before: ES_PROJECT, the function's name, and ES_X and ES_INPUT_ROW of
 * es_step.h. No include guard. */
#include "es_step.h"

/* x: (columns,); y: (rows,), the rows shifted left. */
static void ES_PROJECT(const ES_FLASH es_matrix *matrix, const ES_X *x, uint16_t columns, int16_t *y, uint16_t rows,
                       uint8_t shift)
{
    for (uint16_t row = 0; row < rows; ++row) {
        y[row] = (int16_t)es_raise(ES_INPUT_ROW(matrix, row, matrix->bias[row], x, columns), shift);
    }
}
