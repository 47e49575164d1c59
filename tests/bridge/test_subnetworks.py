"""Cut models on stock runtimes against the simulation of the device, which cuts nothing."""

from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from int8_models import Sketch, pack, unpack
from interpreters import litert, micro
from nested_models import EXAMPLES, Example, dense, flatten, residual, separable, shared
from simulation import Simulation

from bridge.model_file.flatbuffer import attach, read_table
from bridge.model_file.requantization import Quantization, make_override
from bridge.model_file.subnetworks import cut, prefixes
from bridge.model_file.table import FormatError, Kind, SubnetworkTable


@pytest.mark.parametrize("make", EXAMPLES)
@pytest.mark.parametrize("seed", range(3))
def test_cut_models_compute_what_the_device_computes(make, seed):
    random = np.random.default_rng(seed)
    example = make(random)
    data = attach(example.data, example.table(random))
    table, inputs = read_table(data), example.inputs(random, 40)
    device = Simulation(data, table)
    for k in range(len(table.subnetworks)):
        np.testing.assert_array_equal(micro(cut(data, table, k), inputs), device.output(inputs, k))


@pytest.mark.parametrize("make", EXAMPLES)
@pytest.mark.parametrize("seed", range(2))
def test_overrides_are_cut_to_what_the_device_computes(make, seed):
    random = np.random.default_rng(seed)
    example = make(random)
    data = attach(example.data, example.with_overrides(example.table(random), random))
    table, inputs = read_table(data), example.inputs(random, 40)
    assert table.overrides
    device = Simulation(data, table)
    for k in range(len(table.subnetworks)):
        np.testing.assert_array_equal(micro(cut(data, table, k), inputs), device.output(inputs, k))


@pytest.mark.parametrize("make", EXAMPLES)
def test_simulation_with_filled_channels_is_the_same(make):
    """FILL changes what lies beyond the widths, which no layer reads."""
    random = np.random.default_rng(0)
    example = make(random)
    table, inputs = example.table(random), example.inputs(random, 20)
    filled = replace(table, layers=tuple(replace(layer, fill=True) for layer in table.layers))
    for k in range(len(table.subnetworks)):
        expected = Simulation(example.data, table).output(inputs, k)
        np.testing.assert_array_equal(Simulation(example.data, filled).output(inputs, k), expected)


@pytest.mark.parametrize("make", EXAMPLES)
def test_subnetwork_0_is_the_model_without_the_table(make):
    random = np.random.default_rng(1)
    example = make(random)
    data = attach(example.data, example.with_overrides(example.table(random), random))
    table = read_table(data)
    assert cut(data, table, 0) == cut(example.data, table, 0)
    assert vars_of(unpack(cut(data, table, 0))) == vars_of(unpack(example.data))


@pytest.mark.parametrize("make", EXAMPLES)
def test_cut_models_hold_only_their_weights(make):
    """Bytes of all constants, from the widths by hand; tensors keep their names and their number of axes."""
    random = np.random.default_rng(2)
    example = make(random)
    table = example.table(random)
    full = unpack(example.data).subgraphs[0]
    for k in range(len(table.subnetworks)):
        model = unpack(cut(example.data, table, k))
        small = model.subgraphs[0]
        assert [t.name for t in small.tensors[: len(full.tensors)]] == [t.name for t in full.tensors]
        for layer in table.layers:
            tensors = [small.tensors[int(i)] for i in small.operators[layer.operator].inputs if i >= 0]
            weights = full.tensors[int(full.operators[layer.operator].inputs[1])].shape
            axis = 3 if layer.kind == Kind.DEPTHWISE_CONV_2D else 0
            outputs = weights[axis] if layer.outputs is None else table.widths[layer.outputs][k]
            size = weights.prod() // weights[axis] * outputs
            if layer.inputs is not None and layer.kind != Kind.DEPTHWISE_CONV_2D:
                size = size // table.widths[layer.inputs][0] * table.widths[layer.inputs][k]
            assert len(model.buffers[tensors[1].buffer].data) == size
            if len(tensors) > 2:
                assert len(model.buffers[tensors[2].buffer].data) == 4 * outputs


def test_weights_that_layers_share_are_cut_for_each():
    random = np.random.default_rng(0)
    example = shared(random)
    table = example.with_widths([(6, 4), (6, 3), (6, 5)])
    model = unpack(cut(example.data, table, 1))
    graph = model.subgraphs[0]
    shapes = [tuple(graph.tensors[int(graph.operators[layer.operator].inputs[1])].shape) for layer in table.layers]
    assert shapes == [(4, 6), (3, 4), (5, 3), (6, 5)]
    used = {tensor.buffer for tensor in graph.tensors}
    assert used == set(range(len(model.buffers))), "buffers that nothing refers to"


def test_depthwise_multiplier_follows_the_width():
    random = np.random.default_rng(0)
    example = separable(random)
    model = unpack(cut(example.data, example.with_widths([(6, 1), (7, 2), (5, 1)]), 1))
    multipliers = [
        operator.builtinOptions.depthMultiplier
        for operator in model.subgraphs[0].operators
        if isinstance(operator.builtinOptions, schema.DepthwiseConv2DOptionsT)
    ]
    assert multipliers == [1, 1, 1]


def test_prefixes_of_blocks():
    array = np.arange(2 * 6 * 2).reshape(2, 6, 2)
    kept = prefixes(array, 1, full=3, width=2)
    np.testing.assert_array_equal(kept, array[:, [0, 1, 3, 4]])


def test_float_models_are_cut_like_full_models_with_zeros():
    """A float model without the weights of what is cut off, kept in its full shape, gives the same."""
    random = np.random.default_rng(0)
    example = flatten(random)
    data = to_float(example.data)
    table = example.with_widths([(6, 4), (5, 2), (8, 3)])
    inputs = random.normal(0, 1, example.inputs(random, 10).shape).astype(np.float32)
    np.testing.assert_allclose(
        litert(cut(data, table, 1), inputs), litert(without_cut_weights(data, table, 1), inputs), rtol=1e-5, atol=1e-6
    )


def test_operators_that_read_nothing_cut_may_be_any():
    random = np.random.default_rng(0)
    s = Sketch(random)
    x = s.activation((1, 5))
    y = s.dense(s.unary("TANH", x), 6)
    y = s.unary("LOGISTIC", s.dense(y, 3, activation="NONE"))
    example = Example(s.write([x], [y]), (6,), [(None, 0, 1), (0, None, 1)])
    assert len(unpack(cut(example.data, example.with_widths([(6, 2)]), 1)).subgraphs[0].operators) == 4


def residual_table() -> tuple[Example, SubnetworkTable]:
    random = np.random.default_rng(0)
    example = residual(random)
    return example, example.with_widths([(6, 3), (5, 2)])


def refused(data: bytes, table: SubnetworkTable, k: int = 1) -> str:
    with pytest.raises(FormatError) as error:
        cut(data, table, k)
    return str(error.value)


def test_refuses_a_table_of_another_model():
    example, table = residual_table()
    assert "there are subnetworks 0 to 1, none has the number 2" in refused(example.data, table, 2)
    other = dense(np.random.default_rng(0))
    assert "are not the model's" in refused(other.data, table)
    wider = replace(table, widths=((7, 3), (5, 2)))
    assert "layer 0 (CONV_2D, operator 0) has 6 output channels, but group 0 has 7" in refused(example.data, wider)
    layers = list(table.layers)
    layers[2] = replace(layers[2], inputs=0)
    wrong = replace(table, layers=tuple(layers))
    assert "layer 2 (CONV_2D, operator 3) reads channels of group 1, but the table says group 0" in refused(
        example.data, wrong
    )
    layers = list(table.layers)
    layers[2] = replace(layers[2], outputs=None)
    uneven = replace(table, layers=tuple(layers))
    assert "ADD (operator 4) combines channels of group 0 and no group" in refused(example.data, uneven)


def test_refuses_wrong_segments():
    random = np.random.default_rng(0)
    example = flatten(random)
    table = example.with_widths([(6, 4), (5, 2), (8, 3)])
    layers = list(table.layers)
    layers[2] = replace(layers[2], segments=3)
    assert "not 3 equal segments" in refused(example.data, replace(table, layers=tuple(layers)))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("TANH", "TANH (operator 1) reads channels that subnetworks cut, which is not supported"),
        ("SOFTMAX", "SOFTMAX (operator 1) reads channels that subnetworks cut"),
    ],
)
def test_refuses_operators_by_name(name, message):
    s = Sketch(np.random.default_rng(0))
    x = s.activation((1, 5))
    y = s.dense(x, 6)
    y = s.softmax(y) if name == "SOFTMAX" else s.unary(name, y)
    y = s.dense(y, 3)
    example = Example(s.write([x], [y]), (6,), [(None, 0, 1), (0, None, 1)])
    assert message in refused(example.data, example.with_widths([(6, 2)]))


def test_refuses_options_of_another_operator():
    example = dense(np.random.default_rng(0))
    model = unpack(example.data)
    operator = model.subgraphs[0].operators[1]
    operator.builtinOptions, operator.builtinOptionsType = (
        schema.SoftmaxOptionsT(),
        schema.BuiltinOptions.SoftmaxOptions,
    )
    table = example.with_widths([(10, 4), (9, 3), (7, 2)])
    assert refused(pack(model), table) == "FULLY_CONNECTED must have FullyConnectedOptions, not SoftmaxOptions"


def test_refuses_means_and_padding_over_channels():
    s = Sketch(np.random.default_rng(0))
    x = s.activation((1, 4, 4, 2))
    y = s.convolution(x, 6)
    y = s.pad(y, [(0, 0), (0, 0), (0, 0), (0, 1)])
    example = Example(s.write([x], [y]), (6,), [(None, 0, 1)])
    assert "PAD (operator 1) pads channels that subnetworks cut" in refused(example.data, example.with_widths([(6, 2)]))
    s = Sketch(np.random.default_rng(0))
    x = s.activation((1, 4, 4, 2))
    y = s.mean(s.convolution(x, 6))
    axes = s.tensors[int(s.operators[-1].inputs[1])].buffer
    s.buffers[axes].data = np.array([1, -1], np.int32).view(np.uint8)
    example = Example(s.write([x], [y]), (6,), [(None, 0, 1)])
    assert "MEAN (operator 1) takes the mean over channels" in refused(example.data, example.with_widths([(6, 2)]))


def test_refuses_overrides_that_operators_between_would_not_know():
    random = np.random.default_rng(0)
    example = flatten(random)
    table = example.with_widths([(6, 4), (5, 2), (8, 3)])
    layer = example.part(table, 0)
    own = Quantization(layer.output.scale * 0.5, layer.output.zero_point)
    override = make_override(Kind.CONV_2D, layer.source, own, layer.scales[:4], None, layer.activation)
    message = refused(example.data, replace(table, overrides={(0, 1): override}))
    assert "PADV2 reads 'tensor_2', but knows only the full network's quantization" in message


def test_refuses_overrides_that_contradict_the_model():
    random = np.random.default_rng(0)
    example = dense(random)
    table = example.with_widths([(10, 4), (9, 3), (7, 2)])
    layer = example.part(table, 0)
    own = Quantization(layer.output.scale * 0.5, layer.output.zero_point)
    override = make_override(Kind.FULLY_CONNECTED, layer.source, own, layer.scales[:4], None, layer.activation)

    def message(**changes) -> str:
        return refused(example.data, replace(table, overrides={(0, 1): replace(override, **changes)}))

    assert "layer 1 (FULLY_CONNECTED) of subnetwork 1: it needs an override, since its input has one" in message()
    assert "its input has the zero point" in message(input_zero_point=99)
    assert "its outputs lie between -128 and 127, not -3 and 127" in message(smallest=-3)
    assert "no float32 scales of the weights" in message(multipliers=tuple(m ^ 33 for m in override.multipliers))
    shifts = tuple(shift + 1 for shift in override.shifts)
    assert "the step of its biases changes, so it needs biases of its own" in message(shifts=shifts)


def test_refuses_overrides_of_another_number_of_outputs():
    example = dense(np.random.default_rng(0))
    table = example.with_widths([(10, 4), (9, 3), (7, 2)])
    layer = example.part(table, 3)
    override = make_override(
        Kind.FULLY_CONNECTED, layer.source, layer.output, np.resize(layer.scales, 5), None, layer.activation
    )
    message = refused(example.data, replace(table, overrides={(3, 1): override}))
    assert "it has 4 outputs, but its override has 5 multipliers" in message


def test_single_outputs_get_an_override():
    """A runtime rounds the scales of a fully-connected layer with one output neuron in another order."""
    random = np.random.default_rng(1)
    example = dense(random)
    table = example.with_widths([(10, 1), (9, 1), (7, 1)])
    completed = read_table(attach(example.data, table))
    assert {number for number, k in completed.overrides if k == 1} <= {0, 2}
    assert completed.overrides
    assert cut(example.data, table, 1) == cut(example.data, completed, 1)


def vars_of(value):
    """Nested dictionaries of what a model holds, to be compared."""
    if isinstance(value, list):
        return [vars_of(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    return {name: vars_of(item) for name, item in vars(value).items()} if hasattr(value, "__dict__") else value


def to_float(data: bytes) -> bytes:
    """The float32 model of an int8 one."""
    model = unpack(data)
    graph = model.subgraphs[0]
    for tensor in graph.tensors:
        quantization = tensor.quantization
        tensor.quantization = None
        if quantization is None:
            continue
        buffer = model.buffers[tensor.buffer]
        if buffer.data is not None:
            dtype = {schema.TensorType.INT8: np.int8, schema.TensorType.INT32: np.int32}[tensor.type]
            shape = [1] * len(tensor.shape)
            if len(quantization.scale) > 1:
                shape[quantization.quantizedDimension] = -1
            stored = buffer.data.view(dtype).reshape(tensor.shape) - quantization.zeroPoint.reshape(shape)
            buffer.data = (stored * quantization.scale.reshape(shape)).astype(np.float32).reshape(-1).view(np.uint8)
        tensor.type = schema.TensorType.FLOAT32
    return pack(model)


def without_cut_weights(data: bytes, table: SubnetworkTable, k: int) -> bytes:
    """The model in its full shape whose layers have weights 0 for the input channels that subnetwork k cuts off."""
    model = unpack(data)
    graph = model.subgraphs[0]
    for layer in table.layers:
        if layer.inputs is not None:
            tensor = graph.tensors[int(graph.operators[layer.operator].inputs[1])]
            weights = model.buffers[tensor.buffer].data.view(np.float32).reshape(-1, table.widths[layer.inputs][0])
            kept = np.arange(weights.shape[1]) < table.widths[layer.inputs][k]
            model.buffers[tensor.buffer].data = (weights * kept).astype(np.float32).reshape(-1).view(np.uint8)
    return pack(model)
