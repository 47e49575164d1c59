/* Every core has a header of this name. */
#ifndef STAND_IN_PRINT_H
#define STAND_IN_PRINT_H

#include <stddef.h>
#include <stdint.h>

class Print {
 public:
  virtual size_t write(const uint8_t* bytes, size_t count) = 0;
};

#endif
