#ifndef STAND_IN_MICRO_MUTABLE_OP_RESOLVER_H
#define STAND_IN_MICRO_MUTABLE_OP_RESOLVER_H

#include "tensorflow/lite/c/common.h"

namespace tflite {

template <unsigned operators>
class MicroMutableOpResolver {
 public:
  TfLiteStatus AddFullyConnected(const TFLMRegistration&) { return kTfLiteOk; }
  TfLiteStatus AddConv2D(const TFLMRegistration&) { return kTfLiteOk; }
  TfLiteStatus AddDepthwiseConv2D(const TFLMRegistration&) { return kTfLiteOk; }
  TfLiteStatus AddPad() { return kTfLiteOk; }
  TfLiteStatus AddAdd() { return kTfLiteOk; }
  TfLiteStatus AddMean() { return kTfLiteOk; }
  TfLiteStatus AddAveragePool2D() { return kTfLiteOk; }
  TfLiteStatus AddMaxPool2D() { return kTfLiteOk; }
  TfLiteStatus AddReshape() { return kTfLiteOk; }
  TfLiteStatus AddRelu() { return kTfLiteOk; }
  TfLiteStatus AddRelu6() { return kTfLiteOk; }
  TfLiteStatus AddLeakyRelu() { return kTfLiteOk; }
  TfLiteStatus AddSoftmax() { return kTfLiteOk; }
};

}  // namespace tflite

#endif
