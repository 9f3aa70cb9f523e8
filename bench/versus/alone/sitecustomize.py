"""Imported by the interpreter at its start, for trees that are compared: nobody else's package helps out.

An editable install finds what a tree does not have in the checkout that it was made of: an old tree would run with
modules of the new one, and no error would say so.
"""

import sys

sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in getattr(finder, "__module__", "")]
