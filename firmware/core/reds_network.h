/* A minimal interpreter for the models of the bridge: reads the .tflite file in place, needs no TensorFlow.
 *
 * Operators: CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, PAD, PADV2, ADD, MEAN (over height and width),
 * AVERAGE_POOL_2D, MAX_POOL_2D, RESHAPE, RELU, RELU6, LEAKY_RELU, QUANTIZE, all int8; one input, one output. Everything
 * is checked in reds_network_init(), nothing afterwards. Results equal TensorFlow Lite Micro's reference kernels bit
 * for bit.
 */
#ifndef REDS_NETWORK_H
#define REDS_NETWORK_H

#include <stdint.h>

#include "reds_selection.h"
#include "reds_status.h"
#include "reds_table.h"

#ifdef __cplusplus
extern "C" {
#endif

struct RedsOperator;

/* A tensor that the application reads or writes: real = scale * (data - zero_point). */
typedef struct RedsTensorView {
    int8_t *data;
    int32_t length;
    float scale;
    int32_t zero_point;
} RedsTensorView;

typedef struct RedsNetwork {
    RedsTable table;
    RedsSelection selection;        /* &network->selection is what reds_select() and its kin take */
    struct RedsOperator *operators; /* [operator_count], in the arena, in the order of execution */
    int32_t operator_count;
    RedsTensorView input;
    RedsTensorView output;   /* with the full network's scale: see reds_network_output() */
    int32_t output_writer;   /* operator, -1 if there is none */
    uint32_t arena_used;     /* bytes; an arena of this size is enough */
    int32_t failed_operator; /* where reds_network_init() failed, -1 if it was not at an operator */
} RedsNetwork;

/* Reads a model, and its table if there is one. The model (4-byte aligned; in flash, say) and the arena (8-byte
 * aligned) are used for as long as the network is. */
RedsStatus reds_network_init(RedsNetwork *network, const void *model, uint32_t model_size, void *arena,
                             uint32_t arena_size);

/* One inference of the selected subnetwork, from input.data to output.data. The input is overwritten. */
void reds_network_run(RedsNetwork *network);

/* The same in single steps, for whoever wants to measure them: reds_begin(&network->selection), then this for
 * every operator from 0 to operator_count - 1. */
void reds_network_step(RedsNetwork *network, int32_t operator_index);

/* The output with the scale and zero point that the active subnetwork's values have. */
RedsTensorView reds_network_output(const RedsNetwork *network);

/* What an operator is, and what it costs in subnetwork `k`. */
typedef struct RedsOperatorInfo {
    const char *name; /* as TensorFlow Lite spells it */
    int32_t layer;    /* index in the table, -1 for operators without weights */
    uint32_t macs;    /* 0 for operators without weights */
    uint32_t outputs; /* values that it computes; 0 for operators without weights */
} RedsOperatorInfo;

RedsOperatorInfo reds_network_operator(const RedsNetwork *network, int32_t operator_index, uint8_t k);

#ifdef __cplusplus
}
#endif

#endif
