/* Prints what a table says: describe_table TABLE INPUTS:OUTPUTS... (an operator's input and output channels for each
 * layer; the inputs of FULLY_CONNECTED times its segments). "error: ..." and exit 2 where it is refused.
 *
 * One line for each subnetwork, "subnetwork K macs M memory B time T energy E accuracy A"; then for each layer and
 * subnetwork "layer L K inputs I outputs O offsets IN OUT limits MIN MAX scale S multipliers M... shifts S... biases
 * B...". What a layer has of the full network's is shown as offsets 0 0, limits -128 127, scale 1, multiplier
 * 1073741824, shift 0 and no biases.
 */
#include "reds.h"
#include "reds_test_files.h"

static int refuse(RedsStatus status)
{
    fprintf(stderr, "error: %s\n", reds_message(status));
    return 2;
}

static void describe_layer(const RedsLayer *layer, uint32_t l, uint8_t k)
{
    const int32_t multiplier = 1 << 30;
    const int8_t shift = 0;
    const RedsQuantization full = {&multiplier, &shift, NULL, 0, 0, 0, -128, 127};
    const RedsQuantization own = reds_layer_quantization(layer, k, &full);
    const RedsWidths widths = reds_layer_widths(layer, k);
    const int32_t count = own.per_channel ? widths.output : 1;
    printf("layer %lu %u inputs %ld outputs %ld offsets %d %d limits %d %d scale %.9g multipliers", (unsigned long)l, k,
           (long)widths.input, (long)widths.output, own.input_offset, own.output_offset, own.output_min, own.output_max,
           (double)reds_layer_output_scale(layer, k, 1));
    for (int32_t i = 0; i < count; i++) {
        printf(" %ld", (long)own.multipliers[i]);
    }
    printf(" shifts");
    for (int32_t i = 0; i < count; i++) {
        printf(" %d", own.shifts[i]);
    }
    printf(" biases");
    for (int32_t i = 0; own.biases && i < widths.output; i++) {
        printf(" %ld", (long)own.biases[i]);
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fail("usage", "describe_table TABLE INPUTS:OUTPUTS...");
    }
    uint32_t size;
    uint8_t *bytes = read_file(argv[1], &size);
    RedsTable table;
    RedsStatus status = reds_table_open(&table, bytes, size);
    for (uint32_t k = 0; status == REDS_OK && k < table.subnetwork_count; k++) {
        const RedsSubnetwork *row = &table.subnetworks[k];
        printf("subnetwork %lu macs %lu memory %lu time %lu energy %lu accuracy %u\n", (unsigned long)k,
               (unsigned long)row->macs, (unsigned long)row->peak_memory, (unsigned long)row->time_us,
               (unsigned long)row->energy_nj, row->accuracy);
    }
    for (int i = 2; status == REDS_OK && i < argc; i++) {
        char *colon;
        RedsLayer layer;
        const uint32_t l = (uint32_t)i - 2;
        const long inputs = strtol(argv[i], &colon, 10);
        const RedsKind kind = l < table.layer_count ? (RedsKind)table.layers[l].kind : REDS_CONV_2D;
        status = reds_layer_init(&layer, &table, l, kind, (int32_t)inputs, (int32_t)strtol(colon + 1, NULL, 10));
        for (uint32_t k = 0; status == REDS_OK && k < table.subnetwork_count; k++) {
            describe_layer(&layer, l, (uint8_t)k);
        }
    }
    free(bytes);
    return status == REDS_OK ? 0 : refuse(status);
}
