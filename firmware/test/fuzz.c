/* Gives files to the readers of models and tables: fuzz FILES. Meant to be built with sanitizers; prints how often each
 * status came.
 *
 * FILES holds pieces, each a little-endian u32 size, a u32 kind (0 model, 1 table) and so many bytes. A piece is copied
 * to memory of its own, with nothing behind it. A model that is accepted runs, if it is not too large.
 */
#include <string.h>

#include "reds.h"
#include "reds_test_files.h"

enum { ARENA_SIZE = 1 << 16, MOST_MACS = 1 << 22 };

static RedsStatus try_table(const uint8_t *bytes, uint32_t size)
{
    RedsTable table;
    RedsStatus status = reds_table_open(&table, bytes, size);
    for (uint32_t l = 0; status == REDS_OK && l < table.layer_count; l++) {
        const RedsLayerRecord *record = table.layers + l;
        const int32_t inputs =
            record->input_group == REDS_NO_GROUP ? 3 : table.widths[record->input_group * table.subnetwork_count];
        const int32_t outputs =
            record->output_group == REDS_NO_GROUP ? 4 : table.widths[record->output_group * table.subnetwork_count];
        RedsLayer layer;
        status = reds_layer_init(&layer, &table, l, (RedsKind)record->kind, inputs * record->segments, outputs);
        for (uint32_t k = 0; status == REDS_OK && k < table.subnetwork_count; k++) {
            const int32_t multiplier = 1 << 30;
            const int8_t shift = 0;
            const RedsQuantization full = {&multiplier, &shift, NULL, 0, 0, 0, -128, 127};
            const RedsQuantization own = reds_layer_quantization(&layer, (uint8_t)k, &full);
            const int32_t width = reds_layer_widths(&layer, (uint8_t)k).output;
            int32_t sum = (int32_t)reds_layer_output_scale(&layer, (uint8_t)k, 1);
            for (int32_t i = 0; i < (own.per_channel ? width : 1); i++) {
                sum ^= own.multipliers[i] ^ own.shifts[i];
            }
            for (int32_t i = 0; own.biases && i < width; i++) {
                sum ^= own.biases[i];
            }
            volatile int32_t read = sum; /* so that no read is optimized away */
            (void)read;
        }
    }
    return status;
}

static RedsStatus try_model(const uint8_t *bytes, uint32_t size, void *arena)
{
    RedsNetwork network;
    const RedsStatus status = reds_network_init(&network, bytes, size, arena, ARENA_SIZE);
    for (uint32_t k = 0; status == REDS_OK && k < network.table.subnetwork_count; k++) {
        uint64_t macs = 0;
        for (int32_t i = 0; i < network.operator_count; i++) {
            macs += reds_network_operator(&network, i, (uint8_t)k).macs;
        }
        if (macs <= MOST_MACS) {
            reds_select(&network.selection, k);
            memset(network.input.data, 1, (size_t)network.input.length);
            reds_network_run(&network);
        }
    }
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fail("usage", "fuzz FILES");
    }
    uint32_t size, counts[REDS_ARENA_TOO_SMALL + 1] = {0};
    uint8_t *files = read_file(argv[1], &size);
    void *arena = malloc(ARENA_SIZE);
    for (uint32_t at = 0; at + 8 <= size;) {
        uint32_t piece_size, kind;
        memcpy(&piece_size, files + at, 4);
        memcpy(&kind, files + at + 4, 4);
        at += 8;
        uint8_t *piece = (uint8_t *)malloc(piece_size ? piece_size : 1);
        if (!piece || piece_size > size - at) {
            fail("too short", argv[1]);
        }
        memcpy(piece, files + at, piece_size);
        counts[kind ? try_table(piece, piece_size) : try_model(piece, piece_size, arena)]++;
        free(piece);
        at += piece_size;
    }
    for (uint32_t status = 0; status <= REDS_ARENA_TOO_SMALL; status++) {
        if (counts[status]) {
            printf("%lu: %s\n", (unsigned long)counts[status], reds_message((RedsStatus)status));
        }
    }
    free(arena);
    free(files);
    return 0;
}
