"""Arrays that notice, where the kernels run as plain Python, what compiled code would not."""

from __future__ import annotations

from typing import Any

import numpy as np

from rt_automix.dsp.jit import JIT_ENABLED


class Checked(np.ndarray):
    """An array for plain-Python runs that refuses what compiled code would do without a word.

    Python counts negative indices from the end and cuts slices short; compiled code reads or
    writes memory that is another's.
    """

    def _check(self, key: Any) -> None:
        if isinstance(key, slice):
            start, stop = key.start or 0, len(self) if key.stop is None else key.stop
            if not 0 <= start <= stop <= len(self) or key.step not in (None, 1):
                raise IndexError(f"slice {key} of an array of {len(self)}")
        elif isinstance(key, (int, np.integer)) and not 0 <= key < len(self):
            raise IndexError(f"index {key} in an array of {len(self)}")

    def __getitem__(self, key: Any) -> Any:
        self._check(key)
        return super().__getitem__(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._check(key)
        super().__setitem__(key, value)


def checked(array: np.ndarray) -> np.ndarray:
    """The same memory, watched where the kernels are plain Python."""
    return array if JIT_ENABLED else array.view(Checked)
