#include <stddef.h>

#include "dsp.h"
#include "kernels.h"
#include "matrix.h"
#include "requantize.h"

int32_t reds_fully_connected_scratch(const RedsDenseShape *shape)
{
    return REDS_DSP ? reds_column_size(shape->batches > 1 ? 2 : 1, shape->segments, shape->input_channels) : 0;
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
    const int32_t offset = quantization->input_offset;
    int32_t batch = 0;
    for (; batch + 2 <= shape->batches; batch += 2, input += 2 * input_size, output += 2 * shape->output_channels) {
        append_inputs(shape, matrix, input, reds_column_begin(matrix, scratch, 2, 0, offset));
        append_inputs(shape, matrix, input + input_size, reds_column_begin(matrix, scratch, 2, 1, offset));
        reds_multiply_two_columns(matrix, scratch, quantization, output, output + shape->output_channels);
    }
    if (batch < shape->batches) {
        append_inputs(shape, matrix, input, reds_column_begin(matrix, scratch, 1, 0, offset));
        reds_multiply_column(matrix, scratch, quantization, output);
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
