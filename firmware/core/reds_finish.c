#include "reds_finish.h"

#include "reds_requantize.h"

void reds_channels_init(RedsChannels *channels, const RedsQuantization *quantization)
{
    static const int32_t no_biases[4] = {0};
    channels->biases = quantization->biases ? quantization->biases : no_biases;
    channels->biases_mask = quantization->biases ? -1 : 0;
    channels->input_offsets = ((uint32_t)quantization->input_offset << 16) + (uint16_t)quantization->input_offset;
    channels->addend = 2 * quantization->output_offset + 1;
    channels->output_min = quantization->output_min;
    channels->output_max = quantization->output_max;
    channels->multipliers = quantization->multipliers;
    channels->shifts = quantization->shifts;
    channels->scales_mask = -1;
    if (!quantization->per_channel) {
        for (int32_t i = 0; i < 4; i++) {
            channels->same_multipliers[i] = *quantization->multipliers;
            channels->same_shifts[i] = *quantization->shifts;
        }
        channels->multipliers = channels->same_multipliers;
        channels->shifts = channels->same_shifts;
        channels->scales_mask = 0;
    }
}

int8_t reds_finish_at_length(int32_t sum, int32_t multiplier, int32_t shift, int32_t addend)
{
    const int32_t offset = (addend - 1) / 2;
    return (int8_t)(reds_clamp(reds_requantize_inline(sum, multiplier, shift), -128 - offset, 127 - offset) + offset);
}

void reds_limit(const RedsChannels *channels, int32_t count, int8_t *outputs)
{
    if (channels->output_min == INT8_MIN && channels->output_max == INT8_MAX) {
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        outputs[i] = (int8_t)reds_clamp(outputs[i], channels->output_min, channels->output_max);
    }
}
