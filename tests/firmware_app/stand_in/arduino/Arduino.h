/* In the place of an Arduino core: as much of it as the application uses. The headers beside this one have names of real
 * cores' headers; what they say is asked for here, so that none of ours may be taken for one of them. */
#ifndef STAND_IN_ARDUINO_H
#define STAND_IN_ARDUINO_H

#include <stddef.h>
#include <stdint.h>

#include "board.h"
#include "timer.h"

#if !defined(STAND_IN_BOARD_H) || !defined(STAND_IN_TIMER_H)
#error "another header was taken for the core's own"
#endif

#ifdef __cplusplus
#include "HardwareSerial.h"

extern "C" {
#endif

unsigned long micros(void);
unsigned long millis(void);
void setup(void);
void loop(void);

#ifdef __cplusplus
}
#endif

#endif
