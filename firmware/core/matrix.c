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

static int32_t round_up_4(int32_t count)
{
    return (count + 3) & ~3;
}

int32_t reds_column_size(int32_t columns, int32_t segments, int32_t channels)
{
    return columns * segments * round_up_4(channels) * (int32_t)sizeof(int16_t);
}

int reds_matrix_takes_columns(const RedsMatrix *matrix)
{
    return matrix->segment_length >= 4 || matrix->segment_stride >= 4;
}

/* How far back from the last whole four the weights of a segment's remaining elements begin: 0 if nothing remains, or
 * if the four from there on lie in the segment all the same. */
static int32_t step_back(const RedsMatrix *matrix)
{
    const int32_t length = matrix->segment_length;
    return round_up_4(length) <= matrix->segment_stride ? 0 : 4 - length % 4;
}

RedsColumn reds_column_begin(const RedsMatrix *matrix, int16_t *memory, int32_t columns, int32_t index, int32_t offset)
{
    RedsColumn column;
    column.four = memory + 4 * index;
    column.step = 4 * columns;
    column.offsets = ((uint32_t)offset << 16) + ((uint32_t)offset & 0xFFFF);
    column.length = matrix->segment_length;
    column.written = 0;
    column.back = step_back(matrix);
    return column;
}

REDS_INLINE void store_four(int16_t *four, uint32_t even, uint32_t odd)
{
    reds_store_4(four, even);
    reds_store_4(four + 2, odd);
}

/* Elements that do not come in whole fours. */
REDS_APART void append_singly(RedsColumn *column, const int8_t *from, int32_t count)
{
    static const uint8_t place[4] = {0, 2, 1, 3};
    const int16_t offset = (int16_t)(column->offsets & 0xFFFF);
    for (int32_t i = 0; i < count; i++) {
        const int last_four = column->written >= (column->length & ~3);
        if (column->written % 4 == 0) {
            store_four(column->four, 0, 0);
        }
        column->four[place[column->written % 4 + (last_four ? column->back : 0)]] =
            (int16_t)(from ? from[i] + offset : 0);
        column->written++;
        if (column->written % 4 == 0) {
            column->four += column->step;
        }
    }
}

static void end_segment(RedsColumn *column)
{
    if (column->written == column->length) {
        column->written = 0;
        column->four += column->length % 4 ? column->step : 0;
    }
}

static void append_zeros(RedsColumn *column, int32_t length, int32_t runs)
{
    for (int32_t i = 0; i < runs * round_up_4(length); i += 4) {
        store_four(column->four, 0, 0);
        column->four += column->step;
    }
}

/* Runs of whole fours, or whole segments of at least four elements, or of fewer that lie within more. */
REDS_APART void append_fours(RedsColumn *column, const int8_t *from, int32_t length, int32_t runs, int32_t stride)
{
    /* of the last four, what is in use: the first elements, or the last ones where the four is read again (back) */
    static const uint32_t first_even[4] = {0, 0x0000FFFFu, 0x0000FFFFu, 0xFFFFFFFFu};
    static const uint32_t first_odd[4] = {0, 0, 0x0000FFFFu, 0x0000FFFFu};
    static const uint32_t last_even[4] = {0, 0, 0xFFFF0000u, 0xFFFF0000u};
    static const uint32_t last_odd[4] = {0, 0xFFFF0000u, 0xFFFF0000u, 0xFFFFFFFFu};
    const int32_t step = column->step, back = column->back, rest = length % 4;
    const uint32_t used_even = back ? last_even[rest] : first_even[rest];
    const uint32_t used_odd = back ? last_odd[rest] : first_odd[rest];
    const uint32_t offsets = column->offsets;
    int16_t *four = column->four;
    for (; runs; runs--, from += stride) {
        const int8_t *next = from;
        for (const int8_t *end = from + (length - rest); next != end; next += 4, four += step) {
            const uint32_t word = reds_load_4(next);
            store_four(four, reds_sxtab16(offsets, word), reds_sxtab16_ror8(offsets, word));
        }
        if (rest) {
            const uint32_t word = reds_load_4(next - back);
            store_four(four, reds_sxtab16(offsets, word) & used_even, reds_sxtab16_ror8(offsets, word) & used_odd);
            four += step;
        }
    }
    column->four = four;
}

void reds_column_append(RedsColumn *column, const int8_t *from, int32_t length, int32_t runs, int32_t stride)
{
    const int whole_segments = length == column->length;
    const int whole_fours = column->written % 4 == 0 && length % 4 == 0;
    if (whole_segments || whole_fours) {
        if (from) {
            append_fours(column, from, length, runs, stride);
        } else {
            append_zeros(column, length, runs);
        }
        column->written += whole_segments ? 0 : length * runs;
    } else {
        for (; runs; runs--, from = from ? from + stride : from) {
            append_singly(column, from, length);
            if (runs > 1) {
                end_segment(column);
            }
        }
    }
    end_segment(column);
}

typedef struct Walk {
    int32_t stride;   /* from row to row */
    int32_t segments; /* of a row */
    int32_t sixteens; /* elements of a segment up to a multiple of 16 */
    int32_t fours;    /* up to a multiple of 4, or beyond the last element to the next, see step_back() */
    int32_t back;     /* step_back() */
    int32_t gap;      /* bytes behind a segment */
} Walk;

static Walk walk_over(const RedsMatrix *matrix)
{
    const int32_t length = matrix->segment_length;
    const int32_t back = step_back(matrix);
    Walk walk;
    walk.stride = matrix->row_stride;
    walk.segments = matrix->segments;
    walk.fours = back ? length & ~3 : round_up_4(length);
    walk.sixteens = walk.fours & ~15;
    walk.back = back;
    walk.gap = matrix->segment_stride - (back ? length : walk.fours);
    return walk;
}

/* The walk over a row of a single segment: STEP takes four elements of `row` and of `inputs`, where `columns` columns
 * lie, and moves both on. */
#define FOR_EACH_FOUR(walk, first_row, first_inputs, columns, STEP)                \
    do {                                                                           \
        const int8_t *row = (first_row);                                           \
        const int16_t *inputs = (first_inputs);                                    \
        const int16_t *const sixteens_end = inputs + (walk)->sixteens * (columns); \
        const int16_t *const fours_end = inputs + (walk)->fours * (columns);       \
        while (inputs != sixteens_end) {                                           \
            STEP;                                                                  \
            STEP;                                                                  \
            STEP;                                                                  \
            STEP;                                                                  \
        }                                                                          \
        while (inputs != fours_end) {                                              \
            STEP;                                                                  \
        }                                                                          \
        if ((walk)->back) {                                                        \
            row -= (walk)->back;                                                   \
            STEP;                                                                  \
        }                                                                          \
    } while (0)

/* The same for a row of many segments, `gap` bytes apart in the row, side by side in the inputs. They are short as a
 * rule: fewer instructions between them, more within them. */
#define FOR_EACH_FOUR_OF_SEGMENTS(walk, first_row, first_inputs, columns, STEP)             \
    do {                                                                                    \
        const int32_t padded = (walk)->fours + ((walk)->back ? 4 : 0);                      \
        const int8_t *row = (first_row);                                                    \
        const int16_t *inputs = (first_inputs);                                             \
        const int16_t *const segments_end = inputs + (walk)->segments * padded * (columns); \
        do {                                                                                \
            const int16_t *const fours_end = inputs + (walk)->fours * (columns);            \
            do {                                                                            \
                STEP;                                                                       \
            } while (inputs != fours_end);                                                  \
            if ((walk)->back) {                                                             \
                row -= (walk)->back;                                                        \
                STEP;                                                                       \
            }                                                                               \
            row += (walk)->gap;                                                             \
        } while (inputs != segments_end);                                                   \
    } while (0)

/* What follows writes sums of `count` rows from the first on (a multiple of the rows that are taken at a time): biases
 * plus products with one column or two. */

REDS_INLINE void sum_4x1(const Walk *constants, int is_segmented, const int8_t *first, const int16_t *column,
                         const int32_t *biases, int32_t *sums, int32_t count)
{
    const Walk walk = *constants;
    const int32_t stride = walk.stride, stride_3 = 3 * stride;
    for (const int32_t *end = sums + count; sums != end; sums += 4, biases += 4, first += 4 * stride) {
        int32_t four[4] = {biases[0], biases[1], biases[2], biases[3]};
        if (is_segmented) {
            FOR_EACH_FOUR_OF_SEGMENTS(&walk, first, column, 1, reds_step_4x1(four, &row, stride, stride_3, &inputs));
        } else {
            FOR_EACH_FOUR(&walk, first, column, 1, reds_step_4x1(four, &row, stride, stride_3, &inputs));
        }
        sums[0] = four[0];
        sums[1] = four[1];
        sums[2] = four[2];
        sums[3] = four[3];
    }
}

REDS_INLINE void sum_2x2(const Walk *constants, int is_segmented, const int8_t *first, const int16_t *columns,
                         const int32_t *biases, int32_t *sums, int32_t *sums_2, int32_t count)
{
    const Walk walk = *constants;
    const int32_t stride = walk.stride;
    for (const int32_t *end = sums + count; sums != end; sums += 2, sums_2 += 2, biases += 2, first += 2 * stride) {
        int32_t four[4] = {biases[0], biases[1], biases[0], biases[1]};
        if (is_segmented) {
            FOR_EACH_FOUR_OF_SEGMENTS(&walk, first, columns, 2, reds_step_2x2(four, &row, stride, &inputs));
        } else {
            FOR_EACH_FOUR(&walk, first, columns, 2, reds_step_2x2(four, &row, stride, &inputs));
        }
        sums[0] = four[0];
        sums[1] = four[1];
        sums_2[0] = four[2];
        sums_2[1] = four[3];
    }
}

/* Each of these is compiled apart, because the products need all registers. */

REDS_APART void sum_4x1_of_one_segment(const Walk *walk, const int8_t *first, const int16_t *column,
                                       const int32_t *biases, int32_t *sums, int32_t count)
{
    sum_4x1(walk, 0, first, column, biases, sums, count);
}

REDS_APART void sum_4x1_of_segments(const Walk *walk, const int8_t *first, const int16_t *column, const int32_t *biases,
                                    int32_t *sums, int32_t count)
{
    sum_4x1(walk, 1, first, column, biases, sums, count);
}

REDS_APART void sum_2x2_of_one_segment(const Walk *walk, const int8_t *first, const int16_t *columns,
                                       const int32_t *biases, int32_t *sums, int32_t *sums_2, int32_t count)
{
    sum_2x2(walk, 0, first, columns, biases, sums, sums_2, count);
}

REDS_APART void sum_2x2_of_segments(const Walk *walk, const int8_t *first, const int16_t *columns,
                                    const int32_t *biases, int32_t *sums, int32_t *sums_2, int32_t count)
{
    sum_2x2(walk, 1, first, columns, biases, sums, sums_2, count);
}

REDS_APART void sum_1x1(const Walk *walk, const int8_t *first, const int16_t *column, const int32_t *biases,
                        int32_t *sums, int32_t count)
{
    for (const int32_t *end = sums + count; sums != end; sums++, biases++, first += walk->stride) {
        int32_t sum = *biases;
        if (walk->segments > 1) {
            FOR_EACH_FOUR_OF_SEGMENTS(walk, first, column, 1, reds_step_1x1(&sum, &row, &inputs));
        } else {
            FOR_EACH_FOUR(walk, first, column, 1, reds_step_1x1(&sum, &row, &inputs));
        }
        *sums = sum;
    }
}

REDS_APART void sum_1x2(const Walk *walk, const int8_t *first, const int16_t *columns, const int32_t *biases,
                        int32_t *sum, int32_t *sum_2)
{
    int32_t two[2] = {*biases, *biases};
    if (walk->segments > 1) {
        FOR_EACH_FOUR_OF_SEGMENTS(walk, first, columns, 2, reds_step_1x2(two, &row, &inputs));
    } else {
        FOR_EACH_FOUR(walk, first, columns, 2, reds_step_1x2(two, &row, &inputs));
    }
    *sum = two[0];
    *sum_2 = two[1];
}

enum { BATCH = 32 }; /* rows that are finished together */

static const int32_t *biases_of(const RedsQuantization *quantization, int32_t o)
{
    static const int32_t no_biases[BATCH] = {0};
    return quantization->biases ? quantization->biases + o : no_biases;
}

void reds_multiply_column(const RedsMatrix *matrix, const int16_t *column, const RedsQuantization *quantization,
                          int8_t *output)
{
    const Walk walk = walk_over(matrix);
    int32_t sums[BATCH];
    for (int32_t o = 0; o < matrix->rows; o += BATCH) {
        const int32_t count = matrix->rows - o < BATCH ? matrix->rows - o : BATCH;
        const int32_t fours = count & ~3;
        const int32_t *biases = biases_of(quantization, o);
        const int8_t *first = matrix->weights + o * walk.stride;
        if (walk.segments > 1) {
            sum_4x1_of_segments(&walk, first, column, biases, sums, fours);
        } else {
            sum_4x1_of_one_segment(&walk, first, column, biases, sums, fours);
        }
        if (count != fours) {
            sum_1x1(&walk, first + fours * walk.stride, column, biases + fours, sums + fours, count - fours);
        }
        reds_finish(quantization, o, count, sums, output + o);
    }
}

void reds_multiply_two_columns(const RedsMatrix *matrix, const int16_t *columns, const RedsQuantization *quantization,
                               int8_t *output, int8_t *output_2)
{
    const Walk walk = walk_over(matrix);
    int32_t sums[BATCH], sums_2[BATCH];
    for (int32_t o = 0; o < matrix->rows; o += BATCH) {
        const int32_t count = matrix->rows - o < BATCH ? matrix->rows - o : BATCH;
        const int32_t last = count - 1;
        const int32_t *biases = biases_of(quantization, o);
        const int8_t *first = matrix->weights + o * walk.stride;
        if (walk.segments > 1) {
            sum_2x2_of_segments(&walk, first, columns, biases, sums, sums_2, count & ~1);
        } else {
            sum_2x2_of_one_segment(&walk, first, columns, biases, sums, sums_2, count & ~1);
        }
        if (count % 2) {
            sum_1x2(&walk, first + last * walk.stride, columns, biases + last, sums + last, sums_2 + last);
        }
        reds_finish(quantization, o, count, sums, output + o);
        reds_finish(quantization, o, count, sums_2, output_2 + o);
    }
}
