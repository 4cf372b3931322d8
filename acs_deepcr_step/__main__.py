"""``python -m acs_deepcr_step`` is the command ``acs-deepcr``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
