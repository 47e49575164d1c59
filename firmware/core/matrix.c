#include "matrix.h"

#include <stddef.h>

#include "dsp.h"
#include "finish.h"
#include "requantize.h"
#include "steps.h"

RedsMatrix reds_matrix(const int8_t *weights, int32_t rows, int32_t segments, int32_t channels, int32_t width)
{
    RedsMatrix matrix;
    const int whole = width == channels;
    matrix.weights = weights;
    matrix.rows = rows;
    matrix.row_stride = segments * channels;
    matrix.segments = whole ? 1 : segments;
    matrix.segment_stride = whole ? matrix.row_stride : channels;
    matrix.segment_length = whole ? matrix.row_stride : width;
    return matrix;
}

int32_t reds_column_size(int32_t columns, int32_t segments, int32_t channels)
{
    return columns * segments * ((channels + 3) & ~3) * (int32_t)sizeof(int16_t);
}

int reds_matrix_takes_columns(const RedsMatrix *matrix)
{
    return matrix->segment_length >= 4 || matrix->segment_stride >= 4;
}

/* How far back from the last whole four the weights of the remaining elements begin. */
static int32_t step_back(int32_t length)
{
    return length > 4 && length % 4 ? 4 - length % 4 : 0;
}

void reds_widen(const RedsMatrix *matrix, int16_t *column, int32_t columns, int32_t segment, int32_t at, int32_t count,
                const int8_t *from, int32_t offset)
{
    static const uint8_t place[4] = {0, 2, 1, 3};
    const int32_t length = matrix->segment_length;
    const int32_t whole = length & ~3;
    const int32_t end = at + count;
    const uint32_t offsets = ((uint32_t)offset << 16) + ((uint32_t)offset & 0xFFFF);
    column += segment * ((length + 3) & ~3) * columns;
    while (at < end) {
        int16_t *four = column + (at & ~3) * columns;
        if (at % 4 == 0 && at + 4 <= end) {
            const int32_t last = end & ~3;
            for (; from && at < last; at += 4, four += 4 * columns, from += 4) {
                const uint32_t word = reds_load_4(from);
                reds_store_4(four, reds_sxtab16(offsets, word));
                reds_store_4(four + 2, reds_sxtab16_ror8(offsets, word));
            }
            for (; at < last; at += 4, four += 4 * columns) {
                memset(four, 0, 4 * sizeof(*four));
            }
        } else {
            if (at == whole) {
                memset(four, 0, 4 * sizeof(*four));
            }
            four[place[at % 4 + (at >= whole ? step_back(length) : 0)]] = (int16_t)(from ? *from++ + offset : 0);
            at++;
        }
    }
}

/* Walks over a row's segments, four elements at a STEP: STEP reads `row` and `inputs` and moves both on by four
 * elements (of `columns` columns). */
#define FOR_EACH_FOUR(matrix, first_row, first_inputs, columns, STEP)                                     \
    do {                                                                                                  \
        const int32_t length = (matrix)->segment_length;                                                  \
        const int32_t back = step_back(length);                                                           \
        const int8_t *segment_row = (first_row);                                                          \
        const int16_t *inputs = (first_inputs);                                                           \
        for (int32_t segment = 0; segment < (matrix)->segments; segment++) {                              \
            const int8_t *row = segment_row;                                                              \
            const int16_t *unrolled_end = inputs + (length & ~15) * (columns);                            \
            const int16_t *end = inputs + (length & ~3) * (columns);                                      \
            while (inputs != unrolled_end) {                                                              \
                STEP;                                                                                     \
                STEP;                                                                                     \
                STEP;                                                                                     \
                STEP;                                                                                     \
            }                                                                                             \
            while (inputs != end) {                                                                       \
                STEP;                                                                                     \
            }                                                                                             \
            if (length & 3) {                                                                             \
                row -= back;                                                                              \
                STEP;                                                                                     \
            }                                                                                             \
            segment_row += (matrix)->segment_stride;                                                      \
        }                                                                                                 \
    } while (0)

typedef struct Sums {
    int32_t of[4];
} Sums;

static Sums biases_of(const RedsQuantization *quantization, int32_t channel)
{
    Sums sums = {{0, 0, 0, 0}};
    if (quantization->biases) {
        memcpy(&sums, quantization->biases + channel, sizeof(sums));
    }
    return sums;
}

void reds_multiply_column(const RedsMatrix *matrix, const int16_t *column, const RedsQuantization *quantization,
                          int8_t *output)
{
    const int32_t stride = matrix->row_stride;
    const int32_t stride_3 = 3 * stride;
    const int8_t *first_row = matrix->weights;
    int32_t o = 0;
    for (; o + 4 <= matrix->rows; o += 4, first_row += 4 * stride) {
        Sums sums = biases_of(quantization, o);
        FOR_EACH_FOUR(matrix, first_row, column, 1, reds_step_4x1(sums.of, &row, stride, stride_3, &inputs));
        const Sums finished = sums; /* in memory: the products need all registers */
        reds_finish(quantization, o, 4, finished.of, output + o);
    }
    for (; o < matrix->rows; o++, first_row += stride) {
        int32_t sum = reds_bias(quantization, o);
        FOR_EACH_FOUR(matrix, first_row, column, 1, reds_step_1x1(&sum, &row, &inputs));
        const int32_t finished = sum;
        reds_finish(quantization, o, 1, &finished, output + o);
    }
}

void reds_multiply_two_columns(const RedsMatrix *matrix, const int16_t *columns, const RedsQuantization *quantization,
                               int8_t *first_output, int8_t *second_output)
{
    const int32_t stride = matrix->row_stride;
    const int8_t *first_row = matrix->weights;
    int32_t o = 0;
    for (; o + 2 <= matrix->rows; o += 2, first_row += 2 * stride) {
        Sums sums;
        sums.of[0] = sums.of[2] = reds_bias(quantization, o);
        sums.of[1] = sums.of[3] = reds_bias(quantization, o + 1);
        FOR_EACH_FOUR(matrix, first_row, columns, 2, reds_step_2x2(sums.of, &row, stride, &inputs));
        const Sums finished = sums;
        reds_finish(quantization, o, 2, finished.of, first_output + o);
        reds_finish(quantization, o, 2, finished.of + 2, second_output + o);
    }
    if (o < matrix->rows) {
        Sums sums;
        sums.of[0] = sums.of[1] = reds_bias(quantization, o);
        FOR_EACH_FOUR(matrix, first_row, columns, 2, reds_step_1x2(sums.of, &row, &inputs));
        const Sums finished = sums;
        reds_finish(quantization, o, 1, finished.of, first_output + o);
        reds_finish(quantization, o, 1, finished.of + 1, second_output + o);
    }
}
