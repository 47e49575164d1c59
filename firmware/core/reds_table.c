#include "reds_table.h"

#include <stddef.h>
#include <string.h>

enum { HEADER_SIZE = 24, CHECKED_FROM = 20 };

static uint16_t read_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static uint32_t read_u32(const uint8_t *at)
{
    return read_u16(at) | (uint32_t)read_u16(at + 2) << 16;
}

/* CRC-32 of zlib (polynomial 0xEDB88320, reflected), four bits at a time. */
static uint32_t checksum(const uint8_t *bytes, uint32_t size)
{
    static const uint32_t of_nibble[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
        0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
    };
    uint32_t crc = 0xFFFFFFFFu;
    for (uint32_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ of_nibble[crc & 15];
        crc = crc >> 4 ^ of_nibble[crc & 15];
    }
    return ~crc;
}

static int all_zero(const uint8_t *bytes, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        if (bytes[i]) {
            return 0;
        }
    }
    return 1;
}

static uint32_t round_up_4(uint32_t size)
{
    return (size + 3) & ~3u;
}

static RedsStatus check_subnetworks(const RedsTable *table)
{
    for (uint32_t k = 0; k < table->subnetwork_count; k++) {
        if (table->subnetworks[k].reserved || (k && table->subnetworks[k].macs > table->subnetworks[k - 1].macs)) {
            return REDS_TABLE_SUBNETWORKS;
        }
    }
    return REDS_OK;
}

static RedsStatus check_widths(const RedsTable *table)
{
    for (uint32_t group = 0; group < table->group_count; group++) {
        const uint16_t *widths = table->widths + group * table->subnetwork_count;
        for (uint32_t k = 0; k < table->subnetwork_count; k++) {
            if (widths[k] == 0 || (k && widths[k] > widths[k - 1])) {
                return REDS_TABLE_WIDTHS;
            }
        }
    }
    return REDS_OK;
}

static int is_group(const RedsTable *table, uint16_t group)
{
    return group == REDS_NO_GROUP || group < table->group_count;
}

static RedsStatus check_layers(const RedsTable *table)
{
    for (uint32_t l = 0; l < table->layer_count; l++) {
        const RedsLayerRecord *layer = table->layers + l;
        const int in_order = l == 0 || layer->operator_index > layer[-1].operator_index;
        const int known = layer->kind <= REDS_FULLY_CONNECTED && (layer->flags & ~REDS_FILL) == 0 && !layer->reserved;
        const int groups = is_group(table, layer->input_group) && is_group(table, layer->output_group);
        const int coupled = layer->kind != REDS_DEPTHWISE_CONV_2D || layer->input_group == REDS_NO_GROUP ||
                            layer->input_group == layer->output_group;
        const int segments = layer->segments == 1 || (layer->kind == REDS_FULLY_CONNECTED && layer->segments > 0);
        if (!(in_order && known && groups && coupled && segments)) {
            return REDS_TABLE_LAYERS;
        }
    }
    return REDS_OK;
}

/* Looks at the override at `at` and returns the offset behind it, or 0 if it is wrong. */
static uint32_t check_override(const RedsTable *table, const RedsLayerRecord *layer, uint32_t k, uint32_t at)
{
    if (table->size - at < sizeof(RedsOverrideRecord)) {
        return 0;
    }
    const uint8_t *bytes = table->bytes;
    RedsOverrideRecord record;
    memcpy(&record, bytes + at, sizeof(record));
    const uint32_t count = record.count;
    const int own_biases = record.flags == REDS_OWN_BIASES;
    const uint32_t multipliers_at = at + (uint32_t)sizeof(record);
    const uint32_t shifts_at = multipliers_at + 4 * count * (own_biases ? 2 : 1);
    const uint32_t scale_at = shifts_at + round_up_4(count);
    if (count == 0 || (record.flags & ~REDS_OWN_BIASES) || record.reserved || record.output_min > record.output_max ||
        scale_at + 4 > table->size || !all_zero(bytes, shifts_at + count, scale_at)) {
        return 0;
    }
    if (layer->output_group != REDS_NO_GROUP) {
        const uint32_t width = table->widths[layer->output_group * table->subnetwork_count + k];
        if (count != width && (count != 1 || own_biases)) {
            return 0;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t multiplier = read_u32(bytes + multipliers_at + 4 * i);
        const int32_t shift = (int8_t)bytes[shifts_at + i];
        const int normal = multiplier >= 1u << 30 && multiplier < 1u << 31 && shift >= -31 && shift <= 30;
        if (!normal && (multiplier || shift)) {
            return 0;
        }
    }
    const uint32_t scale = read_u32(bytes + scale_at); /* as a float: positive, normal, finite */
    return scale >= 0x00800000u && scale < 0x7F800000u ? scale_at + 4 : 0;
}

static RedsStatus check_overrides(const RedsTable *table)
{
    const uint32_t count = (uint32_t)table->layer_count * table->subnetwork_count;
    uint32_t at = (uint32_t)((const uint8_t *)table->override_offsets - table->bytes) + 4 * count;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t k = i % table->subnetwork_count;
        if (table->override_offsets[i] == 0) {
            continue;
        }
        if (k == 0 || table->override_offsets[i] != at) {
            return REDS_TABLE_OVERRIDES;
        }
        at = check_override(table, table->layers + i / table->subnetwork_count, k, at);
        if (at == 0) {
            return REDS_TABLE_OVERRIDES;
        }
    }
    return at == table->size ? REDS_OK : REDS_TABLE_OVERRIDES;
}

RedsStatus reds_table_open(RedsTable *table, const void *bytes, uint32_t size)
{
    const uint8_t *header = (const uint8_t *)bytes;
    if ((uintptr_t)bytes % 4) {
        return REDS_TABLE_MISALIGNED;
    }
    if (size < HEADER_SIZE) {
        return REDS_TABLE_SIZE;
    }
    if (memcmp(header, "REDS", 4)) {
        return REDS_TABLE_MAGIC;
    }
    if (header[4] != 1) {
        return REDS_TABLE_VERSION;
    }
    if (read_u32(header + 12) != size || read_u16(header + 10)) {
        return REDS_TABLE_SIZE;
    }
    if (read_u32(header + 16) != checksum(header + CHECKED_FROM, size - CHECKED_FROM)) {
        return REDS_TABLE_CHECKSUM;
    }
    const uint32_t subnetwork_count = header[5];
    const uint32_t layer_count = read_u16(header + 6);
    const uint32_t group_count = read_u16(header + 8);
    if (subnetwork_count == 0 || subnetwork_count > REDS_MAX_SUBNETWORKS) {
        return REDS_TABLE_SUBNETWORKS;
    }
    /* none of these overflows: counts have at most 6, 16 and 16 bits */
    const uint32_t widths_at = HEADER_SIZE + subnetwork_count * (uint32_t)sizeof(RedsSubnetwork);
    const uint32_t widths_end = widths_at + 2 * group_count * subnetwork_count;
    const uint32_t layers_at = round_up_4(widths_end);
    const uint32_t layers_end = layers_at + layer_count * (uint32_t)sizeof(RedsLayerRecord);
    const uint32_t overrides_at = read_u32(header + 20);
    const uint32_t offsets_end = layers_end + (overrides_at ? 4 * layer_count * subnetwork_count : 0);
    if (offsets_end > size || (overrides_at ? overrides_at != layers_end : layers_end != size) ||
        !all_zero(header, widths_end, layers_at)) {
        return REDS_TABLE_SIZE;
    }
    const void *widths = header + widths_at;
    const void *layers = header + layers_at;
    const void *offsets = overrides_at ? header + overrides_at : NULL;
    const void *subnetworks = header + HEADER_SIZE;
    table->bytes = header;
    table->subnetworks = (const RedsSubnetwork *)subnetworks;
    table->widths = (const uint16_t *)widths;
    table->layers = (const RedsLayerRecord *)layers;
    table->override_offsets = (const uint32_t *)offsets;
    table->size = size;
    table->layer_count = (uint16_t)layer_count;
    table->group_count = (uint16_t)group_count;
    table->subnetwork_count = (uint8_t)subnetwork_count;

    RedsStatus status = check_subnetworks(table);
    if (status == REDS_OK) {
        status = check_widths(table);
    }
    if (status == REDS_OK) {
        status = check_layers(table);
    }
    if (status == REDS_OK && offsets) {
        status = check_overrides(table);
    }
    return status;
}

void reds_table_of_full_network(RedsTable *table)
{
    static const RedsSubnetwork full_network = {0, 0, 0, 0, 0xFFFF, 0};
    memset(table, 0, sizeof(*table));
    table->subnetworks = &full_network;
    table->subnetwork_count = 1;
}
