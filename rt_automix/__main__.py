"""`python -m rt_automix` is `rt-automix`."""

import sys

from rt_automix.cli import main

sys.exit(main())
