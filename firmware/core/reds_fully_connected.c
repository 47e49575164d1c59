#include <stddef.h>

#include "reds_dsp.h"
#include "reds_kernels.h"
#include "reds_matrix.h"
#include "reds_requantize.h"

int32_t reds_fully_connected_scratch(const RedsDenseShape *shape)
{
    const int32_t columns = reds_columns_at_once(shape->batches);
    return REDS_DSP ? reds_column_size(columns, shape->segments, shape->input_channels) : 0;
}

#if REDS_DSP

static void append_inputs(const RedsDenseShape *shape, const RedsMatrix *matrix, const int8_t *input, RedsColumn column)
{
    reds_column_append(&column, input, matrix->segment_length, matrix->segments, shape->input_channels);
}

static void multiply(const RedsDenseShape *shape, const RedsMatrix *matrix, const RedsQuantization *quantization,
                     const int8_t *input, int8_t *output, int16_t *scratch)
{
    const int32_t input_size = shape->segments * shape->input_channels;
    const int32_t columns = reds_columns_at_once(shape->batches);
    RedsChannels channels;
    reds_channels_init(&channels, quantization);
    for (int32_t next = 0; next < shape->batches; next += columns) {
        const int32_t first = next + columns <= shape->batches ? next : shape->batches - columns;
        for (int32_t i = 0; i < columns; i++) {
            append_inputs(shape, matrix, input + (first + i) * input_size,
                          reds_column_begin(matrix, &channels, scratch, columns, i));
        }
        reds_multiply_columns(matrix, scratch, columns, &channels, output + first * shape->output_channels,
                              shape->output_channels);
    }
}

#endif

static int8_t multiply_row_plainly(const RedsMatrix *matrix, const RedsQuantization *quantization, const int8_t *input,
                                   int32_t o)
{
    int32_t sum = reds_bias(quantization, o);
    for (int32_t segment = 0; segment < matrix->segments; segment++) {
        const int8_t *x = input + segment * matrix->segment_stride;
        const int8_t *w = matrix->weights + o * matrix->row_stride + segment * matrix->segment_stride;
        for (int32_t i = 0; i < matrix->segment_length; i++) {
            sum = reds_accumulate(sum, w[i], x[i] + quantization->input_offset);
        }
    }
    return reds_output(sum, quantization, o);
}

void reds_fully_connected_s8(const RedsDenseShape *shape, RedsWidths widths, const RedsQuantization *quantization,
                             const int8_t *input, const int8_t *weights, int8_t *output, void *scratch)
{
    const RedsMatrix matrix = reds_matrix(weights, widths.output, shape->segments, shape->input_channels, widths.input);
#if REDS_DSP
    if (scratch && reds_matrix_takes_columns(&matrix)) {
        multiply(shape, &matrix, quantization, input, output, (int16_t *)scratch);
        return;
    }
#else
    (void)scratch;
#endif
    for (int32_t batch = 0; batch < shape->batches; batch++) {
        for (int32_t o = 0; o < widths.output; o++) {
            output[o] = multiply_row_plainly(&matrix, quantization, input, o);
        }
        input += shape->segments * shape->input_channels;
        output += shape->output_channels;
    }
}
