"""`python -m reds_torch.device`: the command of `reds_torch.commands.device`."""

import sys

from .commands.device import main

if __name__ == "__main__":
    sys.exit(main())
