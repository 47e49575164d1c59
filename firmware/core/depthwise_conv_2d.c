#include <stddef.h>

#include "dsp.h"
#include "finish.h"
#include "kernels.h"
#include "requantize.h"
#include "steps.h"

int32_t reds_depthwise_conv_2d_scratch(const RedsConvShape *shape)
{
    return REDS_DSP ? shape->filter_height * shape->filter_width * 4 * (int32_t)sizeof(int16_t) : 0;
}

/* The part of a filter's window that lies within the input, along one axis. */
typedef struct Span {
    int32_t first; /* tap */
    int32_t end;   /* tap */
    int32_t at;    /* input of the first tap */
} Span;

static Span span_within(int32_t origin, int32_t taps, int32_t dilation, int32_t size)
{
    Span span;
    span.first = origin < 0 ? (dilation - 1 - origin) / dilation : 0;
    span.end = origin + (taps - 1) * dilation >= size ? (size - origin + dilation - 1) / dilation : taps;
    span.at = origin + span.first * dilation;
    return span;
}

#if REDS_DSP

/* The taps of four channels, in the order of matrix.h. */
static void widen_taps(const RedsConvShape *shape, const int8_t *weights, int16_t *taps)
{
    for (int32_t tap = 0; tap < shape->filter_height * shape->filter_width; tap++) {
        const uint32_t word = reds_load_4(weights);
        reds_store_4(taps, reds_sxtab16(0, word));
        reds_store_4(taps + 2, reds_sxtab16_ror8(0, word));
        weights += shape->output_channels;
        taps += 4;
    }
}

typedef struct Sums {
    int32_t of[4];
} Sums;

static Sums filter_window(const RedsConvShape *shape, Sums sums, const int8_t *input, const int16_t *taps, Span rows,
                          Span columns, uint32_t offsets)
{
    const int32_t step = shape->dilation_width * shape->input_channels;
    const int32_t row_step = shape->dilation_height * shape->input_width * shape->input_channels;
    input += (rows.at * shape->input_width + columns.at) * shape->input_channels;
    for (int32_t fy = rows.first; fy < rows.end; fy++, input += row_step) {
        const int16_t *tap = taps + (fy * shape->filter_width + columns.first) * 4;
        const int16_t *end = tap + (columns.end - columns.first) * 4;
        const int8_t *from = input;
        while (tap < end) {
            reds_step_depthwise(sums.of, from, &tap, offsets);
            from += step;
        }
    }
    return sums;
}

/* Channels `channel` to `channel + count - 1`, of at most four; four are read. */
static void filter_channels(const RedsConvShape *shape, const RedsQuantization *quantization, const int8_t *input,
                            int8_t *output, const int16_t *taps, int32_t channel, int32_t count)
{
    const uint32_t offset = (uint32_t)quantization->input_offset;
    const uint32_t offsets = (offset << 16) + (offset & 0xFFFF);
    Sums biases = {{0, 0, 0, 0}};
    for (int32_t i = 0; i < count; i++) {
        biases.of[i] = reds_bias(quantization, channel + i);
    }
    for (int32_t y = 0; y < shape->output_height; y++) {
        const Span rows = span_within(y * shape->stride_height - shape->padding_top, shape->filter_height,
                                      shape->dilation_height, shape->input_height);
        for (int32_t x = 0; x < shape->output_width; x++, output += shape->output_channels) {
            const Span columns = span_within(x * shape->stride_width - shape->padding_left, shape->filter_width,
                                             shape->dilation_width, shape->input_width);
            const Sums sums = filter_window(shape, biases, input, taps, rows, columns, offsets);
            reds_finish(quantization, channel, count, sums.of, output);
        }
    }
}

static void filter_image(const RedsConvShape *shape, int32_t width, const RedsQuantization *quantization,
                         const int8_t *input, const int8_t *weights, int8_t *output, int16_t *taps)
{
    for (int32_t next = 0; next < width; next += 4) {
        /* the last four may overlap the four before: they get the same values again */
        const int32_t channel = next + 4 <= width ? next : width < 4 ? 0 : width - 4;
        widen_taps(shape, weights + channel, taps);
        filter_channels(shape, quantization, input + channel, output + channel, taps, channel,
                        width < 4 ? width : 4);
    }
}

#endif

static int8_t filter_window_plainly(const RedsConvShape *shape, const RedsQuantization *quantization,
                                    const int8_t *input, const int8_t *weights, Span rows, Span columns,
                                    int32_t channel)
{
    int32_t sum = reds_bias(quantization, channel);
    for (int32_t fy = rows.first, y = rows.at; fy < rows.end; fy++, y += shape->dilation_height) {
        for (int32_t fx = columns.first, x = columns.at; fx < columns.end; fx++, x += shape->dilation_width) {
            const int32_t from = (y * shape->input_width + x) * shape->input_channels;
            const int32_t tap = (fy * shape->filter_width + fx) * shape->output_channels;
            sum = reds_accumulate(sum, weights[tap], input[from] + quantization->input_offset);
        }
    }
    return reds_output(sum, quantization, channel);
}

static void filter_image_plainly(const RedsConvShape *shape, int32_t width, const RedsQuantization *quantization,
                                 const int8_t *input, const int8_t *weights, int8_t *output)
{
    const int32_t next_input = shape->input_channels == 1 ? 0 : 1;
    for (int32_t y = 0; y < shape->output_height; y++) {
        const Span rows = span_within(y * shape->stride_height - shape->padding_top, shape->filter_height,
                                      shape->dilation_height, shape->input_height);
        for (int32_t x = 0; x < shape->output_width; x++, output += shape->output_channels) {
            const Span columns = span_within(x * shape->stride_width - shape->padding_left, shape->filter_width,
                                             shape->dilation_width, shape->input_width);
            for (int32_t channel = 0; channel < width; channel++) {
                output[channel] = filter_window_plainly(shape, quantization, input + next_input * channel,
                                                        weights + channel, rows, columns, channel);
            }
        }
    }
}

void reds_depthwise_conv_2d_s8(const RedsConvShape *shape, RedsWidths widths, const RedsQuantization *quantization,
                               const int8_t *input, const int8_t *weights, int8_t *output, void *scratch)
{
    const int32_t input_size = shape->input_height * shape->input_width * shape->input_channels;
    const int32_t output_size = shape->output_height * shape->output_width * shape->output_channels;
    for (int32_t batch = 0; batch < shape->batches; batch++, input += input_size, output += output_size) {
#if REDS_DSP
        if (scratch && shape->input_channels >= 4) {
            filter_image(shape, widths.output, quantization, input, weights, output, (int16_t *)scratch);
            continue;
        }
#else
        (void)scratch;
#endif
        filter_image_plainly(shape, widths.output, quantization, input, weights, output);
    }
}
