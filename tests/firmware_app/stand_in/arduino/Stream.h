/* Every core has a header of this name. */
#ifndef STAND_IN_STREAM_H
#define STAND_IN_STREAM_H

#include "Print.h"

class Stream : public Print {
 public:
  virtual int available() = 0;
  virtual int read() = 0;
};

#endif
