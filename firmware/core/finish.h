/* From sums to outputs with few instructions: the same values as reds_output(). */
#ifndef REDS_FINISH_H
#define REDS_FINISH_H

#include <stdint.h>

#include "quantization.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Outputs of `count` channels from `channel` on. */
void reds_finish(const RedsQuantization *quantization, int32_t channel, int32_t count, const int32_t *sums,
                 int8_t *outputs);

#ifdef __cplusplus
}
#endif

#endif
