#include <stddef.h>

#include "dsp.h"
#include "kernels.h"
#include "matrix.h"
#include "requantize.h"

int32_t reds_conv_2d_scratch(const RedsConvShape *shape)
{
    return REDS_DSP ? reds_column_size(2, shape->filter_height * shape->filter_width, shape->input_channels) : 0;
}

/* The input at the top left corner of a filter's window; both may be negative, in the padding. */
typedef struct Corner {
    int32_t y;
    int32_t x;
} Corner;

static Corner corner_of(const RedsConvShape *shape, int32_t position)
{
    Corner corner;
    corner.y = position / shape->output_width * shape->stride_height - shape->padding_top;
    corner.x = position % shape->output_width * shape->stride_width - shape->padding_left;
    return corner;
}

static int lies_within(int32_t at, int32_t size)
{
    return at >= 0 && at < size;
}

#if REDS_DSP

/* All channels count: a row of the window is one run of memory, with padding at its ends. */
static void widen_whole_window(const RedsConvShape *shape, const RedsMatrix *matrix, const int8_t *input, Corner corner,
                               int32_t offset, int16_t *column, int32_t columns)
{
    const int32_t width = shape->filter_width;
    const int32_t channels = shape->input_channels;
    const int32_t beyond = corner.x + width - shape->input_width;
    const int32_t left = reds_clamp(-corner.x, 0, width);
    const int32_t right = reds_clamp(beyond, 0, width - left);
    int32_t at = 0;
    for (int32_t fy = 0; fy < shape->filter_height; fy++) {
        const int32_t y = corner.y + fy * shape->dilation_height;
        if (lies_within(y, shape->input_height)) {
            const int8_t *from = input + (y * shape->input_width + corner.x + left) * channels;
            reds_widen(matrix, column, columns, 0, at, left * channels, NULL, 0);
            at += left * channels;
            reds_widen(matrix, column, columns, 0, at, (width - left - right) * channels, from, offset);
            at += (width - left - right) * channels;
            reds_widen(matrix, column, columns, 0, at, right * channels, NULL, 0);
            at += right * channels;
        } else {
            reds_widen(matrix, column, columns, 0, at, width * channels, NULL, 0);
            at += width * channels;
        }
    }
}

static void widen_window(const RedsConvShape *shape, const RedsMatrix *matrix, const int8_t *input, int32_t position,
                         int32_t offset, int16_t *column, int32_t columns)
{
    const Corner corner = corner_of(shape, position);
    const int whole = matrix->segment_length == matrix->row_stride;
    if (whole && shape->dilation_width == 1) {
        widen_whole_window(shape, matrix, input, corner, offset, column, columns);
        return;
    }
    const int32_t count = whole ? shape->input_channels : matrix->segment_length;
    int32_t tap = 0;
    for (int32_t fy = 0; fy < shape->filter_height; fy++) {
        const int32_t y = corner.y + fy * shape->dilation_height;
        for (int32_t fx = 0; fx < shape->filter_width; fx++, tap++) {
            const int32_t x = corner.x + fx * shape->dilation_width;
            const int inside = lies_within(y, shape->input_height) && lies_within(x, shape->input_width);
            const int8_t *from = inside ? input + (y * shape->input_width + x) * shape->input_channels : NULL;
            reds_widen(matrix, column, columns, whole ? 0 : tap, whole ? tap * count : 0, count, from, offset);
        }
    }
}

static void multiply_image(const RedsConvShape *shape, const RedsMatrix *matrix, const RedsQuantization *quantization,
                           const int8_t *input, int8_t *output, int16_t *scratch)
{
    const int32_t positions = shape->output_height * shape->output_width;
    const int32_t offset = quantization->input_offset;
    int32_t position = 0;
    for (; position + 2 <= positions; position += 2, output += 2 * shape->output_channels) {
        widen_window(shape, matrix, input, position, offset, scratch, 2);
        widen_window(shape, matrix, input, position + 1, offset, scratch + 4, 2);
        reds_multiply_two_columns(matrix, scratch, quantization, output, output + shape->output_channels);
    }
    if (position < positions) {
        widen_window(shape, matrix, input, position, offset, scratch, 1);
        reds_multiply_column(matrix, scratch, quantization, output);
    }
}

#endif

static int8_t multiply_window_plainly(const RedsConvShape *shape, int32_t width, const RedsQuantization *quantization,
                                      const int8_t *input, const int8_t *filter, Corner corner, int32_t o)
{
    int32_t sum = reds_bias(quantization, o);
    for (int32_t fy = 0; fy < shape->filter_height; fy++) {
        const int32_t y = corner.y + fy * shape->dilation_height;
        for (int32_t fx = 0; fx < shape->filter_width; fx++, filter += shape->input_channels) {
            const int32_t x = corner.x + fx * shape->dilation_width;
            if (lies_within(y, shape->input_height) && lies_within(x, shape->input_width)) {
                const int8_t *from = input + (y * shape->input_width + x) * shape->input_channels;
                for (int32_t i = 0; i < width; i++) {
                    sum = reds_accumulate(sum, filter[i], from[i] + quantization->input_offset);
                }
            }
        }
    }
    return reds_output(sum, quantization, o);
}

static void multiply_image_plainly(const RedsConvShape *shape, RedsWidths widths, const RedsQuantization *quantization,
                                   const int8_t *input, const int8_t *weights, int8_t *output)
{
    const int32_t positions = shape->output_height * shape->output_width;
    const int32_t filter_size = shape->filter_height * shape->filter_width * shape->input_channels;
    for (int32_t position = 0; position < positions; position++, output += shape->output_channels) {
        const Corner corner = corner_of(shape, position);
        for (int32_t o = 0; o < widths.output; o++) {
            output[o] = multiply_window_plainly(shape, widths.input, quantization, input, weights + o * filter_size,
                                                corner, o);
        }
    }
}

void reds_conv_2d_s8(const RedsConvShape *shape, RedsWidths widths, const RedsQuantization *quantization,
                     const int8_t *input, const int8_t *weights, int8_t *output, void *scratch)
{
    const int32_t input_size = shape->input_height * shape->input_width * shape->input_channels;
    const int32_t output_size = shape->output_height * shape->output_width * shape->output_channels;
#if REDS_DSP
    const RedsMatrix matrix = reds_matrix(weights, widths.output, shape->filter_height * shape->filter_width,
                                          shape->input_channels, widths.input);
    const int fast = scratch && reds_matrix_takes_columns(&matrix);
#else
    (void)scratch;
#endif
    for (int32_t batch = 0; batch < shape->batches; batch++, input += input_size, output += output_size) {
#if REDS_DSP
        if (fast) {
            multiply_image(shape, &matrix, quantization, input, output, (int16_t *)scratch);
            continue;
        }
#endif
        multiply_image_plainly(shape, widths, quantization, input, weights, output);
    }
}
