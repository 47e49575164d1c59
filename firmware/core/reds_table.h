/* The REDS table of a model, read in place (format: docs/format.md).
 *
 * A table is looked at once, in reds_table_open(): bounds, ranges, checksum. Afterwards everything is read from where
 * it lies, usually flash; nothing is copied.
 */
#ifndef REDS_TABLE_H
#define REDS_TABLE_H

#include <stdint.h>

#include "reds_status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define REDS_NO_GROUP        0xFFFFu /* channels that are always all used */
#define REDS_MAX_SUBNETWORKS 64

enum { REDS_FILL = 1 };       /* flag of a layer: outputs beyond the width hold the zero point */
enum { REDS_OWN_BIASES = 1 }; /* flag of an override: biases follow */

typedef enum RedsKind { REDS_CONV_2D = 0, REDS_DEPTHWISE_CONV_2D = 1, REDS_FULLY_CONNECTED = 2 } RedsKind;

/* Costs and accuracy of a subnetwork, as they lie in the table; 0 is unknown, 65535 for the accuracy. */
typedef struct RedsSubnetwork {
    uint32_t macs;        /* of one inference */
    uint32_t peak_memory; /* bytes of activations */
    uint32_t time_us;     /* of one inference */
    uint32_t energy_nj;   /* of one inference */
    uint16_t accuracy;    /* hundredths of a percent */
    uint16_t reserved;
} RedsSubnetwork;

/* A layer, as it lies in the table. */
typedef struct RedsLayerRecord {
    uint16_t operator_index;
    uint8_t kind; /* RedsKind */
    uint8_t flags;
    uint16_t input_group;
    uint16_t output_group;
    uint16_t segments;
    uint16_t reserved;
} RedsLayerRecord;

/* How an override begins; multipliers, biases (perhaps), shifts and the output's scale follow. */
typedef struct RedsOverrideRecord {
    int8_t input_zero_point;
    int8_t output_zero_point;
    int8_t output_min;
    int8_t output_max;
    uint16_t count; /* of multipliers: 1, or one for each output channel */
    uint8_t flags;
    uint8_t reserved;
} RedsOverrideRecord;

/* A valid table. */
typedef struct RedsTable {
    const uint8_t *bytes;              /* start, 4-byte aligned */
    const RedsSubnetwork *subnetworks; /* [subnetwork_count] */
    const uint16_t *widths;            /* [group_count][subnetwork_count] */
    const RedsLayerRecord *layers;     /* [layer_count] */
    const uint32_t *override_offsets;  /* [layer_count][subnetwork_count], or NULL if no layer has any */
    uint32_t size;                     /* in bytes */
    uint16_t layer_count;
    uint16_t group_count;
    uint8_t subnetwork_count;
} RedsTable;

/* Looks at every byte of a table once and fills `table`, which points into `bytes` from then on. */
RedsStatus reds_table_open(RedsTable *table, const void *bytes, uint32_t size);

/* The table of a model that has none: a single subnetwork, the whole network, of unknown costs. */
void reds_table_of_full_network(RedsTable *table);

#ifdef __cplusplus
}
#endif

#endif
