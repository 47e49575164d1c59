"""Reading, writing and attaching: against the schema's own code, and on the stock runtimes."""

import inspect
import re

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from int8_models import pack, unpack
from interpreters import litert, micro
from nested_models import EXAMPLES, dense, residual

from bridge.model_file import structure_check as verifier
from bridge.model_file.flatbuffer import attach, detach, metadata, read, read_table, write
from bridge.model_file.table import NAME, FormatError, decode, encode


def plain(value):
    """Nested lists and dictionaries of what a model holds, to be compared."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    return {name: plain(item) for name, item in vars(value).items()} if hasattr(value, "__dict__") else value


def address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


@pytest.fixture
def random():
    return np.random.default_rng(0)


@pytest.mark.parametrize("make", EXAMPLES)
def test_reading_and_writing_keep_everything(make, random):
    data = make(random).data
    assert plain(read(data)) == plain(unpack(data))
    assert plain(unpack(write(read(data)))) == plain(unpack(data))
    assert write(read(write(read(data)))) == write(read(data))


@pytest.mark.parametrize("make", EXAMPLES)
def test_buffers_lie_at_multiples_of_16(make, random):
    example = make(random)
    data = attach(example.data, example.table(random))
    model, start = schema.Model.GetRootAs(data), address(np.frombuffer(data, np.uint8))
    buffers = [model.Buffers(index) for index in range(model.BuffersLength())]
    places = [address(buffer.DataAsNumpy()) - start for buffer in buffers if not buffer.DataIsNone()]
    assert len(places) > 3
    assert not any(place % 16 for place in places)


@pytest.mark.parametrize("make", EXAMPLES)
def test_model_with_a_table_runs_unchanged(make, random):
    """LiteRT verifies the flatbuffer when it loads it; the schema's own code finds the table as netron would."""
    example = make(random)
    table = example.table(random)
    data, inputs = attach(example.data, table), example.inputs(random, 10)
    np.testing.assert_array_equal(litert(data, inputs), litert(example.data, inputs))
    np.testing.assert_array_equal(micro(data, inputs), micro(example.data, inputs))
    model = unpack(data)
    assert [entry.name for entry in model.metadata] == [b"REDS"]
    found = decode(bytes(model.buffers[model.metadata[0].buffer].data))
    assert (found.subnetworks, found.widths, found.layers) == (table.subnetworks, table.widths, table.layers)


def test_attaching_changes_nothing_else(random):
    example = dense(random)
    model = unpack(example.data)
    model.buffers.append(schema.BufferT(data=np.frombuffer(b"2.17.0".ljust(16, b"\0"), np.uint8)))
    model.metadata = [schema.MetadataT(name=b"min_runtime_version", buffer=len(model.buffers) - 1)]
    model.signatureDefs = [
        schema.SignatureDefT(
            inputs=[schema.TensorMapT(name=b"x", tensorIndex=0)],
            outputs=[schema.TensorMapT(name=b"y", tensorIndex=len(model.subgraphs[0].tensors) - 1)],
            signatureKey=b"serving_default",
        )
    ]
    data = pack(model)
    table = example.table(random)
    with_table = attach(data, table)
    assert metadata(read(with_table), "min_runtime_version") == b"2.17.0".ljust(16, b"\0")
    assert metadata(read(with_table), "no such name") is None
    after = unpack(with_table)
    assert (after.metadata.pop().name, after.buffers.pop().data.tolist()[:4]) == (b"REDS", list(b"REDS"))
    assert plain(after) == plain(unpack(data))
    assert attach(with_table, table) == with_table, "a table takes the place of the one before"
    stripped = read(with_table)
    detach(stripped)
    assert write(stripped) == write(read(data))


def test_a_buffer_that_something_else_uses_stays(random):
    """A file may call any buffer REDS, such as that of the weights."""
    example = dense(random)
    model = unpack(example.data)
    model.metadata = [schema.MetadataT(name=b"REDS", buffer=1)]
    shared = read(pack(model))
    detach(shared)
    assert plain(shared) == plain(unpack(example.data))


def with_table(data: bytes, content: bytes) -> bytes:
    """The model with these bytes as its table, unchecked."""
    model = unpack(data)
    model.metadata = [schema.MetadataT(name=NAME.encode(), buffer=len(model.buffers))]
    model.buffers.append(schema.BufferT(data=np.frombuffer(content, np.uint8)))
    return pack(model)


def test_a_table_is_checked_against_its_model(random):
    example, other = dense(random), residual(random)
    with pytest.raises(FormatError, match="has no metadata 'REDS': it holds a single network"):
        read_table(example.data)
    with pytest.raises(FormatError, match="are not the model's"):
        read_table(with_table(example.data, encode(other.table(random))))
    with pytest.raises(FormatError, match="must start with 'REDS'"):
        read_table(with_table(example.data, b"x" * 100))
    with pytest.raises(FormatError, match="are not the model's"):
        attach(example.data, other.table(random))
    narrow = example.with_widths([(10, 1), (9, 1), (7, 1)])
    with pytest.raises(FormatError, match="its only output needs an override"):
        read_table(with_table(example.data, encode(narrow)))


def test_descriptions_of_tables_match_the_schema():
    """Each field of the verifier's tables is a field of the schema's, of the same size; none is missing."""
    source = inspect.getsource(schema)
    sizes = {"Bool": 1, "Int8": 1, "Uint8": 1, "Int32": 4, "Uint32": 4, "Int64": 8, "Uint64": 8}
    for name, fields in verifier.TABLES.items():
        count = re.search(rf"\ndef {name}Start\(builder\):\n +builder.StartObject\((\d+)\)", source)
        assert count is not None
        assert int(count[1]) == len(fields)
        slots = re.findall(rf"\ndef {name}Add\w+\(builder, (\w+)\):\n +builder.Prepend(\w+)Slot\((\d+)", source)
        for _, kind, number in slots:
            field = fields[int(number)]
            if isinstance(field, verifier.Scalar):
                assert field.size == sizes[kind]
            elif not isinstance(field, verifier.Absent):
                assert kind == "UOffsetTRelative"
        vectors = re.findall(
            rf"\ndef {name}Start(\w+)Vector\(builder, numElems\):\n +return builder.StartVector\((\d+)", source
        )
        numbers = [field for field in fields if isinstance(field, (verifier.Numbers, verifier.Records))]
        described = [field.size if isinstance(field, verifier.Numbers) else 4 for field in numbers]
        kept = [int(size) for vector, size in vectors if vector not in ("VariantTensors", "External")]
        assert described == kept[: len(described)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda model: setattr(model, "subgraphs", None), "the model has no subgraphs"),
        (lambda model: setattr(model.subgraphs[0].tensors[0], "buffer", 999), "buffer of tensor 'tensor_0' must lie"),
        (lambda model: setattr(model.subgraphs[0].operators[0], "opcodeIndex", 9), "code of an operator must lie"),
        (lambda model: setattr(model.subgraphs[0].operators[0], "inputs", [0, 500]), "input of an operator must lie"),
        (lambda model: setattr(model.subgraphs[0].operators[0], "outputs", [-1]), "output of an operator must lie"),
        (lambda model: setattr(model.subgraphs[0], "inputs", [-2]), "input or output of the model must lie"),
        (lambda model: setattr(model.subgraphs[0].tensors[0], "shape", [1, -4]), "has the shape (1, -4)"),
        (lambda model: setattr(model.subgraphs[0].tensors[0], "shape", [70_000, 70_000]), "has the shape (70000"),
        (lambda model: setattr(model.subgraphs[0].tensors[1], "shape", [11, 12]), "needs 132 bytes, not 120"),
        (lambda model: setattr(model.subgraphs[0].tensors[0], "type", 77), "the unknown type 77"),
        (lambda model: setattr(model.subgraphs[0].tensors[0], "shapeSignature", [1]), "a signature of 1 axes"),
        (
            lambda model: setattr(model.subgraphs[0].tensors[1].quantization, "quantizedDimension", 1),
            "has 10 scales for 12 channels",
        ),
        (
            lambda model: setattr(model.subgraphs[0].tensors[1].quantization, "quantizedDimension", 5),
            "quantized axis of tensor 'tensor_1' must lie between 0 and 1",
        ),
        (
            lambda model: setattr(model.subgraphs[0].tensors[0].quantization, "scale", [-1.0]),
            "a scale that is negative",
        ),
        (lambda model: setattr(model.subgraphs[0].tensors[0].quantization, "zeroPoint", []), "but 0 zero points"),
        (lambda model: setattr(model.buffers[1], "offset", 200), "the model has buffers behind the model"),
        (
            lambda model: setattr(model, "metadata", [schema.MetadataT(name=b"x", buffer=77)]),
            "buffer of the metadata must lie",
        ),
    ],
)
def test_refuses_models_that_lead_nowhere(change, message, random):
    model = unpack(dense(random).data)
    change(model)
    with pytest.raises(FormatError) as error:
        read(pack(model))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "at least 8 bytes, not 0"),
        (b"\x10\0\0\0TFL4" + bytes(40), "has TFL3 at its fifth byte, not b'TFL4'"),
        (b"\x11\0\0\0TFL3" + bytes(40), "a table at 17 must lie at a multiple of 4"),
        (b"\xf0\xff\xff\xffTFL3" + bytes(40), "lies outside of the file's 48 bytes"),
        (b"PK\x03\x04TFL3" + bytes(40), "outside of the file"),
    ],
)
def test_refuses_what_is_no_model(data, message):
    with pytest.raises(FormatError) as error:
        read(data)
    assert message in str(error.value)


def test_refuses_a_part_that_is_referred_to_many_times():
    """A file of 80 kB that says that it has 10,000 tensors, each with the same name of 40 kB."""
    builder = flatbuffers.Builder()
    tensor = schema.TensorT(name=b"x" * 40_000).Pack(builder)
    schema.SubGraphStartTensorsVector(builder, 10_000)
    for _ in range(10_000):
        builder.PrependUOffsetTRelative(tensor)
    tensors = builder.EndVector()
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, tensors)
    subgraph = schema.SubGraphEnd(builder)
    schema.ModelStartSubgraphsVector(builder, 1)
    builder.PrependUOffsetTRelative(subgraph)
    subgraphs = builder.EndVector()
    schema.ModelStart(builder)
    schema.ModelAddSubgraphs(builder, subgraphs)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    with pytest.raises(FormatError, match="the parts of the file overlap"):
        read(bytes(builder.Output()))
