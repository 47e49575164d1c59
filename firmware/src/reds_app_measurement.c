#include "reds_app_measurement.h"

#include <stddef.h>
#include <string.h>

#include "reds_app_interpreter.h"
#include "reds_app_port.h"
#include "reds_generated_model.h"
#include "reds_generated_test_inputs.h"

uint32_t app_largest(const int8_t *outputs, uint32_t count)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < count; i++) {
        if (outputs[i] > outputs[best]) {
            best = i;
        }
    }
    return best;
}

const char *app_measure(uint8_t k, AppMeasurement *measurement)
{
    RedsSelection *selection = app_interpreter_selection();
    const uint8_t before = selection->selected;
    const AppMeasurement nothing = {0};
    const char *error = NULL;
    *measurement = nothing;
    reds_select(selection, k);
    app_interpreter_forget_times();
    for (uint32_t i = 0; i < TEST_INPUTS && !error; i++) {
        memcpy(app_interpreter_input(), test_inputs[i], MODEL_INPUT_SIZE);
        const uint32_t start = app_port_microseconds();
        error = app_interpreter_run();
        measurement->total_us += app_port_microseconds() - start;
        const int8_t *outputs = app_interpreter_output();
        measurement->inferences += 1;
        measurement->matches += memcmp(outputs, test_outputs[k][i], MODEL_CLASSES) == 0;
        measurement->correct += app_largest(outputs, MODEL_CLASSES) == test_labels[i];
    }
    reds_select(selection, before);
    if (!error) {
        reds_set_time(selection, k, measurement->total_us / TEST_INPUTS);
    }
    return error;
}
