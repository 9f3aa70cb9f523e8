"""What pyproject.toml cannot say: kernels are compiled when the package is built, so that no first run waits for it.

RT_AUTOMIX_SHIP says for which processors: `host` (the default) for the one that this runs on, `all` for every level
that is shipped (`make wheel`), `none`. Without objects that fit, the first run compiles; so it does in a checkout
that is installed to be edited (`pip install -e .`), whose objects would soon be of other sources.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent


class WithObjects(build_py):
    """The package, and its objects beside it."""

    def run(self) -> None:
        """Copy the package, then compile; an installation does not fail for want of objects, a release does."""
        super().run()
        wanted = os.environ.get("RT_AUTOMIX_SHIP", "host")
        if self.editable_mode:
            return
        folder = Path(self.build_lib) / "rt_automix" / "native" / "objects"
        shutil.rmtree(folder, ignore_errors=True)  # of sources that were built here before
        if wanted == "none":
            return
        try:
            self._compile(folder, all_levels=wanted == "all")
        except Exception as error:
            if wanted == "all":
                raise
            shutil.rmtree(folder, ignore_errors=True)
            self.warn(f"No kernels are compiled yet, the first run will: {type(error).__name__}: {error}")

    def _compile(self, folder: Path, all_levels: bool) -> None:
        sys.path.insert(0, str(ROOT))
        from rt_automix.native.build import ship
        from rt_automix.native.levels import SHIPPED, host

        for done, total in ship(folder, SHIPPED if all_levels else [host()]):
            self.announce(f"compiled {done} of {total}", level=logging.INFO)


setup(cmdclass={"build_py": WithObjects})
