// In the place of TensorFlow Lite Micro: as much of its interface as our sources use. Nothing of it computes anything.
#ifndef STAND_IN_COMMON_H
#define STAND_IN_COMMON_H

#include <stddef.h>
#include <stdint.h>

enum TfLiteStatus { kTfLiteOk, kTfLiteError };
enum TfLiteType { kTfLiteInt32, kTfLiteInt8 };
enum TfLiteAllocationType { kTfLiteMmapRo, kTfLiteArenaRw };
enum TfLiteQuantizationType { kTfLiteNoQuantization, kTfLiteAffineQuantization };

#define TF_LITE_ENSURE_STATUS(status)           \
  do {                                          \
    const TfLiteStatus value = (status);        \
    if (value != kTfLiteOk) return value;       \
  } while (0)

struct TfLiteIntArray {
  int size;
  int data[1];
};

struct TfLiteFloatArray {
  int size;
  float data[1];
};

struct TfLiteAffineQuantization {
  TfLiteFloatArray* scale;
  TfLiteIntArray* zero_point;
};

struct TfLiteTensor {
  TfLiteType type;
  TfLiteAllocationType allocation_type;
  TfLiteIntArray* dims;
  size_t bytes;
  struct {
    float scale;
    int32_t zero_point;
  } params;
  struct {
    TfLiteQuantizationType type;
    void* params;
  } quantization;
  union {
    int8_t* int8;
    void* data;
  } data;
};

struct TfLiteEvalTensor;

struct TfLiteNode {
  TfLiteIntArray* inputs;
  void* user_data;
  void* builtin_data;
};

struct TfLiteContext {
  void* (*AllocatePersistentBuffer)(TfLiteContext*, size_t);
  TfLiteStatus (*RequestScratchBufferInArena)(TfLiteContext*, size_t, int*);
  void* (*GetScratchBuffer)(TfLiteContext*, int);
};

struct TFLMRegistration {
  void* (*init)(TfLiteContext*, const char*, size_t);
  TfLiteStatus (*prepare)(TfLiteContext*, TfLiteNode*);
  TfLiteStatus (*invoke)(TfLiteContext*, TfLiteNode*);
};

#endif
