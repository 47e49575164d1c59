"""Each public name shows how it is used, and what the example prints is what happens."""

from __future__ import annotations

import doctest

import pytest

import reds_torch
from reds_torch.runtime.adaptive import AdaptiveModel

PUBLIC = {name: getattr(reds_torch, name) for name in reds_torch.__all__} | {"AdaptiveModel": AdaptiveModel}


@pytest.mark.usefixtures("costs_as_before")
@pytest.mark.parametrize("name", PUBLIC)
def test_public_name(name):
    examples = doctest.DocTestParser().get_doctest(PUBLIC[name].__doc__, {}, name, None, 0)
    assert examples.examples
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    report: list[str] = []
    runner.run(examples, out=report.append)
    assert runner.failures == 0, "".join(report)
