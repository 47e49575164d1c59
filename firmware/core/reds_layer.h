/* A layer of the table, tied to the operator it stands for: what a subnetwork uses of it. */
#ifndef REDS_LAYER_H
#define REDS_LAYER_H

#include <stdint.h>

#include "reds_quantization.h"
#include "reds_status.h"
#include "reds_table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How many channels of its input a layer reads and of its output it writes. */
typedef struct RedsWidths {
    int32_t input;
    int32_t output;
} RedsWidths;

typedef struct RedsLayer {
    const uint16_t *input_widths;     /* for each subnetwork, in the table; NULL: always all */
    const uint16_t *output_widths;    /* likewise */
    const uint32_t *override_offsets; /* for each subnetwork, in the table; NULL: none */
    const uint8_t *table;             /* what the offsets count from */
    RedsWidths full;
    int32_t segments; /* FULLY_CONNECTED: the input is so many times full.input channels */
    uint8_t kind;     /* RedsKind */
    uint8_t fill;     /* 1: outputs beyond the width hold the zero point */
} RedsLayer;

/* Layer `index` of the table (layers are counted in the order of execution), for an operator of this kind.
 *
 * `inputs` are the input's channels (FULLY_CONNECTED: the length of a row of weights, so segments x channels),
 * `outputs` the output's. Refuses a table that does not fit the operator. A table of the full network alone fits every
 * operator.
 */
RedsStatus reds_layer_init(RedsLayer *layer, const RedsTable *table, uint32_t index, RedsKind kind, int32_t inputs,
                           int32_t outputs);

static inline RedsWidths reds_layer_widths(const RedsLayer *layer, uint8_t k)
{
    RedsWidths widths = layer->full;
    if (layer->input_widths) {
        widths.input = layer->input_widths[k];
    }
    if (layer->output_widths) {
        widths.output = layer->output_widths[k];
    }
    return widths;
}

/* The full network's quantization, or what subnetwork `k` has in its place. */
RedsQuantization reds_layer_quantization(const RedsLayer *layer, uint8_t k, const RedsQuantization *full);

/* Step of subnetwork `k`'s outputs, of its own or the full network's. For the layer that makes the network's output. */
float reds_layer_output_scale(const RedsLayer *layer, uint8_t k, float full);

#ifdef __cplusplus
}
#endif

#endif
