/* What runs the model: core/'s own interpreter (reds_app_interpreter_core.c) or TensorFlow Lite Micro
 * (reds_app_interpreter_tflm.cpp).
 *
 * The build chooses one of them. Both run the model of reds_generated_model.h, whose table names the subnetworks.
 */
#ifndef REDS_APP_INTERPRETER_H
#define REDS_APP_INTERPRETER_H

#include <stdint.h>

#include "reds.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A layer of the table: what subnetwork `k` spends on it, and the time it took since app_interpreter_forget_times(). */
typedef struct AppInterpreterLayer {
    const char *kind; /* as TensorFlow Lite spells it */
    uint32_t macs;
    uint32_t outputs; /* values that it writes */
    uint32_t total_us;
} AppInterpreterLayer;

extern const char *const app_interpreter_name;

/* Prepares the model. NULL, or what is wrong in one sentence. */
const char *app_interpreter_start(void);

/* Which subnetwork runs next; valid after app_interpreter_start(). */
RedsSelection *app_interpreter_selection(void);

/* MODEL_INPUT_SIZE values; to be written before each inference, which may overwrite them. */
int8_t *app_interpreter_input(void);

/* MODEL_CLASSES values, until the next inference. */
const int8_t *app_interpreter_output(void);

/* One inference of the selected subnetwork. NULL, or what went wrong. */
const char *app_interpreter_run(void);

uint32_t app_interpreter_layers(void);
AppInterpreterLayer app_interpreter_layer(uint32_t index, uint8_t k);
void app_interpreter_forget_times(void);

#ifdef __cplusplus
}
#endif

#endif
