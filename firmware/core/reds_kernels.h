/* Layers that compute their first outputs from their first inputs.
 *
 * Activations are NHWC and weights row-major, in the shape of the full network, whatever the widths: only the first
 * widths.input channels of each position are read and the first widths.output written, the rest is left alone.
 * int8 data may lie at any address, int32 at multiples of 4; input, output and scratch memory do not overlap. Nothing
 * here checks its arguments: see reds_prepare.c for what has to be checked when a network is prepared.
 *
 * With the DSP extension of Cortex-M4 and M7 (or its emulation, see reds_dsp.h) a kernel works faster if it gets
 * `scratch` memory of reds_..._scratch() bytes, aligned to 4; without it, or on other processors, it may be NULL. The
 * results are the same, bit for bit.
 */
#ifndef REDS_KERNELS_H
#define REDS_KERNELS_H

#include <stdint.h>

#include "reds_layer.h"
#include "reds_quantization.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Weights (output_channels, segments, input_channels), inputs (batches, segments, input_channels), outputs (batches,
 * output_channels). Behind a flatten, a segment is a position of the map that was flattened; elsewhere there is one. */
typedef struct RedsDenseShape {
    int32_t batches;
    int32_t segments;
    int32_t input_channels;
    int32_t output_channels;
} RedsDenseShape;

/* Weights (output_channels, filter_height, filter_width, input_channels) for CONV_2D, and (filter_height, filter_width,
 * output_channels) for DEPTHWISE_CONV_2D; inputs (batches, input_height, input_width, input_channels), outputs
 * likewise. DEPTHWISE_CONV_2D has as many input as output channels, or one input channel. */
typedef struct RedsConvShape {
    int32_t batches;
    int32_t input_height;
    int32_t input_width;
    int32_t input_channels;
    int32_t output_height;
    int32_t output_width;
    int32_t output_channels;
    int32_t filter_height;
    int32_t filter_width;
    int32_t stride_height;
    int32_t stride_width;
    int32_t dilation_height;
    int32_t dilation_width;
    int32_t padding_top;
    int32_t padding_left;
} RedsConvShape;

int32_t reds_fully_connected_scratch(const RedsDenseShape *shape);
int32_t reds_conv_2d_scratch(const RedsConvShape *shape);
int32_t reds_depthwise_conv_2d_scratch(const RedsConvShape *shape);

/* Whether a layer that reads `width` of `channels` channels at each of `segments` positions (CONV_2D: taps of its
 * filter) works faster on all of them: a row of weights is then read in one run. The channels beyond the width must
 * hold the input's zero point for that (reds_fill_beyond_s8). */
int reds_prefers_all_inputs(int32_t segments, int32_t channels, int32_t width);

/* Multiply-accumulates of one inference. */
uint32_t reds_fully_connected_macs(const RedsDenseShape *shape, RedsWidths widths);
uint32_t reds_conv_2d_macs(const RedsConvShape *shape, RedsWidths widths);
uint32_t reds_depthwise_conv_2d_macs(const RedsConvShape *shape, RedsWidths widths);

void reds_fully_connected_s8(const RedsDenseShape *shape, RedsWidths widths, const RedsQuantization *quantization,
                             const int8_t *input, const int8_t *weights, int8_t *output, void *scratch);
void reds_conv_2d_s8(const RedsConvShape *shape, RedsWidths widths, const RedsQuantization *quantization,
                     const int8_t *input, const int8_t *weights, int8_t *output, void *scratch);
void reds_depthwise_conv_2d_s8(const RedsConvShape *shape, RedsWidths widths, const RedsQuantization *quantization,
                               const int8_t *input, const int8_t *weights, int8_t *output, void *scratch);

/* Sums in the order of the inputs, then the bias (may be NULL), then the limits. */
void reds_fully_connected_f32(const RedsDenseShape *shape, RedsWidths widths, const float *input, const float *weights,
                              const float *biases, float output_min, float output_max, float *output);

/* Writes `value` (the zero point) to the channels from `width` on, at each of `positions` positions. */
void reds_fill_beyond_s8(int8_t *output, int32_t positions, int32_t channels, int32_t width, int8_t value);

#ifdef __cplusplus
}
#endif

#endif
