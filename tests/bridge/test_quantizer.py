"""The quantizer against TensorFlow's: the same integers of the same ranges; and what there is no rule for."""

from importlib.util import find_spec

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from int8_models import unpack
from quantizer_references import described, expected, expected_ranges, networks, tensorflow_int8

from bridge.conversion.quantizer import quantization_of, quantize, scales_for_biases, weight_scales
from bridge.error import BridgeError
from bridge.model_file.flatbuffer import read, write
from bridge.model_file.graph import Graph

NETWORKS = networks()
LAST_BIT = 1.2e-7  # of a float32, relative


def assert_equal(found, reference):
    assert found.keys() == reference.keys()
    for exact in ("operators", "zero_points", "weights"):
        np.testing.assert_array_equal(found[exact], reference[exact], err_msg=exact)
    for scales in ("scales", "weight_scales"):
        np.testing.assert_allclose(found[scales], reference[scales], rtol=LAST_BIT, err_msg=scales)
    assert np.abs(found["biases"].astype(np.int64) - reference["biases"]).max() <= 1


@pytest.mark.parametrize("name", NETWORKS)
def test_integers_are_tensorflows(name):
    assert_equal(described(quantize(*NETWORKS[name])), expected(name))


@pytest.mark.parametrize("limits, scale, zero_point", expected_ranges())
def test_a_range_is_spread_as_tensorflow_does(limits, scale, zero_point):
    found = quantization_of(*limits)
    assert found.scale == pytest.approx(scale, rel=LAST_BIT)
    assert found.zero_point == zero_point


@pytest.mark.slow
@pytest.mark.skipif(find_spec("tensorflow") is None, reason="tensorflow, the oracle, is not installed")
@pytest.mark.parametrize("name", ["residual", "ds_cnn"])
def test_the_tensorflow_that_is_installed_says_the_same(name):
    model, ranges = NETWORKS[name]
    changed = {tensor: (0.7 * low, 1.3 * high) for tensor, (low, high) in ranges.items()}
    (reference,) = tensorflow_int8((model, changed))
    assert_equal(described(quantize(model, changed)), described(reference))


@pytest.mark.parametrize("name", ["dense", "separable", "residual"])
def test_stored_values_stand_for_the_float_models(name):
    """Within half a step, and biases in steps of the sums."""
    model, ranges = NETWORKS[name]
    whole, int8 = Graph(read(model)), Graph(read(quantize(model, ranges)))
    for real, small in zip(whole.operators, int8.operators, strict=True):
        assert whole.name(int(real.outputs[0])) == int8.name(int(small.outputs[0]))
        if len(real.inputs) < 3:
            continue
        weight, bias = (int(i) for i in small.inputs[1:])
        scales = int8.scales(weight)[0]
        axis = int8.tensor(weight).quantization.quantizedDimension
        along = scales.reshape([-1 if i == axis else 1 for i in range(len(int8.shape(weight)))])
        error = int8.constant(weight) * along - whole.constant(int(real.inputs[1]))
        assert np.all(np.abs(error) <= 0.5001 * along)
        steps = int8.quantization(int(small.inputs[0])).scale * scales.astype(np.float64)
        np.testing.assert_allclose(int8.scales(bias)[0], steps, rtol=LAST_BIT)
        error = int8.constant(bias) * steps - whole.constant(int(real.inputs[2]))
        assert np.all(np.abs(error) <= 0.501 * steps + 1e-7)


def test_an_output_without_weights_keeps_its_bias():
    """In steps of almost nothing it would not fit into int32."""
    weights, biases = np.array([[0.0, 0.0], [1.0, -2.0]], np.float32), np.array([0.25, 0.25], np.float32)
    scales = weight_scales(weights, 0)
    assert scales[1] == np.float32(2) / np.float32(127)
    enlarged = scales_for_biases(scales, biases, 0.001)
    assert enlarged[1] == scales[1]
    assert 0.25 / (0.001 * enlarged[0]) == pytest.approx(2**30, rel=1e-6)


def test_a_constant_summand_is_stored_like_an_activation():
    model, ranges = NETWORKS["residual"]
    data = read(model)
    graph = Graph(data)
    add = next(operator for operator in graph.operators if graph.operator_name(operator) == "ADD")
    values = np.linspace(-0.3, 0.9, 6, dtype=np.float32)
    data.buffers.append(schema.BufferT(data=values.view(np.uint8)))
    graph.subgraph.tensors.append(
        schema.TensorT(name=b"constant", shape=np.array([6], np.int32), buffer=len(data.buffers) - 1)
    )
    add.inputs = np.array([add.inputs[0], len(graph.subgraph.tensors) - 1], np.int32)
    int8 = Graph(read(quantize(write(data), ranges)))
    tensor = next(int(o.inputs[1]) for o in int8.operators if int8.operator_name(o) == "ADD")
    by = int8.quantization(tensor)
    assert (by.scale, by.zero_point) == (pytest.approx(1.2 / 255, rel=1e-6), -64)
    error = by.scale * (int8.constant(tensor).astype(float) - by.zero_point) - values
    assert np.abs(error).max() <= 0.501 * by.scale


def test_an_operator_without_a_rule_is_refused():
    model, ranges = NETWORKS["separable"]
    data = unpack(model)
    operator = next(o for o in data.subgraphs[0].operators if isinstance(o.builtinOptions, schema.LeakyReluOptionsT))
    data.operatorCodes[operator.opcodeIndex].builtinCode = schema.BuiltinOperator.TANH
    data.operatorCodes[operator.opcodeIndex].deprecatedBuiltinCode = schema.BuiltinOperator.TANH
    operator.builtinOptions, operator.builtinOptionsType = None, 0
    with pytest.raises(BridgeError, match="there is no rule that makes the operator TANH int8"):
        quantize(write(data), ranges)
