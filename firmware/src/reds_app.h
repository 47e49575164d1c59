/* The application: measures every subnetwork on the built-in test inputs, then obeys commands from the serial line.
 *
 *   s K     select subnetwork K
 *   b US    select the largest subnetwork that needs at most US microseconds, by the times measured here
 *   r       run the selected subnetwork on the test inputs
 *   l       what its layers cost, and the time each took in the last run of the test inputs
 *   t       table of all subnetworks
 *   d HEX   classify features: the input's int8 values, two hexadecimal digits each
 *
 * A command is a line. A reply is any number of lines, the last of which begins with "ok" or "error:". Lines for
 * programs are made of key=value pairs; reds_torch/commands/device.py reads them.
 */
#ifndef REDS_APP_H
#define REDS_APP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Prepares the model, measures all subnetworks and prints the table. */
void app_start(void);

/* Takes what has come over the serial line and obeys. Returns 0 when the line is closed, else 1. */
int app_poll(void);

#ifdef __cplusplus
}
#endif

#endif
