/* reds-torch on a microcontroller: all subnetworks of a model, chosen by writing one index.
 *
 * table.h      the REDS table of a model, checked once
 * selection.h  which subnetwork runs: reds_select(), reds_select_for()
 * layer.h      what a subnetwork uses of a layer
 * kernels.h    layers that compute their first outputs from their first inputs
 * network.h    a small interpreter of .tflite files, for use without TensorFlow Lite Micro
 */
#ifndef REDS_H
#define REDS_H

#include "kernels.h"
#include "layer.h"
#include "model.h"
#include "network.h"
#include "quantization.h"
#include "selection.h"
#include "status.h"
#include "table.h"

#endif
