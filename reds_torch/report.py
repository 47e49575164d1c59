"""`python -m reds_torch.report`: the command of `reds_torch.commands.report`."""

import sys

from .commands.report import main

if __name__ == "__main__":
    sys.exit(main())
