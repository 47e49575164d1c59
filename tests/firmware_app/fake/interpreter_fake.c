/* Subnetwork k answers with the first four inputs minus k. Its expected outputs are right except for one value of k = 2. */
#include <stddef.h>

#include "reds_app_interpreter.h"
#include "reds_app_port.h"
#include "reds_generated_model.h"
#include "reds_generated_test_inputs.h"

const char *const model_labels[MODEL_CLASSES] = {"yes", "no", "up", "down"};

const int8_t test_inputs[TEST_INPUTS][MODEL_INPUT_SIZE] = {{1, 9, 3, 4, 5, 6}, {-1, -9, -3, -4, -5, -6}};
const uint16_t test_labels[TEST_INPUTS] = {1, 3};
const int8_t test_outputs[MODEL_SUBNETWORKS][TEST_INPUTS][MODEL_CLASSES] = {
    {{1, 9, 3, 4}, {-1, -9, -3, -4}}, {{0, 8, 2, 3}, {-2, -10, -4, -5}}, {{-1, 7, 1, 2}, {-3, -11, -5, 99}}};

const char *const app_interpreter_name = "fake";

static const RedsSubnetwork subnetworks[MODEL_SUBNETWORKS] = {
    {4000, 900, 0, 0, 0xFFFF, 0}, {3000, 800, 0, 0, 0xFFFF, 0}, {1000, 700, 0, 0, 0xFFFF, 0}};
static RedsTable table;
static RedsSelection selection;
static int8_t input[MODEL_INPUT_SIZE];
static int8_t output[MODEL_CLASSES];
static uint32_t runs;
static uint32_t now;

/* In the place of the real clock: subnetworks take 3000, 2000 and 1000 microseconds. */
uint32_t app_port_microseconds(void)
{
    return now;
}

const char *app_interpreter_start(void)
{
#ifdef FAILURE
    return FAILURE;
#endif
    table.subnetworks = subnetworks;
    table.subnetwork_count = MODEL_SUBNETWORKS;
    reds_selection_init(&selection, &table);
    return NULL;
}

RedsSelection *app_interpreter_selection(void)
{
    return &selection;
}

int8_t *app_interpreter_input(void)
{
    return input;
}

const int8_t *app_interpreter_output(void)
{
    return output;
}

const char *app_interpreter_run(void)
{
    const int8_t k = (int8_t)reds_begin(&selection);
    for (int i = 0; i < MODEL_CLASSES; i++) {
        output[i] = (int8_t)(input[i] - k);
    }
    runs++;
    now += 3000u - 1000u * (uint32_t)k;
    return NULL;
}

uint32_t app_interpreter_layers(void)
{
    return 2;
}

/* Two layers of 60 and 40 % of the MACs, which take 10 and 5 us. */
AppInterpreterLayer app_interpreter_layer(uint32_t index, uint8_t k)
{
    const AppInterpreterLayer layers[2] = {{"CONV_2D", subnetworks[k].macs * 6 / 10, 40, runs * 10},
                                           {"FULLY_CONNECTED", subnetworks[k].macs * 4 / 10, 4, runs * 5}};
    return layers[index];
}

void app_interpreter_forget_times(void)
{
    runs = 0;
}
