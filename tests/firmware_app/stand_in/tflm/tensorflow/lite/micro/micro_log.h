#ifndef STAND_IN_MICRO_LOG_H
#define STAND_IN_MICRO_LOG_H

inline void MicroPrintf(const char*, ...) {}

#endif
