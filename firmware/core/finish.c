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

/* Multipliers and shifts of four channels; the next four lie `step` further, or are the same (0). */
typedef struct Scales {
    const int32_t *multipliers;
    const int8_t *shifts;
    int32_t step;
} Scales;

/* Outputs of `count` channels, a multiple of four. Returns 0 if shifts were met that forbid the shortcuts: the outputs
 * are wrong then. */
REDS_APART int finish_fours(Scales scales, int32_t addend, const int32_t *sums, int8_t *outputs, int32_t count)
{
    uint32_t met = 0;
    for (const int8_t *end = outputs + count; outputs != end; outputs += 4, sums += 4) {
        const uint32_t shifts = reds_load_4(scales.shifts);
        reds_finish_four(sums, scales.multipliers, shifts, addend, outputs);
        met |= ~shifts;
        scales.multipliers += scales.step;
        scales.shifts += scales.step;
    }
    return reds_are_short(~met);
}

void reds_finish(const RedsQuantization *quantization, int32_t channel, int32_t count, const int32_t *sums,
                 int8_t *outputs)
{
    const int32_t addend = 2 * quantization->output_offset + 1;
    const int32_t multiplier = *quantization->multipliers;
    const int8_t shift = *quantization->shifts;
    const int32_t same_multipliers[4] = {multiplier, multiplier, multiplier, multiplier};
    const int8_t same_shifts[4] = {shift, shift, shift, shift};
    Scales scales = {same_multipliers, same_shifts, 0};
    if (quantization->per_channel) {
        scales.multipliers = quantization->multipliers + channel;
        scales.shifts = quantization->shifts + channel;
        scales.step = 4;
    }
    const int32_t fours = count & ~3;
    int done = fours && finish_fours(scales, addend, sums, outputs, fours);
    if (done && count != fours) {
        /* the last four overlap the four before, which get the same values again */
        const int32_t last = count - 4;
        scales.multipliers += scales.step ? last : 0;
        scales.shifts += scales.step ? last : 0;
        done = finish_fours(scales, addend, sums + last, outputs + last, 4);
    }
    if (!done) {
        finish_in_full(quantization, channel, count, sums, outputs);
    } else if (quantization->output_min > -128 || quantization->output_max < 127) {
        narrow(quantization, count, outputs);
    }
}
