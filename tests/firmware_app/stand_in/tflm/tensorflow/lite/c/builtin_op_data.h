#ifndef STAND_IN_BUILTIN_OP_DATA_H
#define STAND_IN_BUILTIN_OP_DATA_H

enum TfLitePadding { kTfLitePaddingSame };
enum TfLiteFusedActivation { kTfLiteActNone };

struct TfLiteConvParams {
  TfLitePadding padding;
  int stride_width, stride_height;
  TfLiteFusedActivation activation;
  int dilation_width_factor, dilation_height_factor;
};

struct TfLiteDepthwiseConvParams : TfLiteConvParams {};

struct TfLiteFullyConnectedParams {
  TfLiteFusedActivation activation;
};

#endif
