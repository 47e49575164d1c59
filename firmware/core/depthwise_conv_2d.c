#include <stddef.h>

#include "dsp.h"
#include "finish.h"
#include "kernels.h"
#include "requantize.h"
#include "steps.h"

int32_t reds_depthwise_conv_2d_scratch(const RedsConvShape *shape)
{
    const int32_t taps = shape->filter_height * shape->filter_width;
    return REDS_DSP ? taps * ((shape->output_channels + 3) & ~3) * (int32_t)sizeof(int16_t) : 0;
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

enum { BATCH = 32 }; /* channels that are finished together */

/* Channels are worked on in fours. The last four may overlap the four before, and get the same values again. */
static int32_t four_from(int32_t next, int32_t count)
{
    return next + 4 <= count ? next : count < 4 ? 0 : count - 4;
}

/* The taps of four channels, one behind the other, in the order of matrix.h; then those of the next four. */
static void widen_taps(const RedsConvShape *shape, int32_t width, const int8_t *weights, int16_t *taps)
{
    for (int32_t next = 0; next < width; next += 4) {
        const int8_t *tap = weights + four_from(next, width);
        for (int32_t i = 0; i < shape->filter_height * shape->filter_width; i++, tap += shape->output_channels) {
            const uint32_t word = reds_load_4(tap);
            reds_store_4(taps, reds_sxtab16(0, word));
            reds_store_4(taps + 2, reds_sxtab16_ror8(0, word));
            taps += 4;
        }
    }
}

/* The part of a filter's window that lies within the input. */
typedef struct Window {
    int32_t rows;
    int32_t columns;
    int32_t step;         /* from input to input within a row */
    int32_t next_row;     /* from the end of a row to the next */
    int32_t skipped_taps; /* of four channels, from the end of a row to the next */
    int32_t next_four;    /* from the taps of four channels to those of the next */
    uint32_t offsets;     /* the input offset, twice */
} Window;

/* Sums of `count` channels, a multiple of four: biases plus products. */
REDS_APART void sum_window(const Window *window, const int8_t *input, const int16_t *taps, const int32_t *biases,
                           int32_t *sums, int32_t count)
{
    const Window local = *window;
    for (const int32_t *end = sums + count; sums != end; sums += 4, biases += 4, input += 4, taps += local.next_four) {
        const int8_t *from = input;
        const int16_t *tap = taps;
        int32_t four[4] = {biases[0], biases[1], biases[2], biases[3]};
        for (int32_t row = local.rows; row > 0; row--) {
            int32_t column = local.columns;
            for (; column >= 3; column -= 3) {
                reds_step_depthwise(four, &from, local.step, &tap, local.offsets);
                reds_step_depthwise(four, &from, local.step, &tap, local.offsets);
                reds_step_depthwise(four, &from, local.step, &tap, local.offsets);
            }
            for (; column > 0; column--) {
                reds_step_depthwise(four, &from, local.step, &tap, local.offsets);
            }
            from += local.next_row;
            tap += local.skipped_taps;
        }
        sums[0] = four[0];
        sums[1] = four[1];
        sums[2] = four[2];
        sums[3] = four[3];
    }
}

/* One to three channels, of an output that has more. */
REDS_APART void filter_few_channels(int32_t width, const RedsQuantization *quantization, const Window *window,
                                    const int8_t *input, const int16_t *taps, int8_t *output)
{
    int32_t sums[4], biases[4] = {0, 0, 0, 0};
    for (int32_t i = 0; i < width; i++) {
        biases[i] = reds_bias(quantization, i);
    }
    sum_window(window, input, taps, biases, sums, 4);
    reds_finish(quantization, 0, width, sums, output);
}

/* All channels of an output position; `input` and `taps` begin with the window's first. */
static void filter_position(int32_t width, const RedsQuantization *quantization, const Window *window,
                            const int8_t *input, const int16_t *taps, int8_t *output)
{
    static const int32_t no_biases[BATCH] = {0};
    int32_t sums[BATCH];
    if (width < 4) {
        filter_few_channels(width, quantization, window, input, taps, output);
        return;
    }
    for (int32_t next = 0; next < width; next += BATCH, taps += BATCH / 4 * window->next_four) {
        const int32_t first = four_from(next, width);
        const int32_t count = width - first < BATCH ? width - first : BATCH;
        const int32_t fours = count & ~3;
        const int32_t *biases = quantization->biases ? quantization->biases + first : no_biases;
        sum_window(window, input + first, taps, biases, sums, fours);
        if (count != fours) {
            const int32_t last = count - 4;
            sum_window(window, input + first + last, taps + fours / 4 * window->next_four, biases + last, sums + last,
                       4);
        }
        reds_finish(quantization, first, count, sums, output + first);
    }
}

static void filter_image(const RedsConvShape *shape, int32_t width, const RedsQuantization *quantization,
                         const int8_t *input, const int8_t *weights, int8_t *output, int16_t *taps)
{
    const uint32_t offset = (uint32_t)quantization->input_offset;
    const int32_t row_size = shape->input_width * shape->input_channels;
    Window window;
    window.step = shape->dilation_width * shape->input_channels;
    window.next_four = shape->filter_height * shape->filter_width * 4;
    window.offsets = (offset << 16) + (offset & 0xFFFF);
    widen_taps(shape, width, weights, taps);
    for (int32_t y = 0; y < shape->output_height; y++) {
        const Span rows = span_within(y * shape->stride_height - shape->padding_top, shape->filter_height,
                                      shape->dilation_height, shape->input_height);
        window.rows = rows.end - rows.first;
        for (int32_t x = 0; x < shape->output_width; x++, output += shape->output_channels) {
            const Span columns = span_within(x * shape->stride_width - shape->padding_left, shape->filter_width,
                                             shape->dilation_width, shape->input_width);
            window.columns = columns.end - columns.first;
            window.next_row = shape->dilation_height * row_size - window.columns * window.step;
            window.skipped_taps = (shape->filter_width - window.columns) * 4;
            filter_position(width, quantization, &window,
                            input + rows.at * row_size + columns.at * shape->input_channels,
                            taps + (rows.first * shape->filter_width + columns.first) * 4, output);
        }
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
