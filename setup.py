"""What pyproject.toml cannot say: a wheel made by `make wheel` brings its kernels along, for every level of processor.

So the first start after its installation is as quick as every other. Any other installation compiles when it
first runs, for the processor that it runs on: compiling for all of them takes minutes.
"""

from __future__ import annotations

import os
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
        if os.environ.get("RT_AUTOMIX_SHIP") != "1":
            return
        sys.path.insert(0, str(ROOT))
        from rt_automix.native.build import ship

        for done, total in ship(Path(self.build_lib) / "rt_automix" / "native" / "objects"):
            self.announce(f"compiled {done} of {total}", level=2)


setup(cmdclass={"build_py": WithObjects})
