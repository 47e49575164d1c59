/* ArduinoCore-mbed has a header of this name. */
#ifndef STAND_IN_TIMER_H
#define STAND_IN_TIMER_H

#endif
