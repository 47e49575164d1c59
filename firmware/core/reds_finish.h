/* From sums to outputs with few instructions: the same values as reds_output(). */
#ifndef REDS_FINISH_H
#define REDS_FINISH_H

#include <stdint.h>

#include "reds_dsp.h"
#include "reds_quantization.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A layer's quantization, arranged for walks over its output channels: where there are no biases, or one multiplier for
 * all channels, four equal values stand for any four channels. */
typedef struct RedsChannels {
    const int32_t *biases;
    const int32_t *multipliers;
    const int8_t *shifts;
    int32_t biases_mask;    /* biases[channel & biases_mask] is the channel's: -1, or 0 */
    int32_t scales_mask;    /* likewise, of multipliers and shifts */
    uint32_t input_offsets; /* minus the input's zero point, in both halves */
    int32_t addend;         /* twice the output's zero point, plus 1 */
    int32_t output_min;
    int32_t output_max;
    int32_t same_multipliers[4];
    int8_t same_shifts[4];
} RedsChannels;

/* `channels` points into itself: it cannot be copied. */
void reds_channels_init(RedsChannels *channels, const RedsQuantization *quantization);

/* An output but for limits that are narrower than int8, of any multiplier and shift. */
int8_t reds_finish_at_length(int32_t sum, int32_t multiplier, int32_t shift, int32_t addend);

/* Where limits are narrower than int8, brings `count` outputs within them. */
void reds_limit(const RedsChannels *channels, int32_t count, int8_t *outputs);

/* Whether the shift in each byte goes right by 1 to 16 bits, as nearly always. Then these shortcuts are right:
 * - round(sum * multiplier / 2^31) = round(2 * sum * multiplier / 2^32), one instruction. A doubled sum that saturates
 *   stands for |sum| >= 2^30; shifted by at most 16 bits this is at least 2^13, limited to int8 either way.
 * - Halves are rounded away from zero by subtracting 1 from negative numbers before rounding them up.
 * - The last bit of the shift comes after zero point and rounding have been added, in the instruction that limits to
 *   int8. */
REDS_INLINE int reds_are_short(uint32_t shifts)
{
    return (~shifts & 0xF0F0F0F0u) == 0;
}

REDS_INLINE int8_t reds_finish_shortly(int32_t sum, int32_t multiplier, uint32_t shift_but_one, int32_t addend)
{
    int32_t value = reds_rounding_high_multiply(reds_saturating_double(sum), multiplier);
    value += value >> 31;
    return (int8_t)reds_saturating_half(reds_shift_right(value, shift_but_one) + addend);
}

/* Outputs of four channels at one position. Like the next, it leaves out limits that are narrower than int8. */
REDS_INLINE void reds_finish_channels(const int32_t sums[4], const int32_t *multipliers, const int8_t *shifts,
                                      int32_t addend, int8_t *outputs)
{
    const uint32_t word = reds_load_4(shifts), shifts_but_one = ~word; /* to the right */
    if (reds_are_short(word)) {
        outputs[0] = reds_finish_shortly(sums[0], multipliers[0], shifts_but_one, addend);
        outputs[1] = reds_finish_shortly(sums[1], multipliers[1], shifts_but_one >> 8, addend);
        outputs[2] = reds_finish_shortly(sums[2], multipliers[2], shifts_but_one >> 16, addend);
        outputs[3] = reds_finish_shortly(sums[3], multipliers[3], shifts_but_one >> 24, addend);
    } else {
        outputs[0] = reds_finish_at_length(sums[0], multipliers[0], shifts[0], addend);
        outputs[1] = reds_finish_at_length(sums[1], multipliers[1], shifts[1], addend);
        outputs[2] = reds_finish_at_length(sums[2], multipliers[2], shifts[2], addend);
        outputs[3] = reds_finish_at_length(sums[3], multipliers[3], shifts[3], addend);
    }
}

/* Outputs of one channel at four positions, `stride` from each other. */
REDS_INLINE void reds_finish_positions(const int32_t sums[4], int32_t multiplier, int32_t shift, int32_t addend,
                                       int8_t *outputs, int32_t stride)
{
    if (shift < 0 && shift >= -16) {
        const uint32_t shift_but_one = ~(uint32_t)shift;
        outputs[0] = reds_finish_shortly(sums[0], multiplier, shift_but_one, addend);
        outputs[stride] = reds_finish_shortly(sums[1], multiplier, shift_but_one, addend);
        outputs[2 * stride] = reds_finish_shortly(sums[2], multiplier, shift_but_one, addend);
        outputs[3 * stride] = reds_finish_shortly(sums[3], multiplier, shift_but_one, addend);
    } else {
        outputs[0] = reds_finish_at_length(sums[0], multiplier, shift, addend);
        outputs[stride] = reds_finish_at_length(sums[1], multiplier, shift, addend);
        outputs[2 * stride] = reds_finish_at_length(sums[2], multiplier, shift, addend);
        outputs[3 * stride] = reds_finish_at_length(sums[3], multiplier, shift, addend);
    }
}

#ifdef __cplusplus
}
#endif

#endif
