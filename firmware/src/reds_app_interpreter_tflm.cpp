// The model on TensorFlow Lite Micro with our kernels.
#include <new>

#include "reds_app_interpreter.h"
#include "reds_app_port.h"
#include "reds_generated_model.h"
#include "reds_tflm.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"

// What the model needs on a 64-bit host. Our layers keep more about themselves than stock ones, and need scratch
// memory: 8 bytes for each input of an output of a convolution (20 KB for the 10 x 4 x 64 of CNN M).
#ifndef ARENA_SIZE
#define ARENA_SIZE (MODEL_ARENA_SIZE + 32768)
#endif

namespace {

alignas(16) uint8_t arena[ARENA_SIZE];
reds::NestedModel nested;
tflite::MicroInterpreter* interpreter = nullptr;

// Every operator that the bridge emits.
using Resolver = tflite::MicroMutableOpResolver<13>;

bool AddOperators(Resolver* resolver) {
  return resolver->AddFullyConnected(reds::Register_FULLY_CONNECTED()) == kTfLiteOk &&
         resolver->AddConv2D(reds::Register_CONV_2D()) == kTfLiteOk &&
         resolver->AddDepthwiseConv2D(reds::Register_DEPTHWISE_CONV_2D()) == kTfLiteOk &&
         resolver->AddPad() == kTfLiteOk && resolver->AddAdd() == kTfLiteOk && resolver->AddMean() == kTfLiteOk &&
         resolver->AddAveragePool2D() == kTfLiteOk && resolver->AddMaxPool2D() == kTfLiteOk &&
         resolver->AddReshape() == kTfLiteOk && resolver->AddRelu() == kTfLiteOk && resolver->AddRelu6() == kTfLiteOk &&
         resolver->AddLeakyRelu() == kTfLiteOk && resolver->AddSoftmax() == kTfLiteOk;
}

const reds::Layer* LayerAt(uint32_t index) {
  const reds::Layer* layer = nested.layers();
  while (layer && index-- > 0) layer = layer->next;
  return layer;
}

}  // namespace

extern "C" {

const char* const app_interpreter_name = "tflm";

const char* app_interpreter_start(void) {
  const RedsStatus status = nested.Open(model_data, MODEL_SIZE);
  if (status != REDS_OK && status != REDS_TABLE_MISSING) return reds_message(status);
  const tflite::Model* model = tflite::GetModel(model_data);
  if (model->version() != TFLITE_SCHEMA_VERSION) return "TensorFlow Lite Micro does not read this version of models";
  static Resolver resolver;
  if (!AddOperators(&resolver)) return "the operators could not be registered";
  alignas(tflite::MicroInterpreter) static uint8_t memory[sizeof(tflite::MicroInterpreter)];
  interpreter = new (memory) tflite::MicroInterpreter(model, resolver, arena, sizeof(arena));
  nested.SetClock(app_port_microseconds);
  if (interpreter->SetMicroExternalContext(&nested) != kTfLiteOk || interpreter->AllocateTensors() != kTfLiteOk) {
    return "TensorFlow Lite Micro could not prepare the model: see its message, or give it a larger ARENA_SIZE";
  }
  if (interpreter->input(0)->bytes != MODEL_INPUT_SIZE || interpreter->output(0)->bytes != MODEL_CLASSES) {
    return "the generated header and the model differ in the sizes of input and output: make both again";
  }
  return nullptr;
}

RedsSelection* app_interpreter_selection(void) { return nested.selection(); }

int8_t* app_interpreter_input(void) { return interpreter->input(0)->data.int8; }

const int8_t* app_interpreter_output(void) { return interpreter->output(0)->data.int8; }

const char* app_interpreter_run(void) {
  return interpreter->Invoke() == kTfLiteOk ? nullptr : "TensorFlow Lite Micro could not run the model";
}

uint32_t app_interpreter_layers(void) { return nested.table().layer_count; }

AppInterpreterLayer app_interpreter_layer(uint32_t index, uint8_t k) {
  static const char* const kinds[] = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"};
  const reds::Layer* layer = LayerAt(index);
  return {kinds[layer->widths.kind], layer->Macs(k), layer->Outputs(k), layer->total_us};
}

void app_interpreter_forget_times(void) { nested.ForgetTimes(); }

}  // extern "C"
