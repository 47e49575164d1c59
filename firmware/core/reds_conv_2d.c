#include <stddef.h>

#include "reds_dsp.h"
#include "reds_kernels.h"
#include "reds_matrix.h"
#include "reds_requantize.h"
#include "reds_span.h"

int32_t reds_conv_2d_scratch(const RedsConvShape *shape)
{
    const int32_t columns = reds_columns_at_once(shape->output_height * shape->output_width);
    return REDS_DSP ? reds_column_size(columns, shape->filter_height * shape->filter_width, shape->input_channels) : 0;
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

#if REDS_DSP

static int lies_within(int32_t at, int32_t size)
{
    return at >= 0 && at < size;
}

/* Whether a window with this corner needs no padding, along one axis. */
static int needs_no_padding(int32_t corner, int32_t taps, int32_t dilation, int32_t size)
{
    return corner >= 0 && corner + (taps - 1) * dilation < size;
}

/* All channels count: a row of the window is one run of memory, with padding at its ends. */
static void append_rows(const RedsConvShape *shape, const int8_t *input, Corner corner, RedsColumn column)
{
    const int32_t channels = shape->input_channels;
    const int32_t width = shape->filter_width;
    const int32_t left = reds_clamp(-corner.x, 0, width);
    const int32_t right = reds_clamp(corner.x + width - shape->input_width, 0, width - left);
    const int32_t used = width - left - right;
    for (int32_t fy = 0; fy < shape->filter_height; fy++) {
        const int32_t y = corner.y + fy * shape->dilation_height;
        if (!lies_within(y, shape->input_height)) {
            reds_column_append(&column, NULL, width * channels, 1, 0);
            continue;
        }
        if (left) {
            reds_column_append(&column, NULL, left * channels, 1, 0);
        }
        if (used) {
            reds_column_append(&column, input + (y * shape->input_width + corner.x + left) * channels, used * channels,
                               1, 0);
        }
        if (right) {
            reds_column_append(&column, NULL, right * channels, 1, 0);
        }
    }
}

static void append_taps(const RedsConvShape *shape, int32_t used_channels, const int8_t *input, Corner corner,
                        RedsColumn column)
{
    const int32_t channels = shape->input_channels;
    const int32_t step = shape->dilation_width * channels;
    for (int32_t fy = 0; fy < shape->filter_height; fy++) {
        const int32_t y = corner.y + fy * shape->dilation_height;
        if (!lies_within(y, shape->input_height)) {
            reds_column_append(&column, NULL, used_channels, shape->filter_width, 0);
            continue;
        }
        const int8_t *const row = input + y * shape->input_width * channels;
        if (needs_no_padding(corner.x, shape->filter_width, shape->dilation_width, shape->input_width)) {
            reds_column_append(&column, row + corner.x * channels, used_channels, shape->filter_width, step);
        } else {
            for (int32_t fx = 0; fx < shape->filter_width; fx++) {
                const int32_t x = corner.x + fx * shape->dilation_width;
                const int inside = lies_within(x, shape->input_width);
                reds_column_append(&column, inside ? row + x * channels : NULL, used_channels, 1, 0);
            }
        }
    }
}

static void append_window(const RedsConvShape *shape, int32_t used_channels, const int8_t *input, int32_t position,
                          RedsColumn column)
{
    const int32_t row_size = shape->input_width * shape->input_channels;
    const Corner corner = corner_of(shape, position);
    if (used_channels < shape->input_channels || shape->dilation_width > 1) {
        append_taps(shape, used_channels, input, corner, column);
    } else if (needs_no_padding(corner.y, shape->filter_height, shape->dilation_height, shape->input_height) &&
               needs_no_padding(corner.x, shape->filter_width, 1, shape->input_width)) {
        reds_column_append(&column, input + corner.y * row_size + corner.x * shape->input_channels,
                           shape->filter_width * shape->input_channels, shape->filter_height,
                           shape->dilation_height * row_size);
    } else {
        append_rows(shape, input, corner, column);
    }
}

static void multiply_image(const RedsConvShape *shape, int32_t used_channels, const RedsMatrix *matrix,
                           const RedsQuantization *quantization, const int8_t *input, int8_t *output, int16_t *scratch)
{
    const int32_t positions = shape->output_height * shape->output_width;
    const int32_t columns = reds_columns_at_once(positions);
    RedsChannels channels;
    reds_channels_init(&channels, quantization);
    for (int32_t next = 0; next < positions; next += columns) {
        const int32_t first = next + columns <= positions ? next : positions - columns;
        for (int32_t i = 0; i < columns; i++) {
            append_window(shape, used_channels, input, first + i,
                          reds_column_begin(matrix, &channels, scratch, columns, i));
        }
        reds_multiply_columns(matrix, scratch, columns, &channels, output + first * shape->output_channels,
                              shape->output_channels);
    }
}

#endif

static int32_t add_products(int32_t sum, const int8_t *w, const int8_t *x, int32_t count, int32_t offset)
{
    for (int32_t i = 0; i < count; i++) {
        sum = reds_accumulate(sum, w[i], x[i] + offset);
    }
    return sum;
}

/* One output. Where all channels count, a row of the window is one run of memory. */
static int8_t multiply_window_plainly(const RedsConvShape *shape, int32_t width, const RedsQuantization *quantization,
                                      const int8_t *input, const int8_t *filter, Corner corner, int32_t o)
{
    const int32_t channels = shape->input_channels, offset = quantization->input_offset;
    const RedsSpan rows = reds_span(corner.y, shape->filter_height, shape->dilation_height, shape->input_height);
    const RedsSpan columns = reds_span(corner.x, shape->filter_width, shape->dilation_width, shape->input_width);
    const int32_t taps = columns.end - columns.first;
    const int one_run = width == channels && shape->dilation_width == 1;
    int32_t sum = reds_bias(quantization, o);
    for (int32_t fy = rows.first, y = rows.at; fy < rows.end; fy++, y += shape->dilation_height) {
        const int8_t *x = input + (y * shape->input_width + columns.at) * channels;
        const int8_t *w = filter + (fy * shape->filter_width + columns.first) * channels;
        if (one_run) {
            sum = add_products(sum, w, x, taps * channels, offset);
            continue;
        }
        for (int32_t tap = 0; tap < taps; tap++, w += channels, x += shape->dilation_width * channels) {
            sum = add_products(sum, w, x, width, offset);
        }
    }
    return reds_output(sum, quantization, o);
}

/* One filter walks over the whole image before the next does, so that it stays in the small cache that some processors
 * have between them and their flash. */
static void multiply_image_plainly(const RedsConvShape *shape, RedsWidths widths, const RedsQuantization *quantization,
                                   const int8_t *input, const int8_t *weights, int8_t *output)
{
    const int32_t positions = shape->output_height * shape->output_width;
    const int32_t filter_size = shape->filter_height * shape->filter_width * shape->input_channels;
    for (int32_t o = 0; o < widths.output; o++, weights += filter_size) {
        for (int32_t position = 0; position < positions; position++) {
            output[position * shape->output_channels + o] = multiply_window_plainly(
                shape, widths.input, quantization, input, weights, corner_of(shape, position), o);
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
            multiply_image(shape, widths.input, &matrix, quantization, input, output, (int16_t *)scratch);
            continue;
        }
#endif
        multiply_image_plainly(shape, widths, quantization, input, weights, output);
    }
}
