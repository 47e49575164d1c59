"""`python -m reds_torch.evaluate`: the command of `reds_torch.commands.evaluate`."""

import sys

from .commands.evaluate import main

if __name__ == "__main__":
    sys.exit(main())
