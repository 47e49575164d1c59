/* From operators of a .tflite file to RedsOperator: all checks, and all arithmetic that is not done for every
 * inference. */
#ifndef REDS_PREPARE_H
#define REDS_PREPARE_H

#include <stdint.h>

#include "reds_model.h"
#include "reds_node.h"
#include "reds_status.h"
#include "reds_table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Memory that is handed out from its start. */
typedef struct RedsArena {
    uint8_t *memory;
    uint32_t size;
    uint32_t used; /* a multiple of 8 */
} RedsArena;

/* Zeroed, aligned to 8; NULL if there is not enough. */
void *reds_arena_take(RedsArena *arena, uint32_t size);

typedef struct RedsPreparation {
    RedsModel *model;
    const RedsTable *table;
    RedsArena *arena;
    int32_t layers; /* prepared so far */
} RedsPreparation;

/* Prepares operator `index`, but for addresses of activations and widths of operators without weights. */
RedsStatus reds_prepare(RedsPreparation *preparation, uint32_t index, RedsOperator *op);

#ifdef __cplusplus
}
#endif

#endif
