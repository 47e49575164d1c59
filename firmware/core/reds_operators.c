#include "reds_operators.h"

#include <string.h>

#include "reds_requantize.h"

static int32_t scaled(int32_t value, RedsScale scale)
{
    return reds_requantize_inline(value, scale.multiplier, scale.shift);
}

static int8_t limited(int32_t value, int32_t zero_point, RedsLimits limits)
{
    return (int8_t)(reds_clamp(value, limits.least - zero_point, limits.most - zero_point) + zero_point);
}

void reds_add_s8(const RedsAdd *add, int32_t width, const int8_t *a, const int8_t *b, int8_t *output)
{
    const int32_t channels = add->extent.channels;
    for (int32_t position = 0; position < add->extent.positions; position++) {
        for (int32_t c = 0; c < width; c++) {
            const int32_t left = scaled((a[c] - add->input_zero_points[0]) * (1 << 20), add->inputs[0]);
            const int32_t right = scaled((b[c] - add->input_zero_points[1]) * (1 << 20), add->inputs[1]);
            output[c] = limited(scaled(left + right, add->output), add->output_zero_point, add->limits);
        }
        a += channels;
        b += channels;
        output += channels;
    }
}

void reds_mean_s8(const RedsMean *mean, int32_t width, const int8_t *input, int8_t *output)
{
    const RedsLimits all = {-128, 127};
    for (int32_t batch = 0; batch < mean->batches; batch++) {
        for (int32_t c = 0; c < width; c++) {
            const int8_t *from = input + c;
            int32_t sum = 0;
            for (int32_t position = 0; position < mean->positions; position++, from += mean->channels) {
                sum += *from - mean->input_zero_point;
            }
            output[c] = limited(scaled(sum, mean->scale), mean->output_zero_point, all);
        }
        input += mean->positions * mean->channels;
        output += mean->channels;
    }
}

/* The part of a window that lies within the input. */
typedef struct Region {
    int32_t top, bottom, left, right; /* bottom and right lie outside */
} Region;

static Region region_of(const RedsConvShape *shape, int32_t y, int32_t x)
{
    Region region;
    const int32_t top = y * shape->stride_height - shape->padding_top;
    const int32_t left = x * shape->stride_width - shape->padding_left;
    region.top = top < 0 ? 0 : top;
    region.left = left < 0 ? 0 : left;
    region.bottom = reds_clamp(top + shape->filter_height, 0, shape->input_height);
    region.right = reds_clamp(left + shape->filter_width, 0, shape->input_width);
    return region;
}

typedef int32_t (*Reduction)(const RedsConvShape *shape, Region region, const int8_t *input);

static int32_t average(const RedsConvShape *shape, Region region, const int8_t *input)
{
    const int32_t count = (region.bottom - region.top) * (region.right - region.left);
    int32_t sum = 0;
    for (int32_t y = region.top; y < region.bottom; y++) {
        for (int32_t x = region.left; x < region.right; x++) {
            sum += input[(y * shape->input_width + x) * shape->input_channels];
        }
    }
    return sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count;
}

static int32_t maximum(const RedsConvShape *shape, Region region, const int8_t *input)
{
    int32_t most = -128;
    for (int32_t y = region.top; y < region.bottom; y++) {
        for (int32_t x = region.left; x < region.right; x++) {
            const int8_t value = input[(y * shape->input_width + x) * shape->input_channels];
            most = value > most ? value : most;
        }
    }
    return most;
}

static void pool_2d(const RedsPool *pool, int32_t width, const int8_t *input, int8_t *output, Reduction reduce)
{
    const RedsConvShape *shape = &pool->shape;
    for (int32_t batch = 0; batch < shape->batches; batch++) {
        for (int32_t y = 0; y < shape->output_height; y++) {
            for (int32_t x = 0; x < shape->output_width; x++) {
                const Region region = region_of(shape, y, x);
                for (int32_t c = 0; c < width; c++) {
                    output[c] = limited(reduce(shape, region, input + c), 0, pool->limits);
                }
                output += shape->input_channels;
            }
        }
        input += shape->input_height * shape->input_width * shape->input_channels;
    }
}

void reds_average_pool_2d_s8(const RedsPool *pool, int32_t width, const int8_t *input, int8_t *output)
{
    pool_2d(pool, width, input, output, average);
}

void reds_max_pool_2d_s8(const RedsPool *pool, int32_t width, const int8_t *input, int8_t *output)
{
    pool_2d(pool, width, input, output, maximum);
}

/* Where index `i` of a padded axis comes from, or -1. */
static int32_t unpadded(const RedsPad *pad, int32_t axis, int32_t i)
{
    const int32_t from = i - pad->before[axis];
    return from >= 0 && from < pad->input[axis] ? from : -1;
}

void reds_pad_s8(const RedsPad *pad, int32_t width, const int8_t *input, int8_t *output)
{
    const int32_t channels = pad->output[3];
    for (int32_t b = 0; b < pad->output[0]; b++) {
        for (int32_t y = 0; y < pad->output[1]; y++) {
            for (int32_t x = 0; x < pad->output[2]; x++, output += channels) {
                const int32_t from_b = unpadded(pad, 0, b), from_y = unpadded(pad, 1, y), from_x = unpadded(pad, 2, x);
                if (from_b >= 0 && from_y >= 0 && from_x >= 0) {
                    const int32_t position = (from_b * pad->input[1] + from_y) * pad->input[2] + from_x;
                    memcpy(output, input + position * channels, (size_t)width);
                } else {
                    memset(output, pad->value, (size_t)width);
                }
            }
        }
    }
}

void reds_rectify_s8(const RedsRectifier *rectifier, int32_t width, const int8_t *input, int8_t *output)
{
    const int32_t channels = rectifier->extent.channels;
    for (int32_t position = 0; position < rectifier->extent.positions; position++) {
        for (int32_t c = 0; c < width; c++) {
            const int32_t value = input[c] - rectifier->input_zero_point;
            const int32_t output_value = scaled(value, value >= 0 ? rectifier->above : rectifier->below);
            output[c] = limited(output_value, rectifier->output_zero_point, rectifier->limits);
        }
        input += channels;
        output += channels;
    }
}

void reds_clamp_s8(const RedsClamp *clamp, int32_t width, const int8_t *input, int8_t *output)
{
    const int32_t channels = clamp->extent.channels;
    for (int32_t position = 0; position < clamp->extent.positions; position++) {
        for (int32_t c = 0; c < width; c++) {
            output[c] = limited(input[c], 0, clamp->limits);
        }
        input += channels;
        output += channels;
    }
}
