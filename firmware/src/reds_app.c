#include "reds_app.h"

#include <stddef.h>

#include "reds_app_commands.h"
#include "reds_app_interpreter.h"
#include "reds_app_measurement.h"
#include "reds_app_port.h"
#include "reds_app_print.h"
#include "reds_generated_model.h"
#include "reds_generated_test_inputs.h"

static AppMeasurement measurements[MODEL_SUBNETWORKS];
static uint8_t measured; /* the subnetwork that ran on the test inputs last */
static const char *failure; /* why nothing can run, NULL if all is well */

/* Thousandths, because `total` microseconds of many inferences are more precise than one. */
static void print_mean(uint32_t total, uint32_t count)
{
    const uint64_t thousandths = count ? (uint64_t)total * 1000 / count : 0;
    app_print("time_us=%lu.%03lu\n", (unsigned long)(thousandths / 1000), (unsigned long)(thousandths % 1000));
}

static void print_table(void)
{
    const RedsTable *table = app_interpreter_selection()->table;
    app_print("reds-torch firmware=1 subnetworks=%u classes=%u inputs=%u tests=%u clock_hz=%lu interpreter=%s\n",
              (unsigned)MODEL_SUBNETWORKS, (unsigned)MODEL_CLASSES, (unsigned)MODEL_INPUT_SIZE, (unsigned)TEST_INPUTS,
              (unsigned long)app_port_clock_hz, app_interpreter_name);
    app_print("subnetwork       macs   memory    time us   match  correct\n");
    for (unsigned k = 0; k < MODEL_SUBNETWORKS; k++) {
        const AppMeasurement *m = &measurements[k];
        const char mark = k == app_interpreter_selection()->selected ? '*' : ' ';
        app_print("%9u%c %10lu %8lu %10lu %3lu/%-3lu %4lu/%lu\n", k, mark,
                  (unsigned long)table->subnetworks[k].macs, (unsigned long)table->subnetworks[k].peak_memory,
                  (unsigned long)(m->inferences ? m->total_us / m->inferences : 0), (unsigned long)m->matches,
                  (unsigned long)m->inferences, (unsigned long)m->correct, (unsigned long)m->inferences);
    }
}

static const char *run_tests(uint8_t k)
{
    const char *error = app_measure(k, &measurements[k]);
    measured = k;
    return error;
}

void app_start(void)
{
    failure = app_interpreter_start();
    if (!failure && app_interpreter_selection()->table->subnetwork_count != MODEL_SUBNETWORKS) {
        failure = "the generated header and the model's table differ in their numbers of subnetworks: make both again";
    }
    for (uint8_t k = 0; k < MODEL_SUBNETWORKS && !failure; k++) {
        failure = run_tests(k);
    }
    if (failure) {
        app_print("error: %s\n", failure);
        return;
    }
    print_table();
    app_print("ok\n");
}

static void print_layers(void)
{
    for (uint32_t l = 0; l < app_interpreter_layers(); l++) {
        const AppInterpreterLayer layer = app_interpreter_layer(l, measured);
        app_print("layer=%lu kind=%s macs=%lu outputs=%lu ", (unsigned long)l, layer.kind, (unsigned long)layer.macs,
                  (unsigned long)layer.outputs);
        print_mean(layer.total_us, measurements[measured].inferences);
    }
    app_print("ok subnetwork=%u\n", (unsigned)measured);
}

static const char *run(void)
{
    const uint8_t k = app_interpreter_selection()->selected;
    const char *error = run_tests(k);
    if (error) {
        return error;
    }
    const AppMeasurement *m = &measurements[k];
    app_print("subnetwork=%u inferences=%lu match=%lu correct=%lu ", (unsigned)k, (unsigned long)m->inferences,
              (unsigned long)m->matches, (unsigned long)m->correct);
    print_mean(m->total_us, m->inferences);
    app_print("ok\n");
    return NULL;
}

static const char *classify(void)
{
    const uint32_t start = app_port_microseconds();
    const char *error = app_interpreter_run();
    const uint32_t time_us = app_port_microseconds() - start;
    if (error) {
        return error;
    }
    const int8_t *outputs = app_interpreter_output();
    const uint32_t best = app_largest(outputs, MODEL_CLASSES);
    app_print("subnetwork=%u label=%lu outputs=", (unsigned)app_interpreter_selection()->active, (unsigned long)best);
    app_print_hex(outputs, MODEL_CLASSES);
    app_print(" time_us=%lu word=%s\nok\n", (unsigned long)time_us, model_labels[best]);
    return NULL;
}

/* NULL, or why the command was not obeyed. */
static const char *obey(const AppCommand *command)
{
    RedsSelection *selection = app_interpreter_selection();
    if (failure) {
        return failure;
    }
    if (command->error) {
        return command->error;
    }
    const int wants_argument = command->letter == 's' || command->letter == 'b' || command->letter == 'd';
    if (wants_argument != command->has_argument) {
        return wants_argument ? "the command needs an argument: s K, b US or d HEX" : "the command takes no argument";
    }
    RedsStatus status = REDS_OK;
    switch (command->letter) {
    case 's':
        status = reds_select(selection, command->number);
        break;
    case 'b': {
        const RedsBudget budget = {command->number, 0};
        status = reds_select_for(selection, budget);
        break;
    }
    case 'r':
        return run();
    case 'l':
        print_layers();
        return NULL;
    case 't':
        print_table();
        break;
    case 'd':
        if (command->digits != 2 * (size_t)MODEL_INPUT_SIZE) {
            return "the features have the wrong length: two hexadecimal digits for each of the model's inputs";
        }
        return classify();
    default:
        return "there is no such command; there are: s K, b US, r, l, t, d HEX";
    }
    if (status != REDS_OK) {
        return reds_message(status);
    }
    app_print("ok subnetwork=%u time_us=%lu\n", (unsigned)selection->selected,
              (unsigned long)reds_time(selection, selection->selected));
    return NULL;
}

int app_poll(void)
{
    static AppCommand command;
    for (;;) {
        const int byte = app_port_read();
        int8_t *features = failure ? NULL : app_interpreter_input();
        if (byte < 0) {
            return byte != APP_PORT_CLOSED;
        }
        if (app_command_take(&command, (char)byte, features, failure ? 0 : MODEL_INPUT_SIZE)) {
            const char *error = obey(&command);
            if (error) {
                app_print("error: %s\n", error);
            }
            command.letter = 0;
        }
    }
}
