/* An operator of a network, ready to run. */
#ifndef REDS_NODE_H
#define REDS_NODE_H

#include <stdint.h>

#include "reds_kernels.h"
#include "reds_layer.h"
#include "reds_operators.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the kernel of a layer needs. */
typedef struct RedsLayerNode {
    RedsLayer layer;
    RedsQuantization full; /* the full network's */
    const int8_t *weights;
    float output_scale; /* the full network's */
    int32_t positions;  /* of the output, batches included */
    union {
        RedsDenseShape dense;
        RedsConvShape conv;
    } shape;
} RedsLayerNode;

typedef struct RedsOperator {
    int32_t code;        /* RedsOperatorCode */
    int32_t layer_index; /* in the table, -1 if it has no weights */
    uint32_t inputs[2];  /* tensors; the second only for ADD, else the same */
    uint32_t output;     /* tensor */
    uint32_t scratch_size;
    int8_t *input_data[2];
    int8_t *output_data;
    void *scratch;
    const uint16_t *widths; /* channels in use for each subnetwork; NULL: all. Of operators without weights. */
    int32_t channels;       /* of the output */
    int32_t input_length;   /* values of the first input */
    union {
        RedsLayerNode layer;
        RedsAdd add;
        RedsMean mean;
        RedsPool pool;
        RedsPad pad;
        RedsRectifier rectifier;
        RedsClamp clamp;
    } as;
} RedsOperator;

#ifdef __cplusplus
}
#endif

#endif
