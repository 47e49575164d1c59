// reds-torch's subnetworks in TensorFlow Lite Micro: registrations for the three layers, and the model they belong to.
//
//   static reds::NestedModel nested;
//   RedsStatus status = nested.Open(model_data, MODEL_SIZE);          // reads the table of the model
//   tflite::MicroMutableOpResolver<3> resolver;
//   resolver.AddFullyConnected(reds::Register_FULLY_CONNECTED());
//   resolver.AddConv2D(reds::Register_CONV_2D());
//   resolver.AddDepthwiseConv2D(reds::Register_DEPTHWISE_CONV_2D());
//   tflite::MicroInterpreter interpreter(tflite::GetModel(model_data), resolver, arena, sizeof(arena));
//   interpreter.SetMicroExternalContext(&nested);                     // before AllocateTensors()
//   interpreter.AllocateTensors();                                    // checks every layer against the table
//   reds_select(nested.selection(), 2);                               // from the next inference on
//
// Without SetMicroExternalContext(), and for a model without a table, the stock kernels run.
#ifndef REDS_TFLM_H_
#define REDS_TFLM_H_

#include <cstdint>

#include "reds.h"
#include "tensorflow/lite/micro/kernels/conv.h"
#include "tensorflow/lite/micro/kernels/depthwise_conv.h"
#include "tensorflow/lite/micro/kernels/fully_connected.h"

namespace reds {

// TfLiteRegistration or TFLMRegistration, as the version of TensorFlow Lite Micro has it.
using Registration = decltype(tflite::Register_FULLY_CONNECTED());

Registration Register_FULLY_CONNECTED();
Registration Register_CONV_2D();
Registration Register_DEPTHWISE_CONV_2D();

// A layer that was prepared; the arena holds it.
struct Layer {
  int index;         // in the table
  RedsLayer widths;  // of every subnetwork
  RedsQuantization quantization;  // of the full network
  union {
    RedsDenseShape dense;
    RedsConvShape conv;
  } shape;
  int scratch_index;  // -1: no scratch memory
  uint32_t total_us;  // since ForgetTimes(), where there is a clock
  Layer* next;        // in the order of execution

  // What subnetwork `k` multiplies, and the values that it writes.
  uint32_t Macs(uint8_t k) const;
  uint32_t Outputs(uint8_t k) const;
};

// A model with its subnetworks. Belongs to one interpreter, and must outlive it.
class NestedModel {
 public:
  // Reads the table of a model; both are used for as long as this object is. REDS_TABLE_MISSING where there is none.
  RedsStatus Open(const void* model, uint32_t size);

  // For reds_select() and its kin.
  RedsSelection* selection() { return &selection_; }

  const RedsTable& table() const { return table_; }

  // The first layer; nullptr before AllocateTensors().
  const Layer* layers() const { return first_; }

  // Lets the layers take their own time. nullptr: don't.
  void SetClock(uint32_t (*microseconds)()) { microseconds_ = microseconds; }
  void ForgetTimes();

 private:
  friend struct Layers;

  RedsTable table_ = {};
  RedsSelection selection_ = {};
  Layer* first_ = nullptr;
  Layer* last_ = nullptr;
  uint32_t (*microseconds_)() = nullptr;
};

}  // namespace reds

#endif  // REDS_TFLM_H_
