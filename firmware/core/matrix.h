/* Weights as a matrix of which the first rows, and of each row the first elements of each segment, count. */
#ifndef REDS_MATRIX_H
#define REDS_MATRIX_H

#include <stdint.h>

#include "quantization.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct RedsMatrix {
    const int8_t *weights;
    int32_t rows;           /* that count */
    int32_t row_stride;     /* bytes from one row to the next */
    int32_t segments;       /* of a row */
    int32_t segment_stride; /* bytes from one segment to the next */
    int32_t segment_length; /* elements of a segment that count */
} RedsMatrix;

/* The first `rows` rows with the first `width` of `channels` elements of each segment. Where all elements count, a row
 * is a single segment. */
RedsMatrix reds_matrix(const int8_t *weights, int32_t rows, int32_t segments, int32_t channels, int32_t width);

/* A *column* is what a row is multiplied with: the inputs of one output position, input offset added, as 16-bit
 * numbers in the order in which the DSP instructions unpack four weights: 0, 2, 1, 3. Segments begin at multiples of
 * four. The elements that a segment has beyond a multiple of four lie at the end of a further four, so that the
 * weights for them are read from within the segment too: of 6 elements 0 to 5, as 0 2 1 3, - 4 - 5, where - is 0.
 * Two columns lie interleaved, four by four. */

/* Bytes of `columns` columns, for any width up to `channels`. */
int32_t reds_column_size(int32_t columns, int32_t segments, int32_t channels);

/* Whether the matrix can be read four weights at a time without leaving it. */
int reds_matrix_takes_columns(const RedsMatrix *matrix);

/* Writes elements `at` to `at + count - 1` of a segment (from 0) to a column; `from` NULL: as many zeros. Elements must
 * come in order and none be left out. `column` is the first of two (columns = 2) or alone (1), of segment `segment`. */
void reds_widen(const RedsMatrix *matrix, int16_t *column, int32_t columns, int32_t segment, int32_t at, int32_t count,
                const int8_t *from, int32_t offset);

/* Outputs of one column, or of two. */
void reds_multiply_column(const RedsMatrix *matrix, const int16_t *column, const RedsQuantization *quantization,
                          int8_t *output);
void reds_multiply_two_columns(const RedsMatrix *matrix, const int16_t *columns, const RedsQuantization *quantization,
                               int8_t *first_output, int8_t *second_output);

#ifdef __cplusplus
}
#endif

#endif
