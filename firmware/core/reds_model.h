/* The .tflite file (schema version 3): a FlatBuffer, read in place with every offset checked. */
#ifndef REDS_MODEL_H
#define REDS_MODEL_H

#include <stdint.h>

#include "reds_flatbuffer.h"
#include "reds_status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where the buffer of the metadata entry `name` lies in a model. REDS_TABLE_MISSING if there is no such entry. */
RedsStatus reds_model_metadata(const void *model, uint32_t model_size, const char *name, const void **data,
                               uint32_t *size);

/* BuiltinOperator of the schema, those that reds_network.h knows. */
typedef enum RedsOperatorCode {
    REDS_CODE_ADD = 0,
    REDS_CODE_AVERAGE_POOL_2D = 1,
    REDS_CODE_CONV_2D = 3,
    REDS_CODE_DEPTHWISE_CONV_2D = 4,
    REDS_CODE_FULLY_CONNECTED = 9,
    REDS_CODE_MAX_POOL_2D = 17,
    REDS_CODE_RELU = 19,
    REDS_CODE_RELU6 = 21,
    REDS_CODE_RESHAPE = 22,
    REDS_CODE_PAD = 34,
    REDS_CODE_MEAN = 40,
    REDS_CODE_PADV2 = 60,
    REDS_CODE_LEAKY_RELU = 98,
    REDS_CODE_QUANTIZE = 114
} RedsOperatorCode;

/* TensorType and ActivationFunctionType of the schema. */
typedef enum RedsType { REDS_INT32 = 2, REDS_INT8 = 9 } RedsType;
typedef enum RedsActivation {
    REDS_NO_ACTIVATION = 0,
    REDS_RELU = 1,
    REDS_RELU_N1_TO_1 = 2,
    REDS_RELU6 = 3
} RedsActivation;

enum { REDS_MAX_RANK = 4 };

/* The first subgraph of a model. */
typedef struct RedsModel {
    RedsReader reader;
    RedsVector buffers;
    RedsVector codes;
    RedsVector tensors;
    RedsVector operators;
    uint32_t input; /* tensor */
    uint32_t output;
} RedsModel;

typedef struct RedsTensor {
    int32_t rank;
    int32_t shape[REDS_MAX_RANK];
    int32_t elements;
    uint8_t type;        /* RedsType, or another of the schema */
    const uint8_t *data; /* of a constant, else NULL */
    uint32_t data_size;
    RedsVector scales;      /* float; one, or one for each index of an axis; none if not quantized */
    RedsVector zero_points; /* int64 */
    int32_t quantized_axis;
} RedsTensor;

typedef struct RedsNode {
    uint32_t code;      /* RedsOperatorCode, or another of the schema */
    RedsVector inputs;  /* int32: tensors, -1 for one left out */
    RedsVector outputs; /* int32 */
    uint32_t options;   /* table, 0 if absent */
} RedsNode;

RedsStatus reds_model_open(RedsModel *model, const void *bytes, uint32_t size);
RedsStatus reds_model_tensor(RedsModel *model, uint32_t index, RedsTensor *tensor);
RedsStatus reds_model_operator(RedsModel *model, uint32_t index, RedsNode *node);

/* Scale `index` of a tensor, positive and finite; 0 if there is no such scale. */
float reds_tensor_scale(RedsModel *model, const RedsTensor *tensor, uint32_t index);

/* The zero point of a tensor, 0 if it has none; -129 and 128 stand for everything beyond int8. */
int32_t reds_tensor_zero_point(RedsModel *model, const RedsTensor *tensor);

#ifdef __cplusplus
}
#endif

#endif
