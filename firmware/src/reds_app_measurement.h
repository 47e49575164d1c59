/* Runs the built-in test inputs and keeps what came of it. */
#ifndef REDS_APP_MEASUREMENT_H
#define REDS_APP_MEASUREMENT_H

#include <stdint.h>

/* One subnetwork on all test inputs. */
typedef struct AppMeasurement {
    uint32_t inferences;
    uint32_t total_us;
    uint32_t matches; /* outputs that equal the expected ones in every bit */
    uint32_t correct; /* classes that equal the labels */
} AppMeasurement;

/* Index of the largest output; of equal ones the first. */
uint32_t app_largest(const int8_t *outputs, uint32_t count);

/* Runs subnetwork `k` on all test inputs, tells its time to the selection, and selects what was selected before. NULL,
 * or what went wrong. */
const char *app_measure(uint8_t k, AppMeasurement *measurement);

#endif
