"""`python -m reds_torch.train`: the command of `reds_torch.commands.train`."""

import sys

from .commands.train import main

if __name__ == "__main__":
    sys.exit(main())
