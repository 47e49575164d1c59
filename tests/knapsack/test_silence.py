"""The search prints nothing of its own, so that what commands print stays readable by other programmes."""

import subprocess
import sys
from pathlib import Path

CODE = """
import sys
from reds_torch.knapsack.graph import build_graph
from reds_torch.knapsack.milp import solve_milp
from tests.knapsack.instances import random_problem
problem = random_problem(0, "chain", groups=3, peak=False)
caps = {"macs": 0.5 * problem.costs(problem.full_widths)["macs"]}
print(solve_milp(build_graph(problem, caps)).choice is not None)
"""


def test_highs_is_silent():
    root = Path(__file__).parent.parent.parent
    done = subprocess.run([sys.executable, "-c", CODE], cwd=root, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("True\n", "")
