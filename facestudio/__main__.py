"""`python -m facestudio` is the command line."""

import sys

from facestudio.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
