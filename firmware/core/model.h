/* The .tflite file: a FlatBuffer, read in place with every offset checked. */
#ifndef REDS_MODEL_H
#define REDS_MODEL_H

#include <stdint.h>

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where the buffer of the metadata entry `name` lies in a model. REDS_TABLE_MISSING if there is no such entry. */
RedsStatus reds_model_metadata(const void *model, uint32_t model_size, const char *name, const void **data,
                               uint32_t *size);

#ifdef __cplusplus
}
#endif

#endif
