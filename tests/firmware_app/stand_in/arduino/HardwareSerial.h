/* Every core has a header of this name. */
#ifndef STAND_IN_HARDWARE_SERIAL_H
#define STAND_IN_HARDWARE_SERIAL_H

#include "Stream.h"

class HardwareSerial : public Stream {
 public:
  void begin(unsigned long baud);
  explicit operator bool();
  size_t write(const uint8_t* bytes, size_t count) override;
  int available() override;
  int read() override;
};

extern HardwareSerial Serial;

#endif
