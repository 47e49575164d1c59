/* What runs the model: core/'s own interpreter (interpreter_core.c) or TensorFlow Lite Micro (interpreter_tflm.cpp).
 *
 * The build chooses one of them. Both run the model of model.h, whose table says what the subnetworks are.
 */
#ifndef INTERPRETER_H
#define INTERPRETER_H

#include <stdint.h>

#include "reds.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A layer of the table: what subnetwork `k` spends on it, and the time it took since interpreter_forget_times(). */
typedef struct InterpreterLayer {
    const char *kind; /* as TensorFlow Lite spells it */
    uint32_t macs;
    uint32_t outputs; /* values that it writes */
    uint32_t total_us;
} InterpreterLayer;

extern const char *const interpreter_name;

/* Prepares the model. NULL, or what is wrong in one sentence. */
const char *interpreter_start(void);

/* Which subnetwork runs next; valid after interpreter_start(). */
RedsSelection *interpreter_selection(void);

/* MODEL_INPUT_SIZE values; to be written before each inference, which may overwrite them. */
int8_t *interpreter_input(void);

/* MODEL_CLASSES values, until the next inference. */
const int8_t *interpreter_output(void);

/* One inference of the selected subnetwork. NULL, or what went wrong. */
const char *interpreter_run(void);

uint32_t interpreter_layers(void);
InterpreterLayer interpreter_layer(uint32_t index, uint8_t k);
void interpreter_forget_times(void);

#ifdef __cplusplus
}
#endif

#endif
