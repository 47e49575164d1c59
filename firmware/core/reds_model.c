#include "reds_model.h"

#include <stddef.h>
#include <string.h>

/* Fields of the schema's tables, in its order. */
enum { MODEL_VERSION = 0, MODEL_CODES = 1, MODEL_SUBGRAPHS = 2, MODEL_BUFFERS = 4, MODEL_METADATA = 6 };
enum { METADATA_NAME = 0, METADATA_BUFFER = 1 };
enum { BUFFER_DATA = 0, BUFFER_OFFSET = 1 };
enum { CODE_DEPRECATED = 0, CODE_CUSTOM = 1, CODE_BUILTIN = 3 };
enum { SUBGRAPH_TENSORS = 0, SUBGRAPH_INPUTS = 1, SUBGRAPH_OUTPUTS = 2, SUBGRAPH_OPERATORS = 3 };
enum { TENSOR_SHAPE = 0, TENSOR_TYPE = 1, TENSOR_BUFFER = 2, TENSOR_QUANTIZATION = 4, TENSOR_SPARSITY = 6 };
enum { QUANTIZATION_SCALE = 2, QUANTIZATION_ZERO_POINT = 3, QUANTIZATION_AXIS = 6 };
enum { OPERATOR_CODE = 0, OPERATOR_INPUTS = 1, OPERATOR_OUTPUTS = 2, OPERATOR_OPTIONS = 4 };
enum { SCHEMA_VERSION = 3, MAX_OPERATORS = 256, MAX_TENSORS = 2048, CODE_CUSTOM_OPERATOR = 32 };

static const int32_t MAX_ELEMENTS = (int32_t)1 << 23; /* sums of so many int8 fit 32 bits */

static uint32_t open_root(RedsReader *reader, const void *bytes, uint32_t size)
{
    reader->bytes = (const uint8_t *)bytes;
    reader->size = size;
    reader->malformed = size < 8 || memcmp(reader->bytes + 4, "TFL3", 4) != 0;
    return reader->malformed ? 0 : reds_follow(reader, 0);
}

static RedsVector buffer_data(RedsReader *reader, RedsVector buffers, uint32_t index)
{
    const uint32_t buffer = reds_element_table(reader, buffers, index);
    if (buffer && reds_field(reader, buffer, BUFFER_OFFSET)) {
        reader->malformed = 1; /* data outside the FlatBuffer, in files of more than 2 GB */
    }
    return reds_field_vector(reader, buffer, BUFFER_DATA, 1);
}

static int is_named(RedsReader *reader, uint32_t metadata, const char *name)
{
    const RedsVector text = reds_field_vector(reader, metadata, METADATA_NAME, 1);
    const size_t length = strlen(name);
    return text.count == length && memcmp(reader->bytes + text.at, name, length) == 0;
}

RedsStatus reds_model_metadata(const void *model, uint32_t model_size, const char *name, const void **data,
                               uint32_t *size)
{
    RedsReader reader;
    const uint32_t root = open_root(&reader, model, model_size);
    if (reader.malformed) {
        return REDS_MODEL_MALFORMED;
    }
    const RedsVector entries = reds_field_vector(&reader, root, MODEL_METADATA, 4);
    const RedsVector buffers = reds_field_vector(&reader, root, MODEL_BUFFERS, 4);
    for (uint32_t i = 0; i < entries.count && !reader.malformed; i++) {
        const uint32_t metadata = reds_element_table(&reader, entries, i);
        if (is_named(&reader, metadata, name)) {
            const uint32_t buffer = (uint32_t)reds_field_i32(&reader, metadata, METADATA_BUFFER, 0);
            const RedsVector content = buffer_data(&reader, buffers, buffer);
            *data = reader.bytes + content.at;
            *size = content.count;
            return reader.malformed ? REDS_MODEL_MALFORMED : REDS_OK;
        }
    }
    return reader.malformed ? REDS_MODEL_MALFORMED : REDS_TABLE_MISSING;
}

RedsStatus reds_model_open(RedsModel *model, const void *bytes, uint32_t size)
{
    RedsReader *reader = &model->reader;
    const uint32_t root = open_root(reader, bytes, size);
    if (reader->malformed) {
        return REDS_MODEL_MALFORMED;
    }
    if (reds_field_i32(reader, root, MODEL_VERSION, 0) != SCHEMA_VERSION) {
        return REDS_MODEL_VERSION;
    }
    const RedsVector subgraphs = reds_field_vector(reader, root, MODEL_SUBGRAPHS, 4);
    model->codes = reds_field_vector(reader, root, MODEL_CODES, 4);
    model->buffers = reds_field_vector(reader, root, MODEL_BUFFERS, 4);
    const uint32_t subgraph = reds_element_table(reader, subgraphs, 0);
    const RedsVector inputs = reds_field_vector(reader, subgraph, SUBGRAPH_INPUTS, 4);
    const RedsVector outputs = reds_field_vector(reader, subgraph, SUBGRAPH_OUTPUTS, 4);
    model->tensors = reds_field_vector(reader, subgraph, SUBGRAPH_TENSORS, 4);
    model->operators = reds_field_vector(reader, subgraph, SUBGRAPH_OPERATORS, 4);
    if (reader->malformed) {
        return REDS_MODEL_MALFORMED;
    }
    if (subgraphs.count != 1 || inputs.count != 1 || outputs.count != 1 || model->operators.count == 0 ||
        model->operators.count > MAX_OPERATORS || model->tensors.count > MAX_TENSORS) {
        return REDS_MODEL_LIMIT;
    }
    model->input = reds_read_u32(reader, inputs.at);
    model->output = reds_read_u32(reader, outputs.at);
    return model->input < model->tensors.count && model->output < model->tensors.count ? REDS_OK : REDS_MODEL_MALFORMED;
}

RedsStatus reds_model_tensor(RedsModel *model, uint32_t index, RedsTensor *tensor)
{
    RedsReader *reader = &model->reader;
    const uint32_t table = reds_element_table(reader, model->tensors, index);
    const RedsVector shape = reds_field_vector(reader, table, TENSOR_SHAPE, 4);
    const RedsVector data =
        buffer_data(reader, model->buffers, (uint32_t)reds_field_i32(reader, table, TENSOR_BUFFER, 0));
    const uint32_t quantization = reds_field_table(reader, table, TENSOR_QUANTIZATION);
    memset(tensor, 0, sizeof(*tensor));
    if (quantization) {
        tensor->scales = reds_field_vector(reader, quantization, QUANTIZATION_SCALE, 4);
        tensor->zero_points = reds_field_vector(reader, quantization, QUANTIZATION_ZERO_POINT, 8);
        tensor->quantized_axis = reds_field_i32(reader, quantization, QUANTIZATION_AXIS, 0);
    }
    tensor->type = reds_field_u8(reader, table, TENSOR_TYPE, 0);
    tensor->data = data.count ? reader->bytes + data.at : NULL;
    tensor->data_size = data.count;
    const int sparse = reds_field(reader, table, TENSOR_SPARSITY) != 0;
    if (reader->malformed) {
        return REDS_MODEL_MALFORMED;
    }
    if (shape.count > REDS_MAX_RANK || sparse) {
        return REDS_MODEL_SHAPE;
    }
    tensor->rank = (int32_t)shape.count;
    tensor->elements = 1;
    for (int32_t axis = 0; axis < tensor->rank; axis++) {
        const int32_t size = reds_read_i32(reader, shape.at + 4 * (uint32_t)axis);
        if (size < 1 || size > MAX_ELEMENTS / tensor->elements) {
            return REDS_MODEL_SHAPE;
        }
        tensor->shape[axis] = size;
        tensor->elements *= size;
    }
    return REDS_OK;
}

RedsStatus reds_model_operator(RedsModel *model, uint32_t index, RedsNode *node)
{
    RedsReader *reader = &model->reader;
    const uint32_t table = reds_element_table(reader, model->operators, index);
    const uint32_t code =
        reds_element_table(reader, model->codes, (uint32_t)reds_field_i32(reader, table, OPERATOR_CODE, 0));
    const uint8_t deprecated = reds_field_u8(reader, code, CODE_DEPRECATED, 0);
    const uint32_t builtin = (uint32_t)reds_field_i32(reader, code, CODE_BUILTIN, 0);
    node->code = builtin > deprecated ? builtin : deprecated;
    node->inputs = reds_field_vector(reader, table, OPERATOR_INPUTS, 4);
    node->outputs = reds_field_vector(reader, table, OPERATOR_OUTPUTS, 4);
    node->options = reds_field_table(reader, table, OPERATOR_OPTIONS);
    return reader->malformed ? REDS_MODEL_MALFORMED : REDS_OK;
}

float reds_tensor_scale(RedsModel *model, const RedsTensor *tensor, uint32_t index)
{
    const float scale = index < tensor->scales.count ? reds_read_f32(&model->reader, tensor->scales.at + 4 * index) : 0;
    const float smallest = 1.17549435e-38f, largest = 3.40282347e+38f; /* of normal numbers */
    return scale >= smallest && scale <= largest ? scale : 0;
}

int32_t reds_tensor_zero_point(RedsModel *model, const RedsTensor *tensor)
{
    const int64_t zero_point = tensor->zero_points.count ? reds_read_i64(&model->reader, tensor->zero_points.at) : 0;
    return zero_point < -128 ? -129 : zero_point > 127 ? 128 : (int32_t)zero_point;
}
