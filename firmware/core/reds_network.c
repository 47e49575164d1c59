#include "reds_network.h"

#include <stddef.h>
#include <string.h>

#include "reds_model.h"
#include "reds_node.h"
#include "reds_plan.h"
#include "reds_prepare.h"

enum { NEVER = -2, BEFORE_ALL = -1 }; /* times, besides indices of operators */

/* A tensor while a network is prepared. */
typedef struct Tensor {
    uint32_t memory;        /* the tensor whose memory it shares: itself, but for outputs of RESHAPE */
    int32_t writer;         /* operator, BEFORE_ALL for the input, NEVER */
    const uint16_t *widths; /* channels in use for each subnetwork; NULL: all */
} Tensor;

typedef struct Workspace {
    Tensor *tensors;   /* [tensor_count] */
    RedsPlace *places; /* [tensor_count], then [operator_count] of scratch memory */
    uint32_t tensor_count;
} Workspace;

static RedsStatus read_table(RedsTable *table, const void *model, uint32_t model_size)
{
    const void *bytes;
    uint32_t size;
    const RedsStatus status = reds_model_metadata(model, model_size, "REDS", &bytes, &size);
    if (status == REDS_TABLE_MISSING) {
        reds_table_of_full_network(table);
        return REDS_OK;
    }
    return status == REDS_OK ? reds_table_open(table, bytes, size) : status;
}

/* A tensor is written: `writer` may be BEFORE_ALL. */
static RedsStatus write_tensor(const Workspace *workspace, uint32_t index, int32_t elements, int32_t writer)
{
    Tensor *tensor = &workspace->tensors[index];
    RedsPlace *place = &workspace->places[index];
    if (tensor->writer != NEVER) {
        return REDS_MODEL_ORDER;
    }
    tensor->memory = index;
    tensor->writer = writer;
    place->size = (uint32_t)elements;
    place->first = place->last = writer;
    return REDS_OK;
}

static RedsStatus read_tensor(const Workspace *workspace, uint32_t index, int32_t reader)
{
    if (index >= workspace->tensor_count || workspace->tensors[index].writer == NEVER) {
        return REDS_MODEL_ORDER;
    }
    workspace->places[workspace->tensors[index].memory].last = reader;
    return REDS_OK;
}

/* Which channels of its output are in use: a layer's are the table's, others work channel by channel. */
static const uint16_t *output_widths(const Workspace *workspace, const RedsOperator *op, const RedsTensor *input)
{
    const uint16_t *widths = workspace->tensors[op->inputs[0]].widths;
    if (op->layer_index >= 0) {
        return op->as.layer.layer.output_widths;
    }
    if (op->code == REDS_CODE_RESHAPE && (input->rank == 0 || input->shape[input->rank - 1] != op->channels)) {
        return NULL; /* what follows a flatten cannot be cut channel by channel */
    }
    return widths == workspace->tensors[op->inputs[1]].widths ? widths : NULL;
}

static RedsStatus connect(const Workspace *workspace, RedsModel *model, RedsOperator *op, int32_t index)
{
    RedsTensor input, output;
    RedsStatus status = read_tensor(workspace, op->inputs[0], index);
    if (status == REDS_OK) {
        status = read_tensor(workspace, op->inputs[1], index);
    }
    if (status == REDS_OK) {
        status = reds_model_tensor(model, op->inputs[0], &input);
    }
    if (status == REDS_OK) {
        status = reds_model_tensor(model, op->output, &output);
    }
    if (status == REDS_OK) {
        status = write_tensor(workspace, op->output, output.elements, index);
    }
    if (status != REDS_OK) {
        return status;
    }
    Tensor *written = &workspace->tensors[op->output];
    written->widths = op->widths = output_widths(workspace, op, &input);
    if (op->code == REDS_CODE_RESHAPE) {
        written->memory = workspace->tensors[op->inputs[0]].memory;
        workspace->places[op->output].size = 0;
        written->writer = workspace->tensors[op->inputs[0]].writer;
    }
    RedsPlace *scratch = &workspace->places[workspace->tensor_count + (uint32_t)index];
    scratch->size = op->scratch_size;
    scratch->first = scratch->last = index;
    return REDS_OK;
}

static int8_t *address(const Workspace *workspace, uint32_t tensor, uint8_t *activations)
{
    return (int8_t *)(activations + workspace->places[workspace->tensors[tensor].memory].offset);
}

static RedsStatus view(RedsModel *model, uint32_t index, int8_t *data, RedsTensorView *tensor_view)
{
    RedsTensor tensor;
    const RedsStatus status = reds_model_tensor(model, index, &tensor);
    tensor_view->data = data;
    tensor_view->length = tensor.elements;
    tensor_view->scale = reds_tensor_scale(model, &tensor, 0);
    tensor_view->zero_point = reds_tensor_zero_point(model, &tensor);
    return status;
}

/* Prepares all operators, one behind the other. */
static RedsStatus prepare_operators(RedsNetwork *network, RedsModel *model, RedsArena *arena,
                                    const Workspace *workspace)
{
    RedsPreparation preparation = {model, &network->table, arena, 0};
    RedsTensor input;
    RedsStatus status = reds_model_tensor(model, model->input, &input);
    if (status == REDS_OK) {
        status = input.data ? REDS_MODEL_TYPE : write_tensor(workspace, model->input, input.elements, BEFORE_ALL);
    }
    for (int32_t i = 0; i < network->operator_count && status == REDS_OK; i++) {
        network->failed_operator = i;
        status = reds_prepare(&preparation, (uint32_t)i, &network->operators[i]);
        if (status == REDS_OK) {
            status = connect(workspace, model, &network->operators[i], i);
        }
    }
    if (status != REDS_OK) {
        return status;
    }
    network->failed_operator = -1;
    if (network->table.bytes && preparation.layers != network->table.layer_count) {
        return REDS_LAYER_MISSING;
    }
    return read_tensor(workspace, model->output, network->operator_count);
}

RedsStatus reds_network_init(RedsNetwork *network, const void *model_bytes, uint32_t model_size, void *memory,
                             uint32_t arena_size)
{
    RedsModel model;
    RedsArena arena = {(uint8_t *)memory, arena_size & ~7u, 0};
    memset(network, 0, sizeof(*network));
    network->failed_operator = -1;
    if ((uintptr_t)memory % 8) {
        return REDS_ARENA_MISALIGNED;
    }
    RedsStatus status = reds_model_open(&model, model_bytes, model_size);
    if (status == REDS_OK) {
        status = read_table(&network->table, model_bytes, model_size);
    }
    if (status != REDS_OK) {
        return status;
    }
    reds_selection_init(&network->selection, &network->table);
    network->operator_count = (int32_t)model.operators.count;
    network->operators =
        (RedsOperator *)reds_arena_take(&arena, model.operators.count * (uint32_t)sizeof(RedsOperator));

    /* what is needed only now lies at the end of the arena; activations will lie there later */
    Workspace workspace;
    workspace.tensor_count = model.tensors.count;
    const uint32_t tensors_size = (workspace.tensor_count * (uint32_t)sizeof(Tensor) + 7) & ~7u;
    const uint32_t places_size =
        ((workspace.tensor_count + model.operators.count) * (uint32_t)sizeof(RedsPlace) + 7) & ~7u;
    if (!network->operators || arena.size - arena.used < tensors_size + places_size) {
        return REDS_ARENA_TOO_SMALL;
    }
    arena.size -= tensors_size + places_size;
    void *const tensors = arena.memory + arena.size, *const places = arena.memory + arena.size + tensors_size;
    memset(tensors, 0, tensors_size + places_size);
    workspace.tensors = (Tensor *)tensors;
    workspace.places = (RedsPlace *)places;
    for (uint32_t i = 0; i < workspace.tensor_count; i++) {
        workspace.tensors[i].writer = NEVER;
    }
    status = prepare_operators(network, &model, &arena, &workspace);
    if (status != REDS_OK) {
        return status;
    }

    const uint32_t activations_size = reds_plan(workspace.places, workspace.tensor_count + model.operators.count);
    const uint32_t later = activations_size, now = tensors_size + places_size;
    network->arena_used = arena.used + (later > now ? later : now);
    if (network->arena_used > arena_size) {
        return REDS_ARENA_TOO_SMALL;
    }
    uint8_t *const activations = arena.memory + arena.used;
    for (uint32_t i = 0; i < model.operators.count; i++) {
        RedsOperator *op = &network->operators[i];
        const RedsPlace *scratch = &workspace.places[workspace.tensor_count + i];
        op->input_data[0] = address(&workspace, op->inputs[0], activations);
        op->input_data[1] = address(&workspace, op->inputs[1], activations);
        op->output_data = address(&workspace, op->output, activations);
        op->scratch = scratch->size ? activations + scratch->offset : NULL;
    }
    network->output_writer = workspace.tensors[model.output].writer;
    int8_t *const output = address(&workspace, model.output, activations);
    status = view(&model, model.input, address(&workspace, model.input, activations), &network->input);
    return status == REDS_OK ? view(&model, model.output, output, &network->output) : status;
}

/* Positions at which a row of weights reads the input's channels. */
static int32_t segments_of(const RedsOperator *op)
{
    const RedsConvShape *conv = &op->as.layer.shape.conv;
    return op->code == REDS_CODE_CONV_2D           ? conv->filter_height * conv->filter_width
           : op->code == REDS_CODE_FULLY_CONNECTED ? op->as.layer.shape.dense.segments
                                                   : 1;
}

static void run_layer(const RedsOperator *op, uint8_t k)
{
    const RedsLayerNode *node = &op->as.layer;
    const RedsQuantization quantization = reds_layer_quantization(&node->layer, k, &node->full);
    const RedsWidths full = node->layer.full;
    RedsWidths widths = reds_layer_widths(&node->layer, k);
    int8_t *input = op->input_data[0];
    if (reds_prefers_all_inputs(segments_of(op), full.input, widths.input)) {
        reds_fill_beyond_s8(input, op->input_length / full.input, full.input, widths.input,
                            (int8_t)-quantization.input_offset);
        widths.input = full.input;
    }
    if (op->code == REDS_CODE_FULLY_CONNECTED) {
        reds_fully_connected_s8(&node->shape.dense, widths, &quantization, input, node->weights, op->output_data,
                                op->scratch);
    } else if (op->code == REDS_CODE_CONV_2D) {
        reds_conv_2d_s8(&node->shape.conv, widths, &quantization, input, node->weights, op->output_data, op->scratch);
    } else {
        reds_depthwise_conv_2d_s8(&node->shape.conv, widths, &quantization, input, node->weights, op->output_data,
                                  op->scratch);
    }
    if (node->layer.fill) {
        reds_fill_beyond_s8(op->output_data, node->positions, op->channels, widths.output,
                            (int8_t)quantization.output_offset);
    }
}

static int32_t width_of(const RedsOperator *op, uint8_t k)
{
    return op->widths ? op->widths[k] : op->channels;
}

void reds_network_step(RedsNetwork *network, int32_t operator_index)
{
    const RedsOperator *op = &network->operators[operator_index];
    const uint8_t k = network->selection.active;
    switch (op->code) {
    case REDS_CODE_ADD:
        reds_add_s8(&op->as.add, width_of(op, k), op->input_data[0], op->input_data[1], op->output_data);
        break;
    case REDS_CODE_AVERAGE_POOL_2D:
        reds_average_pool_2d_s8(&op->as.pool, width_of(op, k), op->input_data[0], op->output_data);
        break;
    case REDS_CODE_MAX_POOL_2D:
        reds_max_pool_2d_s8(&op->as.pool, width_of(op, k), op->input_data[0], op->output_data);
        break;
    case REDS_CODE_MEAN:
        reds_mean_s8(&op->as.mean, width_of(op, k), op->input_data[0], op->output_data);
        break;
    case REDS_CODE_PAD:
    case REDS_CODE_PADV2:
        reds_pad_s8(&op->as.pad, width_of(op, k), op->input_data[0], op->output_data);
        break;
    case REDS_CODE_RELU:
    case REDS_CODE_LEAKY_RELU:
    case REDS_CODE_QUANTIZE:
        reds_rectify_s8(&op->as.rectifier, width_of(op, k), op->input_data[0], op->output_data);
        break;
    case REDS_CODE_RELU6:
        reds_clamp_s8(&op->as.clamp, width_of(op, k), op->input_data[0], op->output_data);
        break;
    case REDS_CODE_RESHAPE:
        break; /* the same memory under another shape */
    default:
        run_layer(op, k);
    }
}

void reds_network_run(RedsNetwork *network)
{
    reds_begin(&network->selection);
    for (int32_t i = 0; i < network->operator_count; i++) {
        reds_network_step(network, i);
    }
}

RedsTensorView reds_network_output(const RedsNetwork *network)
{
    RedsTensorView output = network->output;
    const RedsOperator *writer = network->output_writer < 0 ? NULL : &network->operators[network->output_writer];
    if (writer && writer->layer_index >= 0) {
        const RedsLayerNode *node = &writer->as.layer;
        const uint8_t k = network->selection.active;
        output.scale = reds_layer_output_scale(&node->layer, k, output.scale);
        output.zero_point = reds_layer_quantization(&node->layer, k, &node->full).output_offset;
    }
    return output;
}

static const char *name_of(int32_t code)
{
    switch (code) {
    case REDS_CODE_ADD:
        return "ADD";
    case REDS_CODE_AVERAGE_POOL_2D:
        return "AVERAGE_POOL_2D";
    case REDS_CODE_CONV_2D:
        return "CONV_2D";
    case REDS_CODE_DEPTHWISE_CONV_2D:
        return "DEPTHWISE_CONV_2D";
    case REDS_CODE_FULLY_CONNECTED:
        return "FULLY_CONNECTED";
    case REDS_CODE_MAX_POOL_2D:
        return "MAX_POOL_2D";
    case REDS_CODE_MEAN:
        return "MEAN";
    case REDS_CODE_PAD:
        return "PAD";
    case REDS_CODE_RELU:
        return "RELU";
    case REDS_CODE_RELU6:
        return "RELU6";
    case REDS_CODE_LEAKY_RELU:
        return "LEAKY_RELU";
    case REDS_CODE_PADV2:
        return "PADV2";
    case REDS_CODE_QUANTIZE:
        return "QUANTIZE";
    default:
        return "RESHAPE";
    }
}

RedsOperatorInfo reds_network_operator(const RedsNetwork *network, int32_t operator_index, uint8_t k)
{
    const RedsOperator *op = &network->operators[operator_index];
    RedsOperatorInfo info = {name_of(op->code), op->layer_index, 0, 0};
    if (op->layer_index >= 0) {
        const RedsLayerNode *node = &op->as.layer;
        const RedsWidths widths = reds_layer_widths(&node->layer, k);
        info.outputs = (uint32_t)(node->positions * widths.output);
        info.macs = op->code == REDS_CODE_FULLY_CONNECTED ? reds_fully_connected_macs(&node->shape.dense, widths)
                    : op->code == REDS_CODE_CONV_2D       ? reds_conv_2d_macs(&node->shape.conv, widths)
                                                          : reds_depthwise_conv_2d_macs(&node->shape.conv, widths);
    }
    return info;
}
