#include <stddef.h>

#include "reds_dsp.h"
#include "reds_finish.h"
#include "reds_kernels.h"
#include "reds_requantize.h"
#include "reds_span.h"
#include "reds_steps.h"

/* The part of a filter's window that lies within the input, at one output position. */
typedef struct Window {
    const int8_t *input; /* of the first tap */
    int32_t first_tap;
    int32_t rows;
    int32_t columns;
    int32_t step;     /* from input to input within a row */
    int32_t next_row; /* from the input behind a row to the next row */
    int32_t skipped;  /* taps, likewise */
} Window;

#if REDS_DSP

/* The taps of four channels, one behind the other, in the order of reds_matrix.h; then those of the next four. The last
 * four channels may overlap the four before, and get the same outputs again. */
static void widen_taps(const RedsConvShape *shape, int32_t width, const int8_t *weights, int16_t *taps)
{
    for (int32_t next = 0; next < width; next += 4) {
        const int8_t *tap = weights + (next + 4 <= width ? next : width - 4);
        for (int32_t i = 0; i < shape->filter_height * shape->filter_width; i++, tap += shape->output_channels) {
            const int8_t *from = tap;
            reds_step_widen(&from, &taps, 4, 0);
        }
    }
}

/* Adds the products of a window and four channels. Most windows are three wide: no jumps within their rows. */
REDS_INLINE void add_window(int32_t sums[4], const Window *window, const int8_t *input, const int16_t *taps,
                            uint32_t offsets)
{
    const int32_t step = window->step, next_row = window->next_row, skipped = 4 * window->skipped;
    if (window->columns == 3) {
        for (int32_t row = window->rows; row > 0; row--, input += next_row, taps += skipped) {
            reds_step_depthwise(sums, &input, step, &taps, offsets);
            reds_step_depthwise(sums, &input, step, &taps, offsets);
            reds_step_depthwise(sums, &input, step, &taps, offsets);
        }
    } else {
        for (int32_t row = window->rows; row > 0; row--, input += next_row, taps += skipped) {
            for (int32_t column = window->columns; column > 0; column--) {
                reds_step_depthwise(sums, &input, step, &taps, offsets);
            }
        }
    }
}

/* Outputs of `count` channels, a multiple of four, from `channel` on. `taps` begin with the window's first, for these
 * channels; those for the next four lie `next_four` further. */
REDS_APART void filter_fours(const Window *shared, int32_t channel, const int16_t *taps, int32_t next_four,
                             const RedsChannels *channels, int8_t *output, int32_t count)
{
    const Window window = *shared;
    for (const int32_t end = channel + count; channel < end; channel += 4, taps += next_four) {
        const int32_t *biases = channels->biases + (channel & channels->biases_mask);
        const int32_t scale = channel & channels->scales_mask;
        int32_t four[4] = {biases[0], biases[1], biases[2], biases[3]};
        add_window(four, &window, window.input + channel, taps, channels->input_offsets);
        reds_finish_channels(four, channels->multipliers + scale, channels->shifts + scale, channels->addend,
                             output + channel);
    }
}

/* All channels of an output position; there are four at least. */
static void filter_position(const RedsConvShape *shape, int32_t width, const RedsChannels *channels,
                            const Window *window, const int16_t *taps, int8_t *output)
{
    const int32_t next_four = shape->filter_height * shape->filter_width * 4;
    const int32_t fours = width & ~3;
    taps += 4 * window->first_tap;
    filter_fours(window, 0, taps, next_four, channels, output, fours);
    if (width != fours) {
        filter_fours(window, width - 4, taps + fours / 4 * next_four, next_four, channels, output, 4);
    }
    reds_limit(channels, width, output);
}

#endif

static int8_t filter_window_plainly(const RedsConvShape *shape, const RedsQuantization *quantization,
                                    const Window *window, const int8_t *input, const int8_t *weights, int32_t channel)
{
    const int32_t tap_step = shape->output_channels;
    int32_t sum = reds_bias(quantization, channel);
    for (int32_t row = window->rows; row > 0; row--) {
        for (int32_t column = window->columns; column > 0; column--) {
            sum = reds_accumulate(sum, *weights, *input + quantization->input_offset);
            weights += tap_step;
            input += window->step;
        }
        weights += window->skipped * tap_step;
        input += window->next_row;
    }
    return reds_output(sum, quantization, channel);
}

static void filter_position_plainly(const RedsConvShape *shape, int32_t width, const RedsQuantization *quantization,
                                    const Window *window, const int8_t *weights, int8_t *output)
{
    const int32_t next_input = shape->input_channels == 1 ? 0 : 1;
    weights += window->first_tap * shape->output_channels;
    for (int32_t channel = 0; channel < width; channel++) {
        output[channel] = filter_window_plainly(shape, quantization, window, window->input + next_input * channel,
                                                weights + channel, channel);
    }
}

/* `taps` are those of widen_taps(), or NULL: plainly then. */
static void filter_image(const RedsConvShape *shape, int32_t width, const RedsQuantization *quantization,
                         const int8_t *input, const int8_t *weights, const int16_t *taps, int8_t *output)
{
    const int32_t channels = shape->input_channels;
    const int32_t row_size = shape->input_width * channels;
    Window window;
    window.step = shape->dilation_width * channels;
#if REDS_DSP
    RedsChannels of_output;
    reds_channels_init(&of_output, quantization);
#endif
    for (int32_t y = 0; y < shape->output_height; y++) {
        const RedsSpan rows = reds_span(y * shape->stride_height - shape->padding_top, shape->filter_height,
                                        shape->dilation_height, shape->input_height);
        window.rows = rows.end - rows.first;
        for (int32_t x = 0; x < shape->output_width; x++, output += shape->output_channels) {
            const RedsSpan columns = reds_span(x * shape->stride_width - shape->padding_left, shape->filter_width,
                                               shape->dilation_width, shape->input_width);
            window.input = input + rows.at * row_size + columns.at * channels;
            window.first_tap = rows.first * shape->filter_width + columns.first;
            window.columns = columns.end - columns.first;
            window.next_row = shape->dilation_height * row_size - window.columns * window.step;
            window.skipped = shape->filter_width - window.columns;
#if REDS_DSP
            if (taps) {
                filter_position(shape, width, &of_output, &window, taps, output);
                continue;
            }
#else
            (void)taps;
#endif
            filter_position_plainly(shape, width, quantization, &window, weights, output);
        }
    }
}

int32_t reds_depthwise_conv_2d_scratch(const RedsConvShape *shape)
{
    const int32_t taps = shape->filter_height * shape->filter_width;
    return REDS_DSP ? taps * ((shape->output_channels + 3) & ~3) * (int32_t)sizeof(int16_t) : 0;
}

void reds_depthwise_conv_2d_s8(const RedsConvShape *shape, RedsWidths widths, const RedsQuantization *quantization,
                               const int8_t *input, const int8_t *weights, int8_t *output, void *scratch)
{
    const int32_t input_size = shape->input_height * shape->input_width * shape->input_channels;
    const int32_t output_size = shape->output_height * shape->output_width * shape->output_channels;
    const int16_t *taps = NULL;
#if REDS_DSP
    if (scratch && shape->input_channels >= 4 && widths.output >= 4) {
        widen_taps(shape, widths.output, weights, (int16_t *)scratch);
        taps = (const int16_t *)scratch;
    }
#else
    (void)scratch;
#endif
    for (int32_t batch = 0; batch < shape->batches; batch++, input += input_size, output += output_size) {
        filter_image(shape, widths.output, quantization, input, weights, taps, output);
    }
}
