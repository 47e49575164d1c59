#include "reds_matrix.h"

#include <stddef.h>

#include "reds_dsp.h"
#include "reds_finish.h"
#include "reds_steps.h"

static int32_t round_up_4(int32_t count)
{
    return (count + 3) & ~3;
}

RedsMatrix reds_matrix(const int8_t *weights, int32_t rows, int32_t segments, int32_t channels, int32_t width)
{
    const int whole = width == channels;
    const int32_t length = whole ? segments * channels : width;
    RedsMatrix matrix;
    matrix.weights = weights;
    matrix.rows = rows;
    matrix.row_stride = segments * channels;
    matrix.segments = whole ? 1 : segments;
    matrix.segment_stride = whole ? matrix.row_stride : channels;
    matrix.segment_length = length;
    if (round_up_4(length) <= matrix.segment_stride) {
        matrix.fours = round_up_4(length);
        matrix.back = 0;
        matrix.gap = matrix.segment_stride - matrix.fours;
    } else {
        matrix.fours = length & ~3;
        matrix.back = 4 - length % 4;
        matrix.gap = matrix.segment_stride - length;
    }
    return matrix;
}

int32_t reds_columns_at_once(int32_t all)
{
    return all < 4 ? 1 : 4;
}

int32_t reds_column_size(int32_t columns, int32_t segments, int32_t channels)
{
    return columns * segments * round_up_4(channels) * (int32_t)sizeof(int16_t);
}

int reds_matrix_takes_columns(const RedsMatrix *matrix)
{
    return matrix->segment_length >= 4 || matrix->segment_stride >= 4;
}

RedsColumn reds_column_begin(const RedsMatrix *matrix, const RedsChannels *channels, int16_t *memory, int32_t columns,
                             int32_t index)
{
    RedsColumn column;
    column.four = memory + 4 * index;
    column.step = 4 * columns;
    column.offsets = channels->input_offsets;
    column.length = matrix->segment_length;
    column.written = 0;
    column.back = matrix->back;
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
    for (int32_t run = 0; run < runs; run++) {
        const int8_t *next = from + run * stride;
        for (const int8_t *end = next + (length - rest); next != end;) {
            reds_step_widen(&next, &four, step, offsets);
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
        for (int32_t run = 0; run < runs; run++) {
            if (run) {
                end_segment(column);
            }
            append_singly(column, from ? from + run * stride : NULL, length);
        }
    }
    end_segment(column);
}

/* STEP takes the next four elements of a row of the matrix and of `columns` columns, and moves the pointers to them on.
 * Eight steps lie between jumps back; each segment begins in their midst (Duff's device), so that segments of up to 32
 * elements need no jump back at all. */
#define FOR_EACH_FOUR(matrix, row, inputs, columns, STEP)                              \
    do {                                                                               \
        const int32_t fours = (matrix)->fours, back = (matrix)->back;                  \
        const int32_t padded = fours + (back ? 4 : 0);                                 \
        const int16_t *const row_end = inputs + (matrix)->segments * padded * (columns);\
        do {                                                                           \
            const int16_t *const fours_end = inputs + fours * (columns);               \
            switch ((uint32_t)fours / 4 % 8) {                                         \
                do {                                                                   \
                case 0: STEP; REDS_FALLTHROUGH;                                        \
                case 7: STEP; REDS_FALLTHROUGH;                                        \
                case 6: STEP; REDS_FALLTHROUGH;                                        \
                case 5: STEP; REDS_FALLTHROUGH;                                        \
                case 4: STEP; REDS_FALLTHROUGH;                                        \
                case 3: STEP; REDS_FALLTHROUGH;                                        \
                case 2: STEP; REDS_FALLTHROUGH;                                        \
                case 1: STEP;                                                          \
                } while (inputs != fours_end);                                         \
            }                                                                          \
            if (back) {                                                                \
                row -= back;                                                           \
                STEP;                                                                  \
            }                                                                          \
            row += (matrix)->gap;                                                      \
        } while (inputs != row_end);                                                   \
    } while (0)

/* Each of these is compiled apart, because the products need nearly all registers. */

/* Outputs of the first `count` rows, a multiple of four, and one column. */
REDS_APART void multiply_4x1(const RedsMatrix *shared, const int16_t *column, const RedsChannels *channels,
                             int8_t *output, int32_t count)
{
    const RedsMatrix matrix = *shared;
    const int32_t stride = matrix.row_stride, stride_3 = 3 * stride;
    const int8_t *first = matrix.weights;
    for (int32_t o = 0; o < count; o += 4, first += 4 * stride) {
        const int32_t *biases = channels->biases + (o & channels->biases_mask);
        const int32_t scale = o & channels->scales_mask;
        int32_t four[4] = {biases[0], biases[1], biases[2], biases[3]};
        const int8_t *row = first;
        const int16_t *inputs = column;
        FOR_EACH_FOUR(&matrix, row, inputs, 1, reds_step_4x1(four, &row, stride, stride_3, &inputs));
        reds_finish_channels(four, channels->multipliers + scale, channels->shifts + scale, channels->addend,
                             output + o);
    }
}

/* Output of row `o` and one column. */
REDS_APART int8_t multiply_1x1(const RedsMatrix *matrix, const int16_t *column, const RedsChannels *channels, int32_t o)
{
    const int32_t scale = o & channels->scales_mask;
    int32_t sum = channels->biases[o & channels->biases_mask];
    const int8_t *row = matrix->weights + o * matrix->row_stride;
    FOR_EACH_FOUR(matrix, row, column, 1, reds_step_1x1(&sum, &row, &column));
    return reds_finish_at_length(sum, channels->multipliers[scale], channels->shifts[scale], channels->addend);
}

enum { SHORT_SEGMENT = 32 }; /* elements */

#define STEP reds_step_1x4(sums, &row, &inputs)
#define FOR_EACH_SEGMENT(STEPS) \
    do {                        \
        STEPS;                  \
        row += matrix->gap;     \
    } while (inputs != end)

/* Adds the products of a row of short segments and four columns. A narrow convolution has many: for each length
 * there is a loop that jumps from one to the next and not within them. */
REDS_INLINE void add_short_segments(int32_t sums[4], const RedsMatrix *matrix, const int8_t *row,
                                    const int16_t *inputs)
{
    const int16_t *const end = inputs + 4 * matrix->segments * matrix->fours;
    switch (matrix->fours / 4) {
    case 1: FOR_EACH_SEGMENT(STEP); break;
    case 2: FOR_EACH_SEGMENT(STEP; STEP); break;
    case 3: FOR_EACH_SEGMENT(STEP; STEP; STEP); break;
    case 4: FOR_EACH_SEGMENT(STEP; STEP; STEP; STEP); break;
    case 5: FOR_EACH_SEGMENT(STEP; STEP; STEP; STEP; STEP); break;
    case 6: FOR_EACH_SEGMENT(STEP; STEP; STEP; STEP; STEP; STEP); break;
    case 7: FOR_EACH_SEGMENT(STEP; STEP; STEP; STEP; STEP; STEP; STEP); break;
    default: FOR_EACH_SEGMENT(STEP; STEP; STEP; STEP; STEP; STEP; STEP; STEP);
    }
}

#undef STEP

/* Outputs of all rows and four columns. */
REDS_INLINE void multiply_1x4(const RedsMatrix *shared, int segments_are_short, const int16_t *columns,
                              const RedsChannels *channels, int8_t *output, int32_t output_stride)
{
    const RedsMatrix matrix = *shared;
    const int8_t *first = matrix.weights;
    for (int32_t o = 0; o < matrix.rows; o++, first += matrix.row_stride) {
        const int32_t bias = channels->biases[o & channels->biases_mask], scale = o & channels->scales_mask;
        int32_t four[4] = {bias, bias, bias, bias};
        if (segments_are_short) {
            add_short_segments(four, &matrix, first, columns);
        } else {
            const int8_t *row = first;
            const int16_t *inputs = columns;
            FOR_EACH_FOUR(&matrix, row, inputs, 4, reds_step_1x4(four, &row, &inputs));
        }
        reds_finish_positions(four, channels->multipliers[scale], channels->shifts[scale], channels->addend,
                              output + o, output_stride);
    }
}

REDS_APART void multiply_1x4_short(const RedsMatrix *matrix, const int16_t *columns, const RedsChannels *channels,
                                   int8_t *output, int32_t output_stride)
{
    multiply_1x4(matrix, 1, columns, channels, output, output_stride);
}

REDS_APART void multiply_1x4_long(const RedsMatrix *matrix, const int16_t *columns, const RedsChannels *channels,
                                  int8_t *output, int32_t output_stride)
{
    multiply_1x4(matrix, 0, columns, channels, output, output_stride);
}

void reds_multiply_columns(const RedsMatrix *matrix, const int16_t *memory, int32_t columns,
                           const RedsChannels *channels, int8_t *output, int32_t stride)
{
    if (columns == 4 && matrix->fours <= SHORT_SEGMENT && !matrix->back) {
        multiply_1x4_short(matrix, memory, channels, output, stride);
    } else if (columns == 4) {
        multiply_1x4_long(matrix, memory, channels, output, stride);
    } else {
        const int32_t fours = matrix->rows & ~3;
        multiply_4x1(matrix, memory, channels, output, fours);
        for (int32_t o = fours; o < matrix->rows; o++) {
            output[o] = multiply_1x1(matrix, memory, channels, o);
        }
    }
    for (int32_t i = 0; i < columns; i++) {
        reds_limit(channels, matrix->rows, output + i * stride);
    }
}
