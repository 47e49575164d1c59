#include "app.h"

#include <stddef.h>

#include "port.h"
#include "commands.h"
#include "interpreter.h"
#include "measurement.h"
#include "model.h"
#include "print.h"
#include "test_inputs.h"

static Measurement measurements[MODEL_SUBNETWORKS];
static uint8_t measured; /* the subnetwork that ran on the test inputs last */
static const char *failure; /* why nothing can run, NULL if all is well */

/* Thousandths, because `total` microseconds of many inferences are more precise than one. */
static void print_mean(uint32_t total, uint32_t count)
{
    const uint64_t thousandths = count ? (uint64_t)total * 1000 / count : 0;
    print("time_us=%lu.%03lu\n", (unsigned long)(thousandths / 1000), (unsigned long)(thousandths % 1000));
}

static void print_table(void)
{
    const RedsTable *table = interpreter_selection()->table;
    print("reds-torch firmware=1 subnetworks=%u classes=%u inputs=%u tests=%u clock_hz=%lu interpreter=%s\n",
          (unsigned)MODEL_SUBNETWORKS, (unsigned)MODEL_CLASSES, (unsigned)MODEL_INPUT_SIZE, (unsigned)TEST_INPUTS,
          (unsigned long)port_clock_hz, interpreter_name);
    print("subnetwork       macs   memory    time us   match  correct\n");
    for (unsigned k = 0; k < MODEL_SUBNETWORKS; k++) {
        const Measurement *m = &measurements[k];
        print("%9u%c %10lu %8lu %10lu %3lu/%-3lu %4lu/%lu\n", k, k == interpreter_selection()->selected ? '*' : ' ',
              (unsigned long)table->subnetworks[k].macs, (unsigned long)table->subnetworks[k].peak_memory,
              (unsigned long)(m->inferences ? m->total_us / m->inferences : 0), (unsigned long)m->matches,
              (unsigned long)m->inferences, (unsigned long)m->correct, (unsigned long)m->inferences);
    }
}

static const char *run_tests(uint8_t k)
{
    const char *error = measure(k, &measurements[k]);
    measured = k;
    return error;
}

void app_start(void)
{
    failure = interpreter_start();
    if (!failure && interpreter_selection()->table->subnetwork_count != MODEL_SUBNETWORKS) {
        failure = "model.h and the table in the model differ in their numbers of subnetworks: make both again";
    }
    for (uint8_t k = 0; k < MODEL_SUBNETWORKS && !failure; k++) {
        failure = run_tests(k);
    }
    if (failure) {
        print("error: %s\n", failure);
        return;
    }
    print_table();
    print("ok\n");
}

static void print_layers(void)
{
    for (uint32_t l = 0; l < interpreter_layers(); l++) {
        const InterpreterLayer layer = interpreter_layer(l, measured);
        print("layer=%lu kind=%s macs=%lu outputs=%lu ", (unsigned long)l, layer.kind, (unsigned long)layer.macs,
              (unsigned long)layer.outputs);
        print_mean(layer.total_us, measurements[measured].inferences);
    }
    print("ok subnetwork=%u\n", (unsigned)measured);
}

static const char *run(void)
{
    const uint8_t k = interpreter_selection()->selected;
    const char *error = run_tests(k);
    if (error) {
        return error;
    }
    const Measurement *m = &measurements[k];
    print("subnetwork=%u inferences=%lu match=%lu correct=%lu ", (unsigned)k, (unsigned long)m->inferences,
          (unsigned long)m->matches, (unsigned long)m->correct);
    print_mean(m->total_us, m->inferences);
    print("ok\n");
    return NULL;
}

static const char *classify(void)
{
    const uint32_t start = port_microseconds();
    const char *error = interpreter_run();
    const uint32_t time_us = port_microseconds() - start;
    if (error) {
        return error;
    }
    const int8_t *outputs = interpreter_output();
    const uint32_t best = largest(outputs, MODEL_CLASSES);
    print("subnetwork=%u label=%lu outputs=", (unsigned)interpreter_selection()->active, (unsigned long)best);
    print_hex(outputs, MODEL_CLASSES);
    print(" time_us=%lu word=%s\nok\n", (unsigned long)time_us, model_labels[best]);
    return NULL;
}

/* NULL, or why the command was not obeyed. */
static const char *obey(const Command *command)
{
    RedsSelection *selection = interpreter_selection();
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
    print("ok subnetwork=%u time_us=%lu\n", (unsigned)selection->selected,
          (unsigned long)reds_time(selection, selection->selected));
    return NULL;
}

int app_poll(void)
{
    static Command command;
    for (;;) {
        const int byte = port_read();
        int8_t *features = failure ? NULL : interpreter_input();
        if (byte < 0) {
            return byte != PORT_CLOSED;
        }
        if (command_take(&command, (char)byte, features, failure ? 0 : MODEL_INPUT_SIZE)) {
            const char *error = obey(&command);
            if (error) {
                print("error: %s\n", error);
            }
            command.letter = 0;
        }
    }
}
