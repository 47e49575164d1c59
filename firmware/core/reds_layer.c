#include "reds_layer.h"

#include <stddef.h>
#include <string.h>

static const RedsOverrideRecord *find_override(const RedsLayer *layer, uint32_t k)
{
    const uint32_t offset = layer->override_offsets ? layer->override_offsets[k] : 0;
    const void *record = offset ? layer->table + offset : NULL;
    return (const RedsOverrideRecord *)record;
}

static const uint16_t *find_widths(const RedsTable *table, uint16_t group)
{
    return group == REDS_NO_GROUP ? NULL : table->widths + group * table->subnetwork_count;
}

/* The table cannot know how many channels an output has that is never cut: whether overrides fit is seen here. */
static RedsStatus check_overrides(const RedsLayer *layer, uint32_t subnetwork_count)
{
    for (uint32_t k = 0; k < subnetwork_count; k++) {
        const RedsOverrideRecord *record = find_override(layer, k);
        const int32_t width = reds_layer_widths(layer, (uint8_t)k).output;
        if (record && record->count != width && (record->count != 1 || (record->flags & REDS_OWN_BIASES))) {
            return REDS_LAYER_OVERRIDE;
        }
    }
    return REDS_OK;
}

RedsStatus reds_layer_init(RedsLayer *layer, const RedsTable *table, uint32_t index, RedsKind kind, int32_t inputs,
                           int32_t outputs)
{
    memset(layer, 0, sizeof(*layer));
    layer->full.input = inputs;
    layer->full.output = outputs;
    layer->segments = 1;
    layer->kind = (uint8_t)kind;
    if (!table->bytes) {
        return REDS_OK;
    }
    if (index >= table->layer_count) {
        return REDS_LAYER_MISSING;
    }
    const RedsLayerRecord *record = table->layers + index;
    if (record->kind != kind) {
        return REDS_LAYER_KIND;
    }
    if (inputs % record->segments) {
        return REDS_LAYER_SEGMENTS;
    }
    layer->segments = record->segments;
    layer->full.input = inputs / record->segments;
    layer->input_widths = find_widths(table, record->input_group);
    layer->output_widths = find_widths(table, record->output_group);
    layer->fill = record->flags & REDS_FILL;
    layer->table = table->bytes;
    if (layer->input_widths && layer->input_widths[0] != layer->full.input) {
        return REDS_LAYER_INPUTS;
    }
    if (layer->output_widths && layer->output_widths[0] != outputs) {
        return REDS_LAYER_OUTPUTS;
    }
    if (table->override_offsets) {
        layer->override_offsets = table->override_offsets + index * table->subnetwork_count;
        return check_overrides(layer, table->subnetwork_count);
    }
    return REDS_OK;
}

/* Behind the record: multipliers, biases perhaps, shifts up to a multiple of 4, the scale. */
static const int32_t *multipliers_of(const RedsOverrideRecord *record)
{
    const void *behind = record + 1;
    return (const int32_t *)behind;
}

static const int8_t *shifts_of(const RedsOverrideRecord *record)
{
    const void *behind = multipliers_of(record) + (record->flags & REDS_OWN_BIASES ? 2 : 1) * record->count;
    return (const int8_t *)behind;
}

RedsQuantization reds_layer_quantization(const RedsLayer *layer, uint8_t k, const RedsQuantization *full)
{
    RedsQuantization quantization = *full;
    const RedsOverrideRecord *record = find_override(layer, k);
    if (record) {
        quantization.multipliers = multipliers_of(record);
        quantization.shifts = shifts_of(record);
        if (record->flags & REDS_OWN_BIASES) {
            quantization.biases = quantization.multipliers + record->count;
        }
        quantization.per_channel = record->count > 1;
        quantization.input_offset = (int16_t)-record->input_zero_point;
        quantization.output_offset = record->output_zero_point;
        quantization.output_min = record->output_min;
        quantization.output_max = record->output_max;
    }
    return quantization;
}

float reds_layer_output_scale(const RedsLayer *layer, uint8_t k, float full)
{
    const RedsOverrideRecord *record = find_override(layer, k);
    if (record) {
        memcpy(&full, shifts_of(record) + ((record->count + 3) & ~3), sizeof(full));
    }
    return full;
}
