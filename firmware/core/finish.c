#include "finish.h"

#include "dsp.h"
#include "requantize.h"

REDS_APART void finish_in_full(const RedsQuantization *quantization, int32_t channel, int32_t count,
                               const int32_t *sums, int8_t *outputs)
{
    for (int32_t i = 0; i < count; i++) {
        outputs[i] = reds_output(sums[i], quantization, channel + i);
    }
}

REDS_APART void narrow(const RedsQuantization *quantization, int32_t count, int8_t *outputs)
{
    for (int32_t i = 0; i < count; i++) {
        outputs[i] = (int8_t)reds_clamp(outputs[i], quantization->output_min, quantization->output_max);
    }
}

/* Where the shift goes right by 1 to 20 bits, so nearly always, three shortcuts give the same value:
 * - round(sum * multiplier / 2^31) = round(2 * sum * multiplier / 2^32), one instruction. A doubled sum that saturates
 *   stands for |sum| >= 2^30; shifted by at most 20 bits this is at least 2^9, limited to int8 either way.
 * - Halves are rounded away from zero by subtracting 1 from negative numbers before rounding them up.
 * - The last bit of the shift comes after zero point and rounding have been added, in the instruction that limits to
 *   int8. */
void reds_finish(const RedsQuantization *quantization, int32_t channel, int32_t count, const int32_t *sums,
                 int8_t *outputs)
{
    const int32_t step = quantization->per_channel;
    const int32_t *multipliers = quantization->multipliers + step * channel;
    const int8_t *shifts = quantization->shifts + step * channel;
    const int32_t addend = 2 * quantization->output_offset + 1;
    for (int32_t i = 0; i < count; i++) {
        const int32_t shift_but_one = ~(int32_t)*shifts;
        if ((uint32_t)shift_but_one >= 20) {
            finish_in_full(quantization, channel, count, sums, outputs);
            return;
        }
        int32_t value = reds_rounding_high_multiply(reds_saturating_double(sums[i]), *multipliers);
        value += value >> 31;
        outputs[i] = (int8_t)reds_saturating_half((value >> shift_but_one) + addend);
        multipliers += step;
        shifts += step;
    }
    if (quantization->output_min > -128 || quantization->output_max < 127) {
        narrow(quantization, count, outputs);
    }
}
