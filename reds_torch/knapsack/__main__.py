"""`python -m reds_torch.knapsack`: the command of `reds_torch.commands.search`."""

import sys

from ..commands.search import main

if __name__ == "__main__":
    sys.exit(main())
