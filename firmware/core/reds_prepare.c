#include "reds_prepare.h"

#include <stddef.h>
#include <string.h>

#include "reds_quantization.h"

/* Fields of the schema's option tables. */
enum {
    WINDOW_PADDING = 0, /* of convolutions and pools */
    WINDOW_STRIDE_W = 1,
    WINDOW_STRIDE_H = 2,
    CONV_ACTIVATION = 3,
    CONV_DILATION_W = 4,
    CONV_DILATION_H = 5,
    DEPTHWISE_ACTIVATION = 4,
    DEPTHWISE_DILATION_W = 5,
    DEPTHWISE_DILATION_H = 6,
    POOL_FILTER_W = 3,
    POOL_FILTER_H = 4,
    POOL_ACTIVATION = 5,
    DENSE_ACTIVATION = 0,
    DENSE_WEIGHTS_FORMAT = 1,
    ADD_ACTIVATION = 0,
    LEAKY_RELU_ALPHA = 0
};
enum { PADDING_SAME = 0, PADDING_VALID = 1 };

#define TRY(call)                         \
    do {                                  \
        const RedsStatus status = (call); \
        if (status != REDS_OK) {          \
            return status;                \
        }                                 \
    } while (0)

void *reds_arena_take(RedsArena *arena, uint32_t size)
{
    if (size > arena->size - arena->used || arena->size - arena->used - size < 7) {
        return NULL;
    }
    void *taken = arena->memory + arena->used;
    arena->used += (size + 7) & ~7u;
    memset(taken, 0, size);
    return taken;
}

/* An operator and its tensors while it is prepared. */
typedef struct Context {
    RedsPreparation *preparation;
    RedsNode node;
    RedsTensor input;
    RedsTensor output;
} Context;

static RedsReader *reader_of(const Context *context)
{
    return &context->preparation->model->reader;
}

/* Tensor `index` of a list, or -1 if it is left out. */
static int32_t tensor_of(const Context *context, RedsVector list, uint32_t index)
{
    return index < list.count ? reds_read_i32(reader_of(context), list.at + 4 * index) : -1;
}

static RedsStatus read_tensor(const Context *context, int32_t index, RedsTensor *tensor)
{
    return index < 0 ? REDS_MODEL_OPTION : reds_model_tensor(context->preparation->model, (uint32_t)index, tensor);
}

static int32_t zero_point_of(const Context *context, const RedsTensor *tensor)
{
    return reds_tensor_zero_point(context->preparation->model, tensor);
}

static float scale_of(const Context *context, const RedsTensor *tensor, uint32_t index)
{
    return reds_tensor_scale(context->preparation->model, tensor, index);
}

/* An int8 activation: not constant, one scale, a zero point. */
static RedsStatus check_activation(const Context *context, const RedsTensor *tensor)
{
    if (tensor->type != REDS_INT8 || tensor->data) {
        return REDS_MODEL_TYPE;
    }
    const int32_t zero_point = zero_point_of(context, tensor);
    const int quantized =
        tensor->scales.count == 1 && tensor->zero_points.count == 1 && scale_of(context, tensor, 0) > 0;
    return quantized && zero_point >= -128 && zero_point <= 127 ? REDS_OK : REDS_MODEL_QUANTIZATION;
}

static int same_shape(const RedsTensor *a, const RedsTensor *b)
{
    return a->rank == b->rank && memcmp(a->shape, b->shape, sizeof(a->shape)) == 0;
}

static RedsExtent extent_of(const RedsTensor *tensor)
{
    RedsExtent extent;
    extent.channels = tensor->rank ? tensor->shape[tensor->rank - 1] : 1;
    extent.positions = tensor->elements / extent.channels;
    return extent;
}

static RedsScale scale_from(double real)
{
    RedsScale scale;
    reds_quantize_multiplier(real, &scale.multiplier, &scale.shift);
    return scale;
}

/* Whether reds_quantize_multiplier() takes it, with a shift that fits int8 arithmetic. */
static int is_scale(double real)
{
    return real >= 0 && real < (double)((int32_t)1 << 30);
}

/* round(real / scale) + zero point, halves away from zero, limited to int8. */
static int8_t quantized(float real, float scale, int32_t zero_point)
{
    const double steps = (double)(real / scale);
    const double limited = steps > 512 ? 512 : steps < -512 ? -512 : steps;
    const int32_t value = (int32_t)(limited < 0 ? limited - 0.5 : limited + 0.5) + zero_point;
    return (int8_t)(value < -128 ? -128 : value > 127 ? 127 : value);
}

static RedsStatus limits_of(const Context *context, uint8_t activation, RedsLimits *limits)
{
    const float scale = scale_of(context, &context->output, 0);
    const int32_t zero_point = zero_point_of(context, &context->output);
    limits->least = -128;
    limits->most = 127;
    switch (activation) {
    case REDS_NO_ACTIVATION:
        return REDS_OK;
    case REDS_RELU:
        limits->least = quantized(0, scale, zero_point);
        return REDS_OK;
    case REDS_RELU6:
        limits->least = quantized(0, scale, zero_point);
        limits->most = quantized(6, scale, zero_point);
        return REDS_OK;
    case REDS_RELU_N1_TO_1:
        limits->least = quantized(-1, scale, zero_point);
        limits->most = quantized(1, scale, zero_point);
        return REDS_OK;
    default:
        return REDS_MODEL_OPTION;
    }
}

/* Int32 data of a constant, in place. */
static RedsStatus int32_data(const RedsTensor *tensor, const int32_t **data)
{
    if (tensor->type != REDS_INT32 || !tensor->data) {
        return REDS_MODEL_TYPE;
    }
    if (tensor->data_size != 4 * (uint32_t)tensor->elements) {
        return REDS_MODEL_SHAPE;
    }
    const void *at = tensor->data;
    *data = (const int32_t *)at;
    return (uintptr_t)at % 4 ? REDS_MODEL_MISALIGNED : REDS_OK;
}

/* Multiplier and shift of each output channel, or one for all where the weights have a single scale.
 *
 * TensorFlow Lite Micro multiplies the scales of input and weights as floats where a FULLY_CONNECTED has a single
 * scale, and as doubles elsewhere. */
static RedsStatus prepare_scales(const Context *context, const RedsTensor *weights, int32_t outputs,
                                 RedsQuantization *quantization)
{
    const uint32_t count = weights->scales.count;
    const int dense = context->node.code == REDS_CODE_FULLY_CONNECTED;
    if (count != 1 && count != (uint32_t)outputs) {
        return REDS_MODEL_QUANTIZATION;
    }
    int32_t *multipliers = (int32_t *)reds_arena_take(context->preparation->arena, 4 * count);
    int8_t *shifts = (int8_t *)reds_arena_take(context->preparation->arena, count);
    if (!multipliers || !shifts) {
        return REDS_ARENA_TOO_SMALL;
    }
    const float input_scale = scale_of(context, &context->input, 0);
    const float output_scale = scale_of(context, &context->output, 0);
    for (uint32_t i = 0; i < count; i++) {
        const float weight_scale = scale_of(context, weights, i);
        const double product =
            dense && count == 1 ? (double)(input_scale * weight_scale) : (double)input_scale * (double)weight_scale;
        const double real = product / (double)output_scale;
        if (weight_scale == 0 || !is_scale(real)) {
            return REDS_MODEL_QUANTIZATION;
        }
        reds_quantize_multiplier(real, &multipliers[i], &shifts[i]);
    }
    for (uint32_t i = 0; i < weights->zero_points.count; i++) {
        if (reds_read_i64(reader_of(context), weights->zero_points.at + 8 * i) != 0) {
            return REDS_MODEL_QUANTIZATION;
        }
    }
    quantization->multipliers = multipliers;
    quantization->shifts = shifts;
    quantization->per_channel = count > 1;
    return REDS_OK;
}

/* What the three kinds of layers have in common: weights, biases, quantization, the table's layer. */
static RedsStatus prepare_layer(Context *context, RedsKind kind, const RedsTensor *weights, int32_t inputs,
                                int32_t outputs, uint8_t activation, uint32_t operator_index, RedsOperator *op)
{
    RedsPreparation *preparation = context->preparation;
    RedsLayerNode *node = &op->as.layer;
    const RedsTable *table = preparation->table;
    RedsLimits limits;
    if (weights->type != REDS_INT8 || !weights->data) {
        return REDS_MODEL_TYPE;
    }
    if (weights->data_size != (uint32_t)weights->elements) {
        return REDS_MODEL_SHAPE;
    }
    if (table->bytes && (preparation->layers >= table->layer_count ||
                         table->layers[preparation->layers].operator_index != operator_index)) {
        return REDS_LAYER_MISSING;
    }
    node->weights = (const int8_t *)weights->data;
    TRY(limits_of(context, activation, &limits));
    node->full.output_min = limits.least;
    node->full.output_max = limits.most;
    node->full.input_offset = (int16_t)-zero_point_of(context, &context->input);
    node->full.output_offset = (int16_t)zero_point_of(context, &context->output);
    node->output_scale = scale_of(context, &context->output, 0);
    const int32_t bias = tensor_of(context, context->node.inputs, 2);
    if (bias >= 0) {
        RedsTensor biases;
        TRY(read_tensor(context, bias, &biases));
        if (biases.elements != outputs) {
            return REDS_MODEL_SHAPE;
        }
        TRY(int32_data(&biases, &node->full.biases));
    }
    TRY(prepare_scales(context, weights, outputs, &node->full));
    TRY(reds_layer_init(&node->layer, table, (uint32_t)preparation->layers, kind, inputs, outputs));
    node->positions = context->output.elements / outputs;
    op->layer_index = preparation->layers++;
    return REDS_OK;
}

/* Size of an output along an axis, and the padding before it. */
static int32_t place_window(int32_t size, int32_t filter, int32_t stride, int32_t dilation, int32_t padding,
                            int32_t *before)
{
    const int32_t reach = (filter - 1) * dilation + 1;
    if (padding == PADDING_VALID) {
        *before = 0;
        return size < reach ? 0 : (size - reach) / stride + 1;
    }
    const int32_t output = (size + stride - 1) / stride;
    const int32_t total = (output - 1) * stride + reach - size;
    *before = total > 0 ? total / 2 : 0;
    return output;
}

static int all_within(const int32_t *values, int32_t count, int32_t least, int32_t most)
{
    for (int32_t i = 0; i < count; i++) {
        if (values[i] < least || values[i] > most) {
            return 0;
        }
    }
    return 1;
}

/* Fills in what follows from the tensors of a window operator, and checks the output's shape. */
static RedsStatus place_windows(const Context *context, uint8_t padding, RedsConvShape *shape)
{
    const RedsTensor *input = &context->input, *output = &context->output;
    const int32_t settings[] = {shape->filter_height, shape->filter_width,    shape->stride_height,
                                shape->stride_width,  shape->dilation_height, shape->dilation_width};
    if (input->rank != 4 || output->rank != 4) {
        return REDS_MODEL_SHAPE;
    }
    if (padding > PADDING_VALID || !all_within(settings, 6, 1, 1 << 14)) {
        return REDS_MODEL_OPTION;
    }
    shape->batches = input->shape[0];
    shape->input_height = input->shape[1];
    shape->input_width = input->shape[2];
    shape->input_channels = input->shape[3];
    shape->output_channels = output->shape[3];
    shape->output_height = place_window(shape->input_height, shape->filter_height, shape->stride_height,
                                        shape->dilation_height, padding, &shape->padding_top);
    shape->output_width = place_window(shape->input_width, shape->filter_width, shape->stride_width,
                                       shape->dilation_width, padding, &shape->padding_left);
    return output->shape[0] == shape->batches && output->shape[1] == shape->output_height &&
                   output->shape[2] == shape->output_width
               ? REDS_OK
               : REDS_MODEL_SHAPE;
}

static int32_t option(const Context *context, uint32_t field, int32_t absent)
{
    return context->node.options ? reds_field_i32(reader_of(context), context->node.options, field, absent) : absent;
}

static uint8_t option_u8(const Context *context, uint32_t field)
{
    return context->node.options ? reds_field_u8(reader_of(context), context->node.options, field, 0) : 0;
}

static RedsStatus prepare_conv(Context *context, uint32_t index, RedsOperator *op)
{
    const int depthwise = context->node.code == REDS_CODE_DEPTHWISE_CONV_2D;
    RedsConvShape *shape = &op->as.layer.shape.conv;
    RedsTensor weights;
    TRY(read_tensor(context, tensor_of(context, context->node.inputs, 1), &weights));
    if (weights.rank != 4) {
        return REDS_MODEL_SHAPE;
    }
    shape->filter_height = weights.shape[1];
    shape->filter_width = weights.shape[2];
    shape->stride_width = option(context, WINDOW_STRIDE_W, 0);
    shape->stride_height = option(context, WINDOW_STRIDE_H, 0);
    shape->dilation_width = option(context, depthwise ? DEPTHWISE_DILATION_W : CONV_DILATION_W, 1);
    shape->dilation_height = option(context, depthwise ? DEPTHWISE_DILATION_H : CONV_DILATION_H, 1);
    TRY(place_windows(context, option_u8(context, WINDOW_PADDING), shape));
    const int32_t inputs = shape->input_channels, outputs = shape->output_channels;
    const int fits = depthwise
                         ? weights.shape[0] == 1 && weights.shape[3] == outputs && (inputs == 1 || inputs == outputs)
                         : weights.shape[0] == outputs && weights.shape[3] == inputs;
    if (!fits) {
        return REDS_MODEL_SHAPE;
    }
    op->scratch_size = (uint32_t)(depthwise ? reds_depthwise_conv_2d_scratch(shape) : reds_conv_2d_scratch(shape));
    return prepare_layer(context, depthwise ? REDS_DEPTHWISE_CONV_2D : REDS_CONV_2D, &weights, inputs, outputs,
                         option_u8(context, depthwise ? DEPTHWISE_ACTIVATION : CONV_ACTIVATION), index, op);
}

static RedsStatus prepare_dense(Context *context, uint32_t index, RedsOperator *op)
{
    RedsDenseShape *shape = &op->as.layer.shape.dense;
    RedsTensor weights;
    TRY(read_tensor(context, tensor_of(context, context->node.inputs, 1), &weights));
    if (option_u8(context, DENSE_WEIGHTS_FORMAT)) {
        return REDS_MODEL_OPTION;
    }
    if (weights.rank != 2 || context->input.elements % weights.shape[1]) {
        return REDS_MODEL_SHAPE;
    }
    const int32_t inputs = weights.shape[1], outputs = weights.shape[0];
    shape->batches = context->input.elements / inputs;
    if (extent_of(&context->output).channels != outputs || extent_of(&context->output).positions != shape->batches) {
        return REDS_MODEL_SHAPE;
    }
    TRY(prepare_layer(context, REDS_FULLY_CONNECTED, &weights, inputs, outputs, option_u8(context, DENSE_ACTIVATION),
                      index, op));
    shape->segments = op->as.layer.layer.segments;
    shape->input_channels = op->as.layer.layer.full.input;
    shape->output_channels = outputs;
    op->scratch_size = (uint32_t)reds_fully_connected_scratch(shape);
    return REDS_OK;
}

static RedsStatus prepare_pool(Context *context, RedsOperator *op)
{
    RedsPool *pool = &op->as.pool;
    RedsConvShape *shape = &pool->shape;
    shape->filter_height = option(context, POOL_FILTER_H, 0);
    shape->filter_width = option(context, POOL_FILTER_W, 0);
    shape->stride_height = option(context, WINDOW_STRIDE_H, 0);
    shape->stride_width = option(context, WINDOW_STRIDE_W, 0);
    shape->dilation_height = shape->dilation_width = 1;
    TRY(place_windows(context, option_u8(context, WINDOW_PADDING), shape));
    if (shape->output_channels != shape->input_channels) {
        return REDS_MODEL_SHAPE;
    }
    const double difference =
        (double)scale_of(context, &context->input, 0) - (double)scale_of(context, &context->output, 0);
    if (difference > 1e-6 || difference < -1e-6 ||
        zero_point_of(context, &context->input) != zero_point_of(context, &context->output)) {
        return REDS_MODEL_QUANTIZATION;
    }
    return limits_of(context, option_u8(context, POOL_ACTIVATION), &pool->limits);
}

static RedsStatus prepare_add(Context *context, RedsOperator *op)
{
    RedsAdd *add = &op->as.add;
    RedsTensor second;
    TRY(read_tensor(context, tensor_of(context, context->node.inputs, 1), &second));
    TRY(check_activation(context, &second));
    if (!same_shape(&context->input, &second) || !same_shape(&context->input, &context->output)) {
        return REDS_MODEL_SHAPE;
    }
    const double scale = (double)scale_of(context, &context->input, 0);
    const double second_scale = (double)scale_of(context, &second, 0);
    const double twice_the_larger = 2 * (scale > second_scale ? scale : second_scale);
    const double real_output = twice_the_larger / ((1 << 20) * (double)scale_of(context, &context->output, 0));
    if (!(real_output < 1)) {
        return REDS_MODEL_QUANTIZATION;
    }
    add->extent = extent_of(&context->output);
    add->inputs[0] = scale_from(scale / twice_the_larger);
    add->inputs[1] = scale_from(second_scale / twice_the_larger);
    add->output = scale_from(real_output);
    add->input_zero_points[0] = zero_point_of(context, &context->input);
    add->input_zero_points[1] = zero_point_of(context, &second);
    add->output_zero_point = zero_point_of(context, &context->output);
    return limits_of(context, option_u8(context, ADD_ACTIVATION), &add->limits);
}

/* The axes of a MEAN: 1 and 2, in any order, negative numbers counted from the end. */
static RedsStatus check_axes(const Context *context)
{
    RedsTensor axes;
    const int32_t *data;
    uint32_t seen = 0;
    TRY(read_tensor(context, tensor_of(context, context->node.inputs, 1), &axes));
    TRY(int32_data(&axes, &data));
    for (int32_t i = 0; i < axes.elements; i++) {
        if (data[i] < -4 || data[i] > 3) {
            return REDS_MODEL_OPTION;
        }
        seen |= 1u << (data[i] < 0 ? data[i] + 4 : data[i]);
    }
    return seen == 6 ? REDS_OK : REDS_MODEL_OPTION;
}

static RedsStatus prepare_mean(Context *context, RedsOperator *op)
{
    RedsMean *mean = &op->as.mean;
    const RedsTensor *input = &context->input;
    if (input->rank != 4 || context->output.elements != input->shape[0] * input->shape[3] ||
        extent_of(&context->output).channels != input->shape[3]) {
        return REDS_MODEL_SHAPE;
    }
    TRY(check_axes(context));
    mean->batches = input->shape[0];
    mean->positions = input->shape[1] * input->shape[2];
    mean->channels = input->shape[3];
    mean->input_zero_point = zero_point_of(context, input);
    mean->output_zero_point = zero_point_of(context, &context->output);
    const double real = (double)scale_of(context, input, 0) / (double)scale_of(context, &context->output, 0);
    if (!is_scale(real)) {
        return REDS_MODEL_QUANTIZATION;
    }
    mean->scale = scale_from(real);
    /* the division by the number of positions, with as many bits as the multiplier keeps */
    int32_t bits = 0;
    while (mean->positions >> (bits + 1)) {
        bits++;
    }
    bits = bits > 31 + mean->scale.shift ? 31 + mean->scale.shift : bits;
    mean->scale.multiplier = (int32_t)(((int64_t)mean->scale.multiplier << bits) / mean->positions);
    mean->scale.shift = (int8_t)(mean->scale.shift - bits);
    return REDS_OK;
}

static RedsStatus prepare_pad(Context *context, RedsOperator *op)
{
    RedsPad *pad = &op->as.pad;
    RedsTensor paddings;
    const int32_t *data;
    TRY(read_tensor(context, tensor_of(context, context->node.inputs, 1), &paddings));
    TRY(int32_data(&paddings, &data));
    if (context->input.rank != 4 || context->output.rank != 4 || paddings.elements != 8) {
        return REDS_MODEL_SHAPE;
    }
    for (int32_t axis = 0; axis < 4; axis++) {
        const int32_t before = data[2 * axis], behind = data[2 * axis + 1];
        const int32_t size = context->input.shape[axis];
        if (before < 0 || behind < 0 || before > 1 << 23 || behind > 1 << 23 ||
            size + before + behind != context->output.shape[axis]) {
            return REDS_MODEL_SHAPE;
        }
        if (axis == 3 && size != context->output.shape[axis]) {
            return REDS_MODEL_OPTION; /* channels stay what they are */
        }
        pad->before[axis] = before;
        pad->input[axis] = size;
        pad->output[axis] = context->output.shape[axis];
    }
    pad->value = (int8_t)zero_point_of(context, &context->output);
    if (context->node.code == REDS_CODE_PADV2) {
        RedsTensor value;
        TRY(read_tensor(context, tensor_of(context, context->node.inputs, 2), &value));
        if (value.type != REDS_INT8 || value.data_size != 1) {
            return REDS_MODEL_TYPE;
        }
        pad->value = (int8_t)value.data[0];
    }
    return REDS_OK;
}

static RedsStatus prepare_rectifier(Context *context, RedsOperator *op)
{
    RedsRectifier *rectifier = &op->as.rectifier;
    const int leaky = context->node.code == REDS_CODE_LEAKY_RELU, plain = context->node.code == REDS_CODE_QUANTIZE;
    const float input_scale = scale_of(context, &context->input, 0);
    const float output_scale = scale_of(context, &context->output, 0);
    const float alpha = leaky && context->node.options
                            ? reds_field_f32(reader_of(context), context->node.options, LEAKY_RELU_ALPHA, 0)
                            : 1;
    /* floats or doubles as in TensorFlow Lite Micro */
    const double above = plain ? (double)input_scale / (double)output_scale : (double)(input_scale / output_scale);
    const double below = leaky ? (double)(input_scale * alpha / output_scale) : above;
    if (!same_shape(&context->input, &context->output)) {
        return REDS_MODEL_SHAPE;
    }
    if (!is_scale(above) || !is_scale(below)) {
        return REDS_MODEL_QUANTIZATION;
    }
    rectifier->extent = extent_of(&context->output);
    rectifier->above = scale_from(above);
    rectifier->below = scale_from(below);
    rectifier->input_zero_point = zero_point_of(context, &context->input);
    rectifier->output_zero_point = zero_point_of(context, &context->output);
    return limits_of(context, leaky || plain ? REDS_NO_ACTIVATION : REDS_RELU, &rectifier->limits);
}

static RedsStatus prepare_clamp(Context *context, RedsOperator *op)
{
    const int32_t zero_point = zero_point_of(context, &context->input);
    if (!same_shape(&context->input, &context->output)) {
        return REDS_MODEL_SHAPE;
    }
    op->as.clamp.extent = extent_of(&context->output);
    op->as.clamp.limits.least = (int8_t)zero_point;
    op->as.clamp.limits.most = quantized(6, scale_of(context, &context->input, 0), zero_point);
    return REDS_OK;
}

static RedsStatus prepare_reshape(const Context *context)
{
    return context->input.elements == context->output.elements ? REDS_OK : REDS_MODEL_SHAPE;
}

RedsStatus reds_prepare(RedsPreparation *preparation, uint32_t index, RedsOperator *op)
{
    Context context;
    memset(&context, 0, sizeof(context));
    context.preparation = preparation;
    TRY(reds_model_operator(preparation->model, index, &context.node));
    const int32_t input = tensor_of(&context, context.node.inputs, 0);
    const int32_t output = tensor_of(&context, context.node.outputs, 0);
    if (context.node.outputs.count != 1) {
        return REDS_MODEL_OPTION;
    }
    TRY(read_tensor(&context, input, &context.input));
    TRY(read_tensor(&context, output, &context.output));
    TRY(check_activation(&context, &context.input));
    TRY(check_activation(&context, &context.output));
    op->code = (int32_t)context.node.code;
    op->layer_index = -1;
    op->inputs[0] = op->inputs[1] = (uint32_t)input;
    op->output = (uint32_t)output;
    op->channels = extent_of(&context.output).channels;
    op->input_length = context.input.elements;
    RedsStatus status = REDS_MODEL_OPERATOR;
    switch (context.node.code) {
    case REDS_CODE_CONV_2D:
    case REDS_CODE_DEPTHWISE_CONV_2D:
        status = prepare_conv(&context, index, op);
        break;
    case REDS_CODE_FULLY_CONNECTED:
        status = prepare_dense(&context, index, op);
        break;
    case REDS_CODE_ADD:
        op->inputs[1] = (uint32_t)tensor_of(&context, context.node.inputs, 1);
        status = prepare_add(&context, op);
        break;
    case REDS_CODE_AVERAGE_POOL_2D:
    case REDS_CODE_MAX_POOL_2D:
        status = prepare_pool(&context, op);
        break;
    case REDS_CODE_MEAN:
        status = prepare_mean(&context, op);
        break;
    case REDS_CODE_PAD:
    case REDS_CODE_PADV2:
        status = prepare_pad(&context, op);
        break;
    case REDS_CODE_RELU:
    case REDS_CODE_LEAKY_RELU:
    case REDS_CODE_QUANTIZE:
        status = prepare_rectifier(&context, op);
        break;
    case REDS_CODE_RELU6:
        status = prepare_clamp(&context, op);
        break;
    case REDS_CODE_RESHAPE:
        status = prepare_reshape(&context);
        break;
    default:
        break;
    }
    return status == REDS_OK && preparation->model->reader.malformed ? REDS_MODEL_MALFORMED : status;
}
