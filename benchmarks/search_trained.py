"""Save the search problem of a trained network, scored on real data, for `python -m benchmarks.search FILE.npz`.

    python -m benchmarks.search_trained ds_cnn_s.npz recipe=kws_ds_cnn pretrained=arm:WEIGHTS.npz data.root=SPEECH

The settings after the file are those of the train command; nothing is trained.
"""

from __future__ import annotations

import sys
from itertools import islice

import reds_torch as reds
from reds_torch.knapsack import save_problem
from reds_torch.knapsack.problem.from_network import problem_from_network
from reds_torch.runs.recipes import parse
from reds_torch.runs.run import new_network


def main() -> None:
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    target, *settings = sys.argv[1:]
    cli = parse(settings)
    net, data, config = new_network(cli, cli.config.pretrained), cli.datamodule, cli.config_init
    data.prepare_data()
    data.setup("fit")
    batches = islice(data.calibration_dataloader(), config.score.batches)
    scores = reds.order(net, reds.score(net, batches, criterion=config.score.criterion))
    save_problem(problem_from_network(net, scores), target)


if __name__ == "__main__":
    main()
