/* Runs every subnetwork of a model on inputs from a file: run_model MODEL INPUTS OUTPUTS [ARENA].
 *
 * INPUTS holds int8 inputs, one behind the other; OUTPUTS gets the outputs of subnetwork 0 for all inputs, then those
 * of subnetwork 1, and so on. Prints a line for the network and one for each subnetwork. ARENA: bytes, default 1 MB.
 */
#include <string.h>

#include "reds.h"
#include "reds_test_files.h"

int main(int argc, char **argv)
{
    if (argc != 4 && argc != 5) {
        fail("usage", "run_model MODEL INPUTS OUTPUTS [ARENA]");
    }
    uint32_t model_size, inputs_size;
    uint8_t *model = read_file(argv[1], &model_size);
    uint8_t *inputs = read_file(argv[2], &inputs_size);
    const uint32_t arena_size = argc == 5 ? (uint32_t)strtoul(argv[4], NULL, 10) : 1 << 20;
    void *arena = malloc(arena_size ? arena_size : 1);
    static RedsNetwork network;
    const RedsStatus status = reds_network_init(&network, model, model_size, arena, arena_size);
    if (status != REDS_OK) {
        fprintf(stderr, "error: %s: %s (operator %ld)\n", argv[1], reds_message(status), (long)network.failed_operator);
        return 2;
    }
    FILE *outputs = create_file(argv[3]);
    const uint32_t input_size = (uint32_t)network.input.length;
    printf("arena %lu operators %ld subnetworks %u\n", (unsigned long)network.arena_used, (long)network.operator_count,
           network.table.subnetwork_count);
    for (uint32_t k = 0; k < network.table.subnetwork_count; k++) {
        reds_select(&network.selection, k);
        for (uint32_t at = 0; at + input_size <= inputs_size; at += input_size) {
            memcpy(network.input.data, inputs + at, input_size);
            reds_network_run(&network);
            write_bytes(outputs, network.output.data, (uint32_t)network.output.length);
        }
        const RedsTensorView output = reds_network_output(&network);
        printf("subnetwork %lu scale %.9g zero_point %ld\n", (unsigned long)k, (double)output.scale,
               (long)output.zero_point);
    }
    if (fclose(outputs)) {
        fail("cannot write", argv[3]);
    }
    free(arena);
    free(inputs);
    free(model);
    return 0;
}
