/* A pretended model, for the application's own tests: three subnetworks, four classes, six inputs. */
#ifndef REDS_GENERATED_MODEL_H
#define REDS_GENERATED_MODEL_H

#include <stdint.h>

#define MODEL_SUBNETWORKS 3
#define MODEL_CLASSES 4
#define MODEL_INPUT_SIZE 6

extern const char *const model_labels[MODEL_CLASSES];

#endif
