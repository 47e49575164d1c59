import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import reds_torch as reds
from reds_torch import costs
from reds_torch.costs.device_table import fit, read_device
from reds_torch.models import dnn

TABLE = """# my board
# clock_mhz = 100
# active_power_mw = 50
# nanojoules_per_byte = 2
kind,cycles_per_mac,cycles_per_output,cycles_per_layer
linear,4,10,500
"""


@pytest.fixture
def net():
    return reds.nest(dnn("s"), torch.zeros(1, 1, 25, 10))


@pytest.fixture(autouse=True)
def _registry(monkeypatch):
    monkeypatch.setattr(costs, "COSTS", dict(costs.COSTS))


def test_latency_and_energy_by_hand(net, tmp_path):
    (tmp_path / "board.csv").write_text(TABLE)
    reds.register_device(str(tmp_path / "board.csv"))
    measured = reds.measure(net, {"fc1": 10, "fc2": 20, "fc3": 30}, ["latency", "energy"])
    macs = 250 * 10 + 10 * 20 + 20 * 30 + 30 * 12
    outputs = 10 + 20 + 30 + 12
    microseconds = (4 * macs + 10 * outputs + 4 * 500) / 100
    assert measured["latency"] == pytest.approx(microseconds)
    # every weight once, every activation written (not the input) and read (not the output)
    moved = macs + outputs + (250 + 10 + 20 + 30)
    assert measured["energy"] == pytest.approx(50e-3 * microseconds + 2e-3 * moved)


def test_a_latency_budget_is_kept(net):
    scores = reds.order(net, reds.score(net, criterion="l1"))
    full = reds.measure(net, net.full_widths, ["latency"])["latency"]
    found = reds.search(net, scores, {"latency": [0.5]}).subnetworks[1]
    again = reds.measure(net, found.widths, ["latency"])["latency"]
    assert found.costs["latency"] == pytest.approx(again)
    assert 0.49 * full < again <= 0.5 * full


def test_measured_layers_are_fitted(net, tmp_path):
    lines = ["# clock_mhz = 64", "kind,macs,outputs,microseconds"]
    for macs, outputs in ((1000, 10), (5000, 20), (20_000, 100), (300, 70)):
        lines.append(f"linear,{macs},{outputs},{(3 * macs + 25 * outputs + 400) / 64}")
    (tmp_path / "measured.csv").write_text("\n".join(lines))
    kind = read_device(tmp_path / "measured.csv").kinds["linear"]
    assert (kind.per_mac, kind.per_output, kind.per_layer) == pytest.approx((3, 25, 400), rel=1e-6)


@given(st.lists(st.tuples(*[st.integers(1, 10_000)] * 3), min_size=1, max_size=8))
def test_no_fitted_coefficient_is_negative_and_no_better_fit_is_near(layers):
    kind = fit(layers)
    found = np.array([kind.per_mac, kind.per_output, kind.per_layer])
    data = np.array(layers, dtype=float)
    terms = np.column_stack((data[:, :2], np.ones(len(data))))

    def error(coefficients):
        return np.square(terms @ coefficients - data[:, 2]).sum()

    assert (found >= 0).all()
    for direction in np.vstack((np.eye(3), -np.eye(3))):
        near = np.maximum(found + direction * np.maximum(1e-3, 1e-3 * found), 0)
        assert error(near) >= error(found) * (1 - 1e-6) - 1e-6


def test_the_shipped_table_says_where_it_comes_from(net):
    assert read_device("cortex_m4").kinds["linear"].per_mac == 3.9
    # 79,200 MACs at 3.9 cycles and 64 MHz, and a little more
    assert 4826 < reds.measure(net, net.full_widths, ["latency"])["latency"] < 5200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TABLE.replace("# clock_mhz = 100\n", ""), "clock_mhz = 64"),
        (TABLE.replace(",500", ",many"), "'many' where a number belongs"),
        (TABLE.replace(",500", ",-5"), "must be finite and not negative"),
        (TABLE.replace("cycles_per_mac", "speed"), "must have the columns kind,cycles_per_mac"),
        ("", "clock_mhz"),
    ],
)
def test_bad_tables_are_refused(text, message, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_device(path)


def test_unknown_devices_and_kinds_are_refused_by_name(net, tmp_path):
    with pytest.raises(FileNotFoundError, match="one of cortex_m4"):
        reds.register_device("cortex_m5")
    (tmp_path / "board.csv").write_text(TABLE.replace("linear", "conv"))
    reds.register_device(str(tmp_path / "board.csv"))
    with pytest.raises(ValueError, match="nothing about linear layers"):
        reds.measure(net, net.full_widths, ["latency"])
