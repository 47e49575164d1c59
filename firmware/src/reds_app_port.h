/* What the application needs of the place where it runs; each main_*.c(pp) implements it. */
#ifndef REDS_APP_PORT_H
#define REDS_APP_PORT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define APP_PORT_NOTHING (-1) /* no byte has come yet */
#define APP_PORT_CLOSED (-2)  /* and none will: the other side is gone */

/* The processor's clock in Hz, for whoever turns microseconds into cycles. 0: unknown. */
extern const uint32_t app_port_clock_hz;

/* The next byte from the serial line, or one of the above. Does not wait. */
int app_port_read(void);

/* Waits until the bytes are on their way. */
void app_port_write(const char *bytes, size_t count);

/* A clock that wraps around after 2^32 microseconds. */
uint32_t app_port_microseconds(void);

#ifdef __cplusplus
}
#endif

#endif
