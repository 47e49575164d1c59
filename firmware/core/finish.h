/* From sums to outputs with few instructions: the same values as reds_output(). */
#ifndef REDS_FINISH_H
#define REDS_FINISH_H

#include <stdint.h>

#include "dsp.h"
#include "quantization.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Four shifts, a byte each: whether all go right by 1 to 16 bits, as nearly always. Then these shortcuts are right:
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

/* Outputs of four channels with short shifts, but for limits that are narrower than int8. `addend` is twice the
 * output's zero point, plus 1. */
REDS_INLINE void reds_finish_four(const int32_t *sums, const int32_t *multipliers, uint32_t shifts, int32_t addend,
                                  int8_t *outputs)
{
    const uint32_t shifts_but_one = ~shifts; /* to the right */
    outputs[0] = reds_finish_shortly(sums[0], multipliers[0], shifts_but_one, addend);
    outputs[1] = reds_finish_shortly(sums[1], multipliers[1], shifts_but_one >> 8, addend);
    outputs[2] = reds_finish_shortly(sums[2], multipliers[2], shifts_but_one >> 16, addend);
    outputs[3] = reds_finish_shortly(sums[3], multipliers[3], shifts_but_one >> 24, addend);
}

/* Outputs of `count` channels from `channel` on. */
void reds_finish(const RedsQuantization *quantization, int32_t channel, int32_t count, const int32_t *sums,
                 int8_t *outputs);

#ifdef __cplusplus
}
#endif

#endif
