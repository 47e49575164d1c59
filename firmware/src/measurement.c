#include "measurement.h"

#include <stddef.h>
#include <string.h>

#include "port.h"
#include "interpreter.h"
#include "model.h"
#include "test_inputs.h"

uint32_t largest(const int8_t *outputs, uint32_t count)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < count; i++) {
        if (outputs[i] > outputs[best]) {
            best = i;
        }
    }
    return best;
}

const char *measure(uint8_t k, Measurement *measurement)
{
    RedsSelection *selection = interpreter_selection();
    const uint8_t before = selection->selected;
    const Measurement nothing = {0};
    const char *error = NULL;
    *measurement = nothing;
    reds_select(selection, k);
    interpreter_forget_times();
    for (uint32_t i = 0; i < TEST_INPUTS && !error; i++) {
        memcpy(interpreter_input(), test_inputs[i], MODEL_INPUT_SIZE);
        const uint32_t start = port_microseconds();
        error = interpreter_run();
        measurement->total_us += port_microseconds() - start;
        const int8_t *outputs = interpreter_output();
        measurement->inferences += 1;
        measurement->matches += memcmp(outputs, test_outputs[k][i], MODEL_CLASSES) == 0;
        measurement->correct += largest(outputs, MODEL_CLASSES) == test_labels[i];
    }
    reds_select(selection, before);
    if (!error) {
        reds_set_time(selection, k, measurement->total_us / TEST_INPUTS);
    }
    return error;
}
