"""`python -m reds_torch.data.synthetic`: the command of `reds_torch.commands.synthetic`."""

import sys

from ...commands.synthetic import main

if __name__ == "__main__":
    sys.exit(main())
