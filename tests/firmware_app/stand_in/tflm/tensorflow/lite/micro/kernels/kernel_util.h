#ifndef STAND_IN_MICRO_KERNEL_UTIL_H
#define STAND_IN_MICRO_KERNEL_UTIL_H

#include "tensorflow/lite/c/common.h"

namespace tflite {
namespace micro {

inline const TfLiteEvalTensor* GetEvalInput(const TfLiteContext*, const TfLiteNode*, int) { return nullptr; }
inline TfLiteEvalTensor* GetEvalOutput(const TfLiteContext*, const TfLiteNode*, int) { return nullptr; }

template <typename T>
T* GetTensorData(TfLiteEvalTensor*) {
  return nullptr;
}

template <typename T>
const T* GetTensorData(const TfLiteEvalTensor*) {
  return nullptr;
}

}  // namespace micro
}  // namespace tflite

#endif
