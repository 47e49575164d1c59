#ifndef REDS_GENERATED_TEST_INPUTS_H
#define REDS_GENERATED_TEST_INPUTS_H

#include "reds_generated_model.h"

#define TEST_INPUTS 2

extern const int8_t test_inputs[TEST_INPUTS][MODEL_INPUT_SIZE];
extern const uint16_t test_labels[TEST_INPUTS];
extern const int8_t test_outputs[MODEL_SUBNETWORKS][TEST_INPUTS][MODEL_CLASSES];

#endif
