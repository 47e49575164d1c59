/* Where activations and scratch memory lie: tensors that are never needed at the same time share memory. */
#ifndef REDS_PLAN_H
#define REDS_PLAN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct RedsPlace {
    uint32_t size;   /* bytes; nothing of size 0 gets a place */
    uint32_t offset; /* what the plan finds, a multiple of 8 */
    int32_t first;   /* the operator that writes it */
    int32_t last;    /* the last operator that reads it */
    int32_t planned; /* 1 once it has its place */
} RedsPlace;

/* Finds an offset for every place, largest first, and returns the bytes that they take together. */
uint32_t reds_plan(RedsPlace *places, uint32_t count);

#ifdef __cplusplus
}
#endif

#endif
