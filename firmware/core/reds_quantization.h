/* From 32-bit sums to int8 outputs, with the rounding of TensorFlow Lite Micro. */
#ifndef REDS_QUANTIZATION_H
#define REDS_QUANTIZATION_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How an int8 layer turns its inputs into outputs:
 * output = clamp(output_offset + (bias + sum(weight * (input + input_offset))) * multiplier / 2^31 * 2^shift).
 */
typedef struct RedsQuantization {
    const int32_t *multipliers; /* in [2^30, 2^31) or 0 */
    const int8_t *shifts;       /* positive to the left, -31 to 30; as many as multipliers */
    const int32_t *biases;      /* one for each output channel, or NULL */
    uint8_t per_channel;        /* 1: a multiplier and a shift for each output channel; 0: one of each */
    int16_t input_offset;       /* minus the input's zero point, -127 to 128 */
    int16_t output_offset;      /* the output's zero point, -128 to 127 */
    int8_t output_min;
    int8_t output_max;
} RedsQuantization;

/* value * multiplier / 2^31 * 2^shift, rounded twice: at 2^31 half upwards, at the shift half away from zero.
 * (gemmlowp's SaturatingRoundingDoublingHighMul and RoundingDivideByPOT.) */
int32_t reds_requantize(int32_t value, int32_t multiplier, int32_t shift);

/* real = multiplier / 2^31 * 2^shift for 0 <= real < 2^30; below 2^-32 both are 0. Needs doubles: for preparation. */
void reds_quantize_multiplier(double real, int32_t *multiplier, int8_t *shift);

#ifdef __cplusplus
}
#endif

#endif
