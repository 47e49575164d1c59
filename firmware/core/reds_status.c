#include "reds_status.h"

const char *reds_message(RedsStatus status)
{
    switch (status) {
    case REDS_OK:
        return "no error";
    case REDS_TABLE_MISSING:
        return "the model has no metadata named REDS";
    case REDS_TABLE_MISALIGNED:
        return "the subnetwork table must start at a multiple of 4 bytes: align the model to 16";
    case REDS_TABLE_MAGIC:
        return "the subnetwork table does not start with REDS";
    case REDS_TABLE_VERSION:
        return "the subnetwork table has another version than 1: convert the model with the bridge of this firmware";
    case REDS_TABLE_SIZE:
        return "the subnetwork table's sections do not add up to its size";
    case REDS_TABLE_CHECKSUM:
        return "the subnetwork table's checksum does not match its content";
    case REDS_TABLE_SUBNETWORKS:
        return "the subnetwork table must hold 1 to 64 subnetworks in order of falling MACs";
    case REDS_TABLE_WIDTHS:
        return "widths in the subnetwork table must be at least 1 and not grow with the index";
    case REDS_TABLE_LAYERS:
        return "a layer of the subnetwork table has an unknown kind, flag or group, or is out of order";
    case REDS_TABLE_OVERRIDES:
        return "an override of the subnetwork table lies out of place or holds values out of range";
    case REDS_LAYER_MISSING:
        return "the model has more layers than its subnetwork table, or fewer";
    case REDS_LAYER_KIND:
        return "the operator is of another kind than the subnetwork table says";
    case REDS_LAYER_INPUTS:
        return "the operator has another number of input channels than the subnetwork table says";
    case REDS_LAYER_OUTPUTS:
        return "the operator has another number of output channels than the subnetwork table says";
    case REDS_LAYER_SEGMENTS:
        return "the operator's inputs do not divide into the segments that the subnetwork table says";
    case REDS_LAYER_OVERRIDE:
        return "an override has neither one multiplier nor one for each output channel";
    case REDS_NO_SUCH_SUBNETWORK:
        return "there is no subnetwork of that index";
    case REDS_COST_UNKNOWN:
        return "no subnetwork's time or energy is known";
    case REDS_NOTHING_FITS:
        return "no subnetwork fits the budget";
    case REDS_MODEL_MALFORMED:
        return "the model is no FlatBuffer of TensorFlow Lite, or is damaged";
    case REDS_MODEL_VERSION:
        return "the model has another schema version than 3";
    case REDS_MODEL_LIMIT:
        return "the model has more than one subgraph, input or output, or more than 256 operators or 2048 tensors";
    case REDS_MODEL_OPERATOR:
        return "the operator is not one of those that this interpreter knows";
    case REDS_MODEL_OPTION:
        return "the operator has an option or a number of tensors that this interpreter does not know";
    case REDS_MODEL_TYPE:
        return "the operator's tensors must be int8, its biases and parameters int32";
    case REDS_MODEL_SHAPE:
        return "the shapes of the operator's tensors do not fit each other";
    case REDS_MODEL_QUANTIZATION:
        return "the operator's tensors have no quantization, or scales or zero points that do not fit each other";
    case REDS_MODEL_MISALIGNED:
        return "int32 data of the model must lie at multiples of 4 bytes: align the model to 16";
    case REDS_MODEL_ORDER:
        return "the operator reads a tensor that nothing has written, or writes one that is written already";
    case REDS_ARENA_MISALIGNED:
        return "the arena must start at a multiple of 8 bytes";
    case REDS_ARENA_TOO_SMALL:
        return "the arena is too small for the model";
    }
    return "unknown status";
}
