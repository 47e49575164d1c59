"""`python -m reds_torch.sweep`: the command of `reds_torch.commands.sweep`."""

import sys

from .commands.sweep import main

if __name__ == "__main__":
    sys.exit(main())
