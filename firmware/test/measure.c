/* Instructions that a model takes in QEMU: measure MODEL [lines]. Prints tables for people, or, with "lines", for
 * programs: "table BYTES MODEL", "arena BYTES", and for each subnetwork "operator K INDEX NAME MACS OUTPUTS
 * INSTRUCTIONS", "inference K MACS OUTPUTS INSTRUCTIONS" and "adaptation K INSTRUCTIONS".
 */
#include <string.h>

#include "reds.h"
#include "reds_qemu_board.h"
#include "reds_test_files.h"

enum { ARENA_SIZE = 1 << 20 };

static uint8_t arena[ARENA_SIZE] __attribute__((aligned(8)));
static RedsNetwork network;

/* Adaptation: from the call of reds_select() until the widths of a layer are known. */
__attribute__((noinline)) static RedsWidths adapt(RedsSelection *selection, const RedsLayer *layer, uint32_t k)
{
    reds_select(selection, k);
    return reds_layer_widths(layer, reds_begin(selection));
}

static uint32_t measure_adaptation(uint32_t k)
{
    static RedsLayer layer;
    RedsSelection *selection = &network.selection;
    if (network.table.layer_count == 0) {
        return 0;
    }
    /* any layer whose inputs and outputs are both cut, else the first */
    const RedsLayerRecord *records = network.table.layers;
    uint32_t l = 0;
    while (l + 1 < network.table.layer_count &&
           (records[l].input_group == REDS_NO_GROUP || records[l].output_group == REDS_NO_GROUP)) {
        l++;
    }
    const uint16_t *widths = network.table.widths;
    const uint32_t count = network.table.subnetwork_count;
    memset(&layer, 0, sizeof(layer));
    layer.input_widths = records[l].input_group == REDS_NO_GROUP ? NULL : widths + records[l].input_group * count;
    layer.output_widths = records[l].output_group == REDS_NO_GROUP ? NULL : widths + records[l].output_group * count;
    volatile RedsWidths used;
    const uint32_t since = board_clock();
    const RedsWidths known = adapt(selection, &layer, k);
    const uint32_t instructions = board_instructions(since);
    used = known;
    (void)used;
    return instructions;
}

static void fill_input(void)
{
    uint32_t state = 1;
    for (int32_t i = 0; i < network.input.length; i++) {
        state = state * 1664525u + 1013904223u;
        network.input.data[i] = (int8_t)(state >> 24);
    }
}

static void print_row(const char *name, uint32_t macs, uint32_t outputs, uint32_t instructions)
{
    printf("%-18s %10u %8u %13u", name, (unsigned)macs, (unsigned)outputs, (unsigned)instructions);
    if (macs) {
        printf(" %8.3f", (double)instructions / macs);
    }
    printf("\n");
}

static void measure_subnetwork(uint32_t k, int as_lines)
{
    uint32_t macs = 0, outputs = 0;
    reds_select(&network.selection, k);
    fill_input();
    const uint32_t since = board_clock();
    reds_network_run(&network);
    const uint32_t whole = board_instructions(since);
    const uint32_t adaptation = measure_adaptation(k);

    if (!as_lines) {
        printf("\nsubnetwork %u\n%-18s %10s %8s %13s %8s\n", (unsigned)k, "operator", "MACs", "outputs", "instructions",
               "per MAC");
    }
    fill_input();
    reds_select(&network.selection, k);
    reds_begin(&network.selection);
    for (int32_t i = 0; i < network.operator_count; i++) {
        const RedsOperatorInfo info = reds_network_operator(&network, i, (uint8_t)k);
        const uint32_t start = board_clock();
        reds_network_step(&network, i);
        const uint32_t instructions = board_instructions(start);
        macs += info.macs;
        outputs += info.outputs;
        if (as_lines) {
            printf("operator %u %d %s %u %u %u\n", (unsigned)k, (int)i, info.name, (unsigned)info.macs,
                   (unsigned)info.outputs, (unsigned)instructions);
        } else {
            print_row(info.name, info.macs, info.outputs, instructions);
        }
    }
    if (as_lines) {
        printf("inference %u %u %u %u\nadaptation %u %u\n", (unsigned)k, (unsigned)macs, (unsigned)outputs,
               (unsigned)whole, (unsigned)k, (unsigned)adaptation);
    } else {
        print_row("inference", macs, outputs, whole);
        print_row("adaptation", 0, 0, adaptation);
    }
}

int main(int argc, char **argv)
{
    const int as_lines = argc == 3 && strcmp(argv[2], "lines") == 0;
    if (argc != 2 && !as_lines) {
        fail("usage", "measure MODEL [lines]");
    }
    uint32_t size;
    const uint8_t *model = read_file(argv[1], &size);
    const RedsStatus status = reds_network_init(&network, model, size, arena, ARENA_SIZE);
    if (status != REDS_OK) {
        fail(reds_message(status), argv[1]);
    }
    if (as_lines) {
        printf("table %u %u\narena %u\n", (unsigned)network.table.size, (unsigned)size, (unsigned)network.arena_used);
    } else {
        printf("Instructions of an emulated Cortex-M4F (GCC " __VERSION__
               ", -O2). They are not microseconds: QEMU counts "
               "every\ninstruction alike, a processor does not.\n");
        printf("model %u bytes, of which subnetwork table %u; arena %u bytes\n", (unsigned)size,
               (unsigned)network.table.size, (unsigned)network.arena_used);
    }
    for (uint32_t k = 0; k < network.table.subnetwork_count; k++) {
        measure_subnetwork(k, as_lines);
    }
    return 0;
}
