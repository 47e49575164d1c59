// The application on a board with the Arduino framework.
#include <Arduino.h>

#include "reds_app.h"
#include "reds_app_port.h"

extern "C" {

const uint32_t app_port_clock_hz = BOARD_CLOCK_HZ;  // platformio.ini

int app_port_read(void) { return Serial.available() > 0 ? Serial.read() : APP_PORT_NOTHING; }

void app_port_write(const char* bytes, size_t count) { Serial.write(reinterpret_cast<const uint8_t*>(bytes), count); }

uint32_t app_port_microseconds(void) { return micros(); }

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
