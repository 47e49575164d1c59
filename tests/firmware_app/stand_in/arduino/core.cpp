// What a program needs to be linked; it is never run.
#include "Arduino.h"

HardwareSerial Serial;

void HardwareSerial::begin(unsigned long) {}
HardwareSerial::operator bool() { return true; }
size_t HardwareSerial::write(const uint8_t*, size_t count) { return count; }
int HardwareSerial::available() { return 0; }
int HardwareSerial::read() { return -1; }

extern "C" {

unsigned long micros(void) { return 0; }
unsigned long millis(void) { return 0; }

// mbed, on which two of the boards' cores stand, has functions of these names.
int port_read(void*) { return 0; }
void port_write(void*, int) {}

// Of libsupc++, which not every cross compiler comes with.
void __cxa_pure_virtual(void) {}
}

int main() {
  setup();
  for (;;) loop();
}
