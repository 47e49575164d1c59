#include "reds_tflm.h"

#include <new>

#include "tensorflow/lite/c/builtin_op_data.h"
#include "tensorflow/lite/kernels/kernel_util.h"
#include "tensorflow/lite/kernels/padding.h"
#include "tensorflow/lite/micro/kernels/kernel_util.h"
#include "tensorflow/lite/micro/micro_context.h"
#include "tensorflow/lite/micro/micro_log.h"

namespace reds {

// The part of a model's state that the kernels need.
struct Layers {
  // nullptr: the stock kernels are to run.
  static NestedModel* ModelOf(TfLiteContext* context) {
    auto* nested = static_cast<NestedModel*>(tflite::GetMicroContext(context)->external_context());
    return nested && nested->table_.bytes ? nested : nullptr;
  }

  // Init runs for all operators in the order of execution, before any is prepared.
  static void Append(NestedModel* nested, Layer* layer) {
    layer->index = nested->last_ ? nested->last_->index + 1 : 0;
    (nested->last_ ? nested->last_->next : nested->first_) = layer;
    nested->last_ = layer;
  }

  static bool Complete(const NestedModel& nested) {
    return nested.last_ && nested.last_->index + 1 == nested.table_.layer_count;
  }

  // The subnetwork of this inference. The first layer fixes it for all of them.
  static uint8_t Subnetwork(NestedModel* nested, const Layer* layer) {
    return layer == nested->first_ ? reds_begin(&nested->selection_) : nested->selection_.active;
  }

  static uint32_t Now(const NestedModel* nested) { return nested->microseconds_ ? nested->microseconds_() : 0; }
};

namespace {

constexpr int kInput = 0;
constexpr int kWeights = 1;
constexpr int kBiases = 2;
constexpr int kOutput = 0;

Registration Stock(RedsKind kind) {
  switch (kind) {
    case REDS_CONV_2D:
      return tflite::Register_CONV_2D();
    case REDS_DEPTHWISE_CONV_2D:
      return tflite::Register_DEPTHWISE_CONV_2D();
    default:
      return tflite::Register_FULLY_CONNECTED();
  }
}

// A tensor as the model describes it, for as long as it is looked at.
class Described {
 public:
  Described(tflite::MicroContext* context, TfLiteTensor* tensor) : context_(context), tensor_(tensor) {}
  ~Described() {
    if (tensor_) context_->DeallocateTempTfLiteTensor(tensor_);
  }
  Described(const Described&) = delete;
  Described& operator=(const Described&) = delete;

  explicit operator bool() const { return tensor_ != nullptr; }
  TfLiteTensor* operator->() const { return tensor_; }
  TfLiteTensor* get() const { return tensor_; }
  int Dimension(int axis) const { return tensor_->dims->data[axis]; }

 private:
  tflite::MicroContext* context_;
  TfLiteTensor* tensor_;
};

struct Operands {
  explicit Operands(tflite::MicroContext* context, TfLiteNode* node)
      : input(context, context->AllocateTempInputTensor(node, kInput)),
        weights(context, context->AllocateTempInputTensor(node, kWeights)),
        biases(context, node->inputs->size > kBiases ? context->AllocateTempInputTensor(node, kBiases) : nullptr),
        output(context, context->AllocateTempOutputTensor(node, kOutput)) {}

  Described input, weights, biases, output;
};

// Each check returns nullptr, or what is wrong.

const char* CheckTensors(const Operands& operands, int weight_axes) {
  const Described &input = operands.input, &weights = operands.weights, &output = operands.output;
  if (!input || !weights || !output) return "a tensor is missing";
  if (input->type != kTfLiteInt8 || weights->type != kTfLiteInt8 || output->type != kTfLiteInt8) {
    return "its input, weights and output must be int8";
  }
  if (operands.biases && operands.biases->type != kTfLiteInt32) return "its biases must be int32";
  if (weights->allocation_type != kTfLiteMmapRo) return "its weights must be part of the model";
  if (operands.biases && operands.biases->allocation_type != kTfLiteMmapRo) {
    return "its biases must be part of the model";
  }
  if (weights->dims->size != weight_axes) return "its weights have an unexpected number of axes";
  return nullptr;
}

const char* CheckWeightScales(const TfLiteTensor* weights, int outputs) {
  const auto* affine = static_cast<const TfLiteAffineQuantization*>(weights->quantization.params);
  if (weights->quantization.type != kTfLiteAffineQuantization || !affine || !affine->scale) {
    return "its weights have no scale";
  }
  if (affine->scale->size != 1 && affine->scale->size != outputs) {
    return "its weights have neither one scale nor one for each output";
  }
  for (int i = 0; affine->zero_point && i < affine->zero_point->size; i++) {
    if (affine->zero_point->data[i] != 0) return "the zero point of its weights is not 0";
  }
  return nullptr;
}

// Multipliers, shifts, offsets and limits of the full network, as the stock kernels compute them.
TfLiteStatus PrepareQuantization(TfLiteContext* context, const Operands& operands, TfLiteFusedActivation activation,
                                 Layer* layer) {
  const TfLiteTensor* weights = operands.weights.get();
  const auto* affine = static_cast<const TfLiteAffineQuantization*>(weights->quantization.params);
  const float input_scale = operands.input->params.scale;
  const double output_scale = operands.output->params.scale;
  const int count = affine->scale->size;
  auto* multipliers = static_cast<int32_t*>(context->AllocatePersistentBuffer(context, count * sizeof(int32_t)));
  auto* shifts = static_cast<int8_t*>(context->AllocatePersistentBuffer(context, count));
  if (!multipliers || !shifts) return kTfLiteError;
  for (int i = 0; i < count; i++) {
    const float scale = affine->scale->data[i];
    // A dense layer with one scale multiplies in single precision.
    const bool in_single = layer->widths.kind == REDS_FULLY_CONNECTED && count == 1;
    const double product = in_single ? static_cast<double>(input_scale * scale)
                                     : static_cast<double>(input_scale) * static_cast<double>(scale);
    reds_quantize_multiplier(product / output_scale, &multipliers[i], &shifts[i]);
  }
  int32_t smallest = 0, largest = 0;
  TF_LITE_ENSURE_STATUS(tflite::CalculateActivationRangeQuantized(context, activation, operands.output.get(),
                                                                  &smallest, &largest));
  RedsQuantization* quantization = &layer->quantization;
  quantization->multipliers = multipliers;
  quantization->shifts = shifts;
  quantization->per_channel = count > 1;
  quantization->biases = operands.biases ? tflite::GetTensorData<int32_t>(operands.biases.get()) : nullptr;
  quantization->input_offset = static_cast<int16_t>(-operands.input->params.zero_point);
  quantization->output_offset = static_cast<int16_t>(operands.output->params.zero_point);
  quantization->output_min = static_cast<int8_t>(smallest);
  quantization->output_max = static_cast<int8_t>(largest);
  return kTfLiteOk;
}

const char* PrepareDense(const NestedModel& nested, const Operands& operands, Layer* layer) {
  if (const char* wrong = CheckTensors(operands, 2)) return wrong;
  const int outputs = operands.weights.Dimension(0), row = operands.weights.Dimension(1);
  if (const char* wrong = CheckWeightScales(operands.weights.get(), outputs)) return wrong;
  const int values = static_cast<int>(tflite::NumElements(operands.input.get()));
  if (row == 0 || values % row != 0) return "its input is not made of rows as long as those of its weights";
  const RedsStatus status =
      reds_layer_init(&layer->widths, &nested.table(), layer->index, REDS_FULLY_CONNECTED, row, outputs);
  if (status != REDS_OK) return reds_message(status);
  layer->shape.dense = {values / row, layer->widths.segments, layer->widths.full.input, outputs};
  return nullptr;
}

// Strides, dilation and padding of a TfLiteConvParams or TfLiteDepthwiseConvParams.
template <typename Parameters>
const char* PrepareConv(const NestedModel& nested, const Operands& operands, RedsKind kind,
                        const Parameters& parameters, Layer* layer) {
  if (const char* wrong = CheckTensors(operands, 4)) return wrong;
  const Described &input = operands.input, &weights = operands.weights, &output = operands.output;
  if (input->dims->size != 4 || output->dims->size != 4) return "its input and output must have four axes";
  const int channels = input.Dimension(3), outputs = output.Dimension(3);
  const bool depthwise = kind == REDS_DEPTHWISE_CONV_2D;
  if (weights.Dimension(depthwise ? 3 : 0) != outputs) return "its weights and its output differ in channels";
  if (!depthwise && weights.Dimension(3) != channels) return "it has groups, which the table cannot describe";
  if (depthwise && channels != outputs && channels != 1) return "its channel multiplier is not 1";
  if (const char* wrong = CheckWeightScales(weights.get(), outputs)) return wrong;
  const RedsStatus status =
      reds_layer_init(&layer->widths, &nested.table(), layer->index, kind, channels, outputs);
  if (status != REDS_OK) return reds_message(status);

  RedsConvShape* shape = &layer->shape.conv;
  shape->batches = input.Dimension(0);
  shape->input_height = input.Dimension(1);
  shape->input_width = input.Dimension(2);
  shape->input_channels = channels;
  shape->output_channels = outputs;
  shape->filter_height = weights.Dimension(1);
  shape->filter_width = weights.Dimension(2);
  shape->stride_height = parameters.stride_height;
  shape->stride_width = parameters.stride_width;
  shape->dilation_height = parameters.dilation_height_factor;
  shape->dilation_width = parameters.dilation_width_factor;
  int height = 0, width = 0;
  const TfLitePaddingValues padding = tflite::ComputePaddingHeightWidth(
      shape->stride_height, shape->stride_width, shape->dilation_height, shape->dilation_width, shape->input_height,
      shape->input_width, shape->filter_height, shape->filter_width, parameters.padding, &height, &width);
  if (output.Dimension(1) != height || output.Dimension(2) != width) return "its output has the wrong size";
  shape->output_height = height;
  shape->output_width = width;
  shape->padding_top = padding.height;
  shape->padding_left = padding.width;
  return nullptr;
}

int ScratchSize(const Layer& layer) {
  switch (layer.widths.kind) {
    case REDS_CONV_2D:
      return reds_conv_2d_scratch(&layer.shape.conv);
    case REDS_DEPTHWISE_CONV_2D:
      return reds_depthwise_conv_2d_scratch(&layer.shape.conv);
    default:
      return reds_fully_connected_scratch(&layer.shape.dense);
  }
}

const char* PrepareShape(const NestedModel& nested, const Operands& operands, RedsKind kind, const TfLiteNode* node,
                         Layer* layer, TfLiteFusedActivation* activation) {
  if (!Layers::Complete(nested)) return reds_message(REDS_LAYER_MISSING);
  if (kind == REDS_FULLY_CONNECTED) {
    *activation = static_cast<const TfLiteFullyConnectedParams*>(node->builtin_data)->activation;
    return PrepareDense(nested, operands, layer);
  }
  if (kind == REDS_CONV_2D) {
    const auto* parameters = static_cast<const TfLiteConvParams*>(node->builtin_data);
    *activation = parameters->activation;
    return PrepareConv(nested, operands, kind, *parameters, layer);
  }
  const auto* parameters = static_cast<const TfLiteDepthwiseConvParams*>(node->builtin_data);
  *activation = parameters->activation;
  return PrepareConv(nested, operands, kind, *parameters, layer);
}

template <RedsKind kind>
void* Init(TfLiteContext* context, const char* buffer, size_t length) {
  NestedModel* nested = Layers::ModelOf(context);
  if (!nested) return Stock(kind).init(context, buffer, length);
  void* memory = context->AllocatePersistentBuffer(context, sizeof(Layer));
  if (!memory) return nullptr;
  Layer* layer = new (memory) Layer{};
  layer->scratch_index = -1;
  Layers::Append(nested, layer);
  return layer;
}

template <RedsKind kind>
TfLiteStatus Prepare(TfLiteContext* context, TfLiteNode* node) {
  const NestedModel* nested = Layers::ModelOf(context);
  if (!nested) return Stock(kind).prepare(context, node);
  auto* layer = static_cast<Layer*>(node->user_data);
  if (!layer) return kTfLiteError;
  const Operands operands(tflite::GetMicroContext(context), node);
  TfLiteFusedActivation activation = kTfLiteActNone;
  if (const char* wrong = PrepareShape(*nested, operands, kind, node, layer, &activation)) {
    MicroPrintf("reds: layer %d of the table: %s", layer->index, wrong);
    return kTfLiteError;
  }
  TF_LITE_ENSURE_STATUS(PrepareQuantization(context, operands, activation, layer));
  const int bytes = ScratchSize(*layer);
  return bytes ? context->RequestScratchBufferInArena(context, bytes, &layer->scratch_index) : kTfLiteOk;
}

template <RedsKind kind>
TfLiteStatus Eval(TfLiteContext* context, TfLiteNode* node) {
  NestedModel* nested = Layers::ModelOf(context);
  if (!nested) return Stock(kind).invoke(context, node);
  auto* layer = static_cast<Layer*>(node->user_data);
  const uint32_t start = Layers::Now(nested);
  const uint8_t k = Layers::Subnetwork(nested, layer);
  const RedsWidths widths = reds_layer_widths(&layer->widths, k);
  const RedsQuantization quantization = reds_layer_quantization(&layer->widths, k, &layer->quantization);
  const auto* input = tflite::micro::GetTensorData<int8_t>(tflite::micro::GetEvalInput(context, node, kInput));
  const auto* weights = tflite::micro::GetTensorData<int8_t>(tflite::micro::GetEvalInput(context, node, kWeights));
  auto* output = tflite::micro::GetTensorData<int8_t>(tflite::micro::GetEvalOutput(context, node, kOutput));
  void* scratch = layer->scratch_index < 0 ? nullptr : context->GetScratchBuffer(context, layer->scratch_index);
  const RedsConvShape& conv = layer->shape.conv;
  if (kind == REDS_FULLY_CONNECTED) {
    reds_fully_connected_s8(&layer->shape.dense, widths, &quantization, input, weights, output, scratch);
  } else if (kind == REDS_CONV_2D) {
    reds_conv_2d_s8(&conv, widths, &quantization, input, weights, output, scratch);
  } else {
    reds_depthwise_conv_2d_s8(&conv, widths, &quantization, input, weights, output, scratch);
  }
  if (layer->widths.fill) {
    const int32_t positions = kind == REDS_FULLY_CONNECTED ? layer->shape.dense.batches
                                                           : conv.batches * conv.output_height * conv.output_width;
    reds_fill_beyond_s8(output, positions, layer->widths.full.output, widths.output,
                        static_cast<int8_t>(quantization.output_offset));
  }
  layer->total_us += Layers::Now(nested) - start;
  return kTfLiteOk;
}

// What else a stock registration says (its operator code, say) stays.
template <RedsKind kind>
Registration Register() {
  Registration registration = Stock(kind);
  registration.init = Init<kind>;
  registration.prepare = Prepare<kind>;
  registration.invoke = Eval<kind>;
  return registration;
}

}  // namespace

Registration Register_FULLY_CONNECTED() { return Register<REDS_FULLY_CONNECTED>(); }

Registration Register_CONV_2D() { return Register<REDS_CONV_2D>(); }

Registration Register_DEPTHWISE_CONV_2D() { return Register<REDS_DEPTHWISE_CONV_2D>(); }

uint32_t Layer::Macs(uint8_t k) const {
  const RedsWidths used = reds_layer_widths(&widths, k);
  switch (widths.kind) {
    case REDS_CONV_2D:
      return reds_conv_2d_macs(&shape.conv, used);
    case REDS_DEPTHWISE_CONV_2D:
      return reds_depthwise_conv_2d_macs(&shape.conv, used);
    default:
      return reds_fully_connected_macs(&shape.dense, used);
  }
}

uint32_t Layer::Outputs(uint8_t k) const {
  const int32_t positions = widths.kind == REDS_FULLY_CONNECTED
                                ? shape.dense.batches
                                : shape.conv.batches * shape.conv.output_height * shape.conv.output_width;
  return static_cast<uint32_t>(positions * reds_layer_widths(&widths, k).output);
}

RedsStatus NestedModel::Open(const void* model, uint32_t size) {
  const void* bytes = nullptr;
  uint32_t table_size = 0;
  first_ = last_ = nullptr;
  reds_table_of_full_network(&table_);
  reds_selection_init(&selection_, &table_);
  RedsStatus status = reds_model_metadata(model, size, "REDS", &bytes, &table_size);
  if (status != REDS_OK) return status;
  RedsTable table;
  status = reds_table_open(&table, bytes, table_size);
  if (status != REDS_OK) return status;
  table_ = table;
  return REDS_OK;
}

void NestedModel::ForgetTimes() {
  for (Layer* layer = first_; layer; layer = layer->next) layer->total_us = 0;
}

}  // namespace reds
