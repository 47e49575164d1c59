#ifndef STAND_IN_MICRO_CONTEXT_H
#define STAND_IN_MICRO_CONTEXT_H

#include "tensorflow/lite/c/common.h"

namespace tflite {

class MicroContext {
 public:
  TfLiteTensor* AllocateTempInputTensor(const TfLiteNode*, int) { return nullptr; }
  TfLiteTensor* AllocateTempOutputTensor(const TfLiteNode*, int) { return nullptr; }
  void DeallocateTempTfLiteTensor(TfLiteTensor*) {}
  void* external_context() { return nullptr; }
};

inline MicroContext* GetMicroContext(const TfLiteContext*) { return nullptr; }

}  // namespace tflite

#endif
