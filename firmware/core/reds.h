/* reds-torch on a microcontroller: all subnetworks of a model, chosen by writing one index.
 *
 * reds_table.h      the REDS table of a model, checked once
 * reds_selection.h  which subnetwork runs: reds_select(), reds_select_for()
 * reds_layer.h      what a subnetwork uses of a layer
 * reds_kernels.h    layers that compute their first outputs from their first inputs
 * reds_network.h    a small interpreter of .tflite files, for use without TensorFlow Lite Micro
 */
#ifndef REDS_H
#define REDS_H

#include "reds_kernels.h"
#include "reds_layer.h"
#include "reds_model.h"
#include "reds_network.h"
#include "reds_quantization.h"
#include "reds_selection.h"
#include "reds_status.h"
#include "reds_table.h"

#endif
