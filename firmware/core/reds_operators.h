/* Operators without weights, int8, on the first `width` channels of every position, as TensorFlow Lite Micro computes
 * them. */
#ifndef REDS_OPERATORS_H
#define REDS_OPERATORS_H

#include <stdint.h>

#include "reds_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* real = multiplier / 2^31 * 2^shift */
typedef struct RedsScale {
    int32_t multiplier;
    int8_t shift;
} RedsScale;

typedef struct RedsLimits {
    int8_t least;
    int8_t most;
} RedsLimits;

/* How many values there are, and which of them count: the first channels of each position. */
typedef struct RedsExtent {
    int32_t positions;
    int32_t channels;
} RedsExtent;

typedef struct RedsAdd {
    RedsExtent extent;
    int32_t input_zero_points[2];
    RedsScale inputs[2]; /* of the values times 2^20 */
    RedsScale output;
    int32_t output_zero_point;
    RedsLimits limits;
} RedsAdd;

/* Over height and width. */
typedef struct RedsMean {
    int32_t batches;
    int32_t positions; /* of a batch's input */
    int32_t channels;
    int32_t input_zero_point;
    int32_t output_zero_point;
    RedsScale scale; /* the number of positions included */
} RedsMean;

typedef struct RedsPool {
    RedsConvShape shape; /* weights and output channels unused */
    RedsLimits limits;
} RedsPool;

/* Shapes are (batches, height, width, channels). */
typedef struct RedsPad {
    int32_t input[4];
    int32_t output[4];
    int32_t before[4];
    int8_t value;
} RedsPad;

/* RELU, LEAKY_RELU and QUANTIZE: one factor for inputs from the zero point up, another below. */
typedef struct RedsRectifier {
    RedsExtent extent;
    int32_t input_zero_point;
    int32_t output_zero_point;
    RedsScale above;
    RedsScale below;
    RedsLimits limits;
} RedsRectifier;

/* RELU6, which keeps the scale. */
typedef struct RedsClamp {
    RedsExtent extent;
    RedsLimits limits;
} RedsClamp;

void reds_add_s8(const RedsAdd *add, int32_t width, const int8_t *a, const int8_t *b, int8_t *output);
void reds_mean_s8(const RedsMean *mean, int32_t width, const int8_t *input, int8_t *output);
void reds_average_pool_2d_s8(const RedsPool *pool, int32_t width, const int8_t *input, int8_t *output);
void reds_max_pool_2d_s8(const RedsPool *pool, int32_t width, const int8_t *input, int8_t *output);
void reds_pad_s8(const RedsPad *pad, int32_t width, const int8_t *input, int8_t *output);
void reds_rectify_s8(const RedsRectifier *rectifier, int32_t width, const int8_t *input, int8_t *output);
void reds_clamp_s8(const RedsClamp *clamp, int32_t width, const int8_t *input, int8_t *output);

#ifdef __cplusplus
}
#endif

#endif
