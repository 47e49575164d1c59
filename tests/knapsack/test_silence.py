"""The search prints nothing of its own, so that what commands print stays readable by other programmes."""

import subprocess
import sys
from pathlib import Path

# Two caps: their prices are a linear programme, solved before the integer programme is.
CODE = """
from reds_torch.knapsack.solvers.bounds import minimise_bound, relax
from reds_torch.knapsack.solvers.graph import build_graph
from reds_torch.knapsack.solvers.milp import solve_milp
from tests.knapsack.instances import random_problem
problem = random_problem(0, "chain", groups=3, peak=False)
full = problem.costs(problem.full_widths)
graph = build_graph(problem, {"macs": 0.5 * full["macs"], "parameters": 0.45 * full["parameters"]})
print(minimise_bound(relax(graph)).best is not None, solve_milp(graph, gap=0.0, time_limit=60.0).choice is not None)
"""


def test_highs_is_silent():
    root = Path(__file__).parent.parent.parent
    done = subprocess.run([sys.executable, "-c", CODE], cwd=root, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("True True\n", "")
