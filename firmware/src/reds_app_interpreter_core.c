/* The model on core/'s own interpreter. */
#include <stddef.h>

#include "reds_app_interpreter.h"
#include "reds_app_port.h"
#include "reds_generated_model.h"

/* Activations as TensorFlow Lite Micro would lay them out on a 64-bit host; for the list of operators; for the kernels'
 * scratch memory, 8 bytes for each input of an output of a convolution (20 KB for the 10 x 4 x 64 of CNN M). */
#ifndef ARENA_SIZE
#define ARENA_SIZE (MODEL_ARENA_SIZE + 32768)
#endif
#define MOST_LAYERS 64

const char *const app_interpreter_name = "core";

static uint64_t arena[(ARENA_SIZE + 7) / 8];
static RedsNetwork network;
static uint32_t layer_us[MOST_LAYERS];
static int32_t layer_operators[MOST_LAYERS]; /* where each layer is among the operators */

const char *app_interpreter_start(void)
{
    const RedsStatus status = reds_network_init(&network, model_data, MODEL_SIZE, arena, sizeof arena);
    if (status != REDS_OK) {
        return reds_message(status);
    }
    if (network.input.length != MODEL_INPUT_SIZE || network.output.length != MODEL_CLASSES) {
        return "the generated header and the model differ in the sizes of input and output: make both again";
    }
    if (network.table.layer_count > MOST_LAYERS) {
        return "the model has more than 64 layers: raise MOST_LAYERS in reds_app_interpreter_core.c";
    }
    for (int32_t i = 0; i < network.operator_count; i++) {
        const int32_t layer = reds_network_operator(&network, i, 0).layer;
        if (layer >= 0) {
            layer_operators[layer] = i;
        }
    }
    return NULL;
}

RedsSelection *app_interpreter_selection(void)
{
    return &network.selection;
}

int8_t *app_interpreter_input(void)
{
    return network.input.data;
}

const int8_t *app_interpreter_output(void)
{
    return network.output.data;
}

const char *app_interpreter_run(void)
{
    const uint8_t k = reds_begin(&network.selection);
    for (int32_t i = 0; i < network.operator_count; i++) {
        const int32_t layer = reds_network_operator(&network, i, k).layer;
        const uint32_t start = app_port_microseconds();
        reds_network_step(&network, i);
        if (layer >= 0) {
            layer_us[layer] += app_port_microseconds() - start;
        }
    }
    return NULL;
}

uint32_t app_interpreter_layers(void)
{
    return network.table.layer_count;
}

AppInterpreterLayer app_interpreter_layer(uint32_t index, uint8_t k)
{
    const RedsOperatorInfo info = reds_network_operator(&network, layer_operators[index], k);
    const AppInterpreterLayer layer = {info.name, info.macs, info.outputs, layer_us[index]};
    return layer;
}

void app_interpreter_forget_times(void)
{
    for (uint32_t i = 0; i < MOST_LAYERS; i++) {
        layer_us[i] = 0;
    }
}
