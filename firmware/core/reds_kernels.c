#include "reds_kernels.h"

#include <string.h>

#include "reds_dsp.h"

void reds_fill_beyond_s8(int8_t *output, int32_t positions, int32_t channels, int32_t width, int8_t value)
{
    if (width == channels) {
        return;
    }
    for (int32_t i = 0; i < positions; i++) {
        memset(output + i * channels + width, value, (size_t)(channels - width));
    }
}

int reds_prefers_all_inputs(int32_t segments, int32_t channels, int32_t width)
{
    /* elements are read four by four: no fewer for this width than for all channels */
    return REDS_DSP && segments > 1 && width < channels && channels <= ((width + 3) & ~3);
}

uint32_t reds_fully_connected_macs(const RedsDenseShape *shape, RedsWidths widths)
{
    return (uint32_t)shape->batches * (uint32_t)shape->segments * (uint32_t)widths.input * (uint32_t)widths.output;
}

/* Padding counts as if it were multiplied. */
static uint32_t products_per_channel(const RedsConvShape *shape)
{
    return (uint32_t)shape->batches * (uint32_t)shape->output_height * (uint32_t)shape->output_width *
           (uint32_t)shape->filter_height * (uint32_t)shape->filter_width;
}

uint32_t reds_conv_2d_macs(const RedsConvShape *shape, RedsWidths widths)
{
    return products_per_channel(shape) * (uint32_t)widths.input * (uint32_t)widths.output;
}

uint32_t reds_depthwise_conv_2d_macs(const RedsConvShape *shape, RedsWidths widths)
{
    return products_per_channel(shape) * (uint32_t)widths.output;
}

void reds_fully_connected_f32(const RedsDenseShape *shape, RedsWidths widths, const float *input, const float *weights,
                              const float *biases, float output_min, float output_max, float *output)
{
    const int32_t row = shape->segments * shape->input_channels;
    for (int32_t batch = 0; batch < shape->batches; batch++) {
        for (int32_t o = 0; o < widths.output; o++) {
            float sum = 0;
            for (int32_t segment = 0; segment < shape->segments; segment++) {
                const float *x = input + batch * row + segment * shape->input_channels;
                const float *w = weights + o * row + segment * shape->input_channels;
                for (int32_t i = 0; i < widths.input; i++) {
                    sum += w[i] * x[i];
                }
            }
            sum += biases ? biases[o] : 0;
            output[batch * shape->output_channels + o] = sum < output_min   ? output_min
                                                         : sum > output_max ? output_max
                                                                            : sum;
        }
    }
}
