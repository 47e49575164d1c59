#ifndef STAND_IN_FULLY_CONNECTED_H
#define STAND_IN_FULLY_CONNECTED_H

#include "tensorflow/lite/c/common.h"

namespace tflite {

inline TFLMRegistration Register_FULLY_CONNECTED() { return {}; }

}  // namespace tflite

#endif
