"""`python -m facestudio` is the command line."""

import multiprocessing
import sys

from facestudio.cli.main import main

if __name__ == "__main__":
    multiprocessing.freeze_support()  # a packaged program starts itself for the pipeline's process
    sys.exit(main())
