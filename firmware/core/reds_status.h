/* What can be wrong with a table, a model or a request, and a sentence for each. */
#ifndef REDS_STATUS_H
#define REDS_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum RedsStatus {
    REDS_OK = 0,
    /* the table */
    REDS_TABLE_MISSING,
    REDS_TABLE_MISALIGNED,
    REDS_TABLE_MAGIC,
    REDS_TABLE_VERSION,
    REDS_TABLE_SIZE,
    REDS_TABLE_CHECKSUM,
    REDS_TABLE_SUBNETWORKS,
    REDS_TABLE_WIDTHS,
    REDS_TABLE_LAYERS,
    REDS_TABLE_OVERRIDES,
    /* a layer of the table and the operator it stands for */
    REDS_LAYER_MISSING,
    REDS_LAYER_KIND,
    REDS_LAYER_INPUTS,
    REDS_LAYER_OUTPUTS,
    REDS_LAYER_SEGMENTS,
    REDS_LAYER_OVERRIDE,
    /* a request */
    REDS_NO_SUCH_SUBNETWORK,
    REDS_COST_UNKNOWN,
    REDS_NOTHING_FITS,
    /* the model file */
    REDS_MODEL_MALFORMED,
    REDS_MODEL_VERSION,
    REDS_MODEL_LIMIT,
    REDS_MODEL_OPERATOR,
    REDS_MODEL_OPTION,
    REDS_MODEL_TYPE,
    REDS_MODEL_SHAPE,
    REDS_MODEL_QUANTIZATION,
    REDS_MODEL_MISALIGNED,
    REDS_MODEL_ORDER,
    REDS_ARENA_MISALIGNED,
    REDS_ARENA_TOO_SMALL
} RedsStatus;

/* One sentence, without a full stop; never NULL. */
const char *reds_message(RedsStatus status);

#ifdef __cplusplus
}
#endif

#endif
