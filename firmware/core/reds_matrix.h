/* Weights as a matrix of which the first rows, and of each row the first elements of each segment, count. */
#ifndef REDS_MATRIX_H
#define REDS_MATRIX_H

#include <stdint.h>

#include "reds_finish.h"

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
    int32_t fours;          /* elements that are read four by four: the length, rounded up if it then lies within */
    int32_t back;           /* else rounded down, and the rest is read in a last four, so many bytes back; 0: no rest */
    int32_t gap;            /* bytes from what is read of a segment to the next segment */
} RedsMatrix;

/* The first `rows` rows with the first `width` of `channels` elements of each segment. Where all elements count, a row
 * is a single segment. */
RedsMatrix reds_matrix(const int8_t *weights, int32_t rows, int32_t segments, int32_t channels, int32_t width);

/* Whether the matrix can be read four weights at a time without leaving it. */
int reds_matrix_takes_columns(const RedsMatrix *matrix);

/* A column is what a row is multiplied with: the inputs of one output position, input offset added, as 16-bit numbers
 * in the order in which the DSP instructions unpack four weights: 0, 2, 1, 3. Segments begin at multiples of four and
 * are filled up with zeros. Weights are read four at a time too: those beyond a segment's last element meet zeros.
 * Where they would lie beyond the whole segment (and perhaps the model), the last four weights are read again and the
 * zeros come first: of 6 elements 0 to 5, as 0 2 1 3, - 4 - 5. Four columns lie interleaved, four by four. */
typedef struct RedsColumn {
    int16_t *four;    /* that is written next */
    int32_t step;     /* from four to four */
    uint32_t offsets; /* the input offset, twice */
    int32_t length;   /* of a segment */
    int32_t written;  /* elements of the present segment */
    int32_t back;     /* by how many weights the last four are read again */
} RedsColumn;

/* How many columns are multiplied at once, where there are so many in all: 4, or 1. The last four may overlap the four
 * before, and give the same outputs again. */
int32_t reds_columns_at_once(int32_t all);

/* Bytes of `columns` columns, for any width up to `channels`. */
int32_t reds_column_size(int32_t columns, int32_t segments, int32_t channels);

/* A column alone (columns = 1), or column `index` of four (columns = 4), in `memory`, which is aligned to 4. */
RedsColumn reds_column_begin(const RedsMatrix *matrix, const RedsChannels *channels, int16_t *memory, int32_t columns,
                             int32_t index);

/* The next elements of the column: `runs` times `length` of them, each run in a segment, the first at `from` and each
 * `stride` bytes from the one before; `from` NULL: as many zeros. */
void reds_column_append(RedsColumn *column, const int8_t *from, int32_t length, int32_t runs, int32_t stride);

/* Outputs of one column or of four, `stride` bytes from those of one to those of the next. */
void reds_multiply_columns(const RedsMatrix *matrix, const int16_t *memory, int32_t columns,
                           const RedsChannels *channels, int8_t *output, int32_t stride);

#ifdef __cplusplus
}
#endif

#endif
