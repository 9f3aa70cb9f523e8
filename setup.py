"""What pyproject.toml cannot say: a wheel brings its kernels along, compiled for every level of processor shipped.

So the first start after an installation is as quick as every other. An editable installation compiles when it
first runs, for the processor that it runs on.
"""

from __future__ import annotations

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent


class WithObjects(build_py):
    """The package, and its objects beside it."""

    def run(self) -> None:
        """Copy the package, then compile."""
        super().run()
        if self.editable_mode:
            return
        sys.path.insert(0, str(ROOT))
        from rt_automix.native.build import ship

        for done, total in ship(Path(self.build_lib) / "rt_automix" / "native" / "objects"):
            self.announce(f"compiled {done} of {total}", level=2)


setup(cmdclass={"build_py": WithObjects})
