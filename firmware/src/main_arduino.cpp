// The application on a board with the Arduino framework.
#include <Arduino.h>

#include "app.h"
#include "port.h"

extern "C" {

const uint32_t port_clock_hz = BOARD_CLOCK_HZ;  // platformio.ini

int port_read(void) { return Serial.available() > 0 ? Serial.read() : PORT_NOTHING; }

void port_write(const char* bytes, size_t count) { Serial.write(reinterpret_cast<const uint8_t*>(bytes), count); }

uint32_t port_microseconds(void) { return micros(); }

}  // extern "C"

void setup() {
  Serial.begin(115200);
  // Boards with USB of their own drop what is printed before somebody listens.
  const uint32_t start = millis();
  while (!Serial && millis() - start < 10000) {
  }
  app_start();
}

void loop() { app_poll(); }
