/* Inline arithmetic of reds_quantization.h. */
#ifndef REDS_REQUANTIZE_H
#define REDS_REQUANTIZE_H

#include "reds_quantization.h"

/* Signed right shifts are taken to be arithmetic and conversions to int32_t to wrap, as with every compiler for these
 * processors. */

/* round(value * multiplier / 2^31), halves upwards, for multiplier >= 0. */
static inline int32_t reds_doubling_high_multiply(int32_t value, int32_t multiplier)
{
    return (int32_t)(((int64_t)value * multiplier + ((int64_t)1 << 30)) >> 31);
}

/* round(value / 2^exponent), halves away from zero, for 0 <= exponent <= 31. */
static inline int32_t reds_rounding_shift_right(int32_t value, int32_t exponent)
{
    if (exponent == 0) {
        return value;
    }
    /* floor((value - (value < 0) + 2^(exponent - 1)) / 2^exponent), in two steps because the sum may overflow */
    return (((value - (value < 0)) >> (exponent - 1)) + 1) >> 1;
}

static inline int32_t reds_requantize_inline(int32_t value, int32_t multiplier, int32_t shift)
{
    const int32_t left = shift > 0 ? shift : 0;
    const int32_t right = shift > 0 ? 0 : -shift;
    const int32_t shifted = (int32_t)((uint32_t)value << left);
    return reds_rounding_shift_right(reds_doubling_high_multiply(shifted, multiplier), right);
}

static inline int32_t reds_clamp(int32_t value, int32_t least, int32_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* An output from the sum that belongs to it. */
static inline int8_t reds_output(int32_t sum, const RedsQuantization *quantization, int32_t channel)
{
    const int32_t at = quantization->per_channel ? channel : 0;
    const int32_t value = reds_requantize_inline(sum, quantization->multipliers[at], quantization->shifts[at]);
    const int32_t offset = quantization->output_offset;
    return (int8_t)(reds_clamp(value, quantization->output_min - offset, quantization->output_max - offset) + offset);
}

/* sum + weight * input, wrapping where it overflows. */
static inline int32_t reds_accumulate(int32_t sum, int32_t weight, int32_t input)
{
    return (int32_t)((uint32_t)sum + (uint32_t)(weight * input));
}

static inline int32_t reds_bias(const RedsQuantization *quantization, int32_t channel)
{
    return quantization->biases ? quantization->biases[channel] : 0;
}

#endif
