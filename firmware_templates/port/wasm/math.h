/* For compilers that bring no C library: what the float helpers use of math.h. */
#ifndef ES_WASM_MATH_H
#define ES_WASM_MATH_H

float expf(float x);

#endif
