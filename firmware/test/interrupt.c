/* Switches subnetworks from an interrupt while a network runs: interrupt MODEL INPUTS EXPECTED COUNT.
 *
 * INPUTS holds int8 inputs, EXPECTED the outputs of every subnetwork for all of them (what run_model writes). Runs
 * COUNT inferences; a timer that fires at pseudo-random moments selects pseudo-random subnetworks. Every output must
 * be, to the last value, that of the subnetwork that was latched. Prints "COUNT inferences, N interrupts, M inferences
 * interrupted by a switch, WRONG wrong" and how often each subnetwork ran.
 */
#include <string.h>

#include "reds.h"
#include "reds_qemu_board.h"
#include "reds_test_files.h"

enum { ARENA_SIZE = 1 << 18, SHORTEST = 200, LONGEST = 1 << 14 };

static uint8_t arena[ARENA_SIZE] __attribute__((aligned(8)));
static RedsNetwork network;
static volatile uint32_t interrupts, switches;
static uint32_t state = 1;

static uint32_t next_random(void)
{
    state = state * 1664525u + 1013904223u;
    return state >> 16;
}

static void on_timer(void)
{
    const uint8_t before = network.selection.selected;
    interrupts++;
    reds_select(&network.selection, next_random() % network.table.subnetwork_count);
    switches += network.selection.selected != before;
    board_every(SHORTEST + next_random() % LONGEST, on_timer);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fail("usage", "interrupt MODEL INPUTS EXPECTED COUNT");
    }
    uint32_t size, inputs_size, expected_size, ran[REDS_MAX_SUBNETWORKS] = {0}, wrong = 0, hit = 0;
    const uint8_t *model = read_file(argv[1], &size);
    const uint8_t *inputs = read_file(argv[2], &inputs_size);
    const uint8_t *expected = read_file(argv[3], &expected_size);
    const uint32_t count = (uint32_t)strtoul(argv[4], NULL, 10);
    const RedsStatus status = reds_network_init(&network, model, size, arena, ARENA_SIZE);
    if (status != REDS_OK) {
        fail(reds_message(status), argv[1]);
    }
    const uint32_t input_size = (uint32_t)network.input.length, output_size = (uint32_t)network.output.length;
    const uint32_t input_count = inputs_size / input_size;
    board_every(LONGEST, on_timer);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t x = i % input_count;
        memcpy(network.input.data, inputs + x * input_size, input_size);
        const uint32_t switches_before = switches;
        reds_network_run(&network);
        hit += switches != switches_before;
        const uint32_t k = network.selection.active;
        ran[k]++;
        wrong += memcmp(network.output.data, expected + (k * input_count + x) * output_size, output_size) != 0;
    }
    board_every(0, NULL);
    printf("%lu inferences, %lu interrupts, %lu inferences interrupted by a switch, %lu wrong\n", (unsigned long)count,
           (unsigned long)interrupts, (unsigned long)hit, (unsigned long)wrong);
    for (uint32_t k = 0; k < network.table.subnetwork_count; k++) {
        printf("subnetwork %lu: %lu\n", (unsigned long)k, (unsigned long)ran[k]);
    }
    return 0;
}
