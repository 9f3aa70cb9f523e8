"""Doors: called by other objects as C calls them, and all that a program needs."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import doors
import numpy as np
import pytest
import through_doors

from rt_automix.dsp.jit import JIT_ENABLED, source_of
from rt_automix.native import abi, sources, store, symbols

pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="about compiled code")

# What is called by name ------------------------------------------------------------------------------


def test_every_kind_goes_through_a_door():
    for module in (doors, through_doors):
        assert module.weighted(1.0, np.float32(2.0), 3, 4, 5, True) == 154321.0
        assert module.weighted(0.0, np.float32(0.0), -3, -4, 255, False) == 2545700.0
        assert module.is_small(9, 9, -128) is True and module.is_small(-9, 65535, 0) is False
        out = np.zeros(5, np.int64)
        module.corners(np.arange(24.0).reshape(2, 3, 4), np.array([1j, 7j], np.complex64), out)
        assert out.tolist() == [2, 3, 4, 23, 7]


def test_parts_are_cut_as_python_cuts_them():
    matrix = np.arange(8.0).reshape(2, 4)
    for row in (0, 1, -1):
        for start in range(-6, 7):
            for stop in range(-6, 7):
                wanted = matrix[row][start:stop].sum() + 20.0 * matrix[row][start - 4 : stop - 4].sum()
                assert through_doors.part(matrix, row, start, stop) == wanted


def test_a_door_is_in_one_object_only():
    assert through_doors.part(np.ones((1, 4)), 0, 0, 4) == 4.0
    for unit in (*source_of(through_doors.part).units, sources.Unit(source_of(doors.twice), doors=False)):
        assert abi.symbol("doors", "total") in symbols.undefined(store.object_of(unit).read_bytes())


# What a program needs --------------------------------------------------------------------------------


def _uses(tree: ast.AST, names: dict[str, str]) -> Iterator[str]:
    """Of these names, those that are read somewhere; `module.name` of an imported module as well."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in names:
            yield names[node.id]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
            yield f"{names[node.value.id]}.{node.attr}"


def _names(source: sources.Source, tree: ast.Module) -> dict[str, str]:
    """What the names in a module stand for: its kernels and all that it imports."""
    names = {name: f"{source.name}.{name}" for name in source.kernels}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _users() -> dict[str, set[str]]:
    """By kernel who uses it: the modules whose kernels do, and "" for all that is no kernel."""
    everything = [source for source in map(sources.find, _modules()) if source is not None]
    found = {f"{source.name}.{name}": set[str]() for source in everything for name in source.kernels}
    for source in everything:
        tree = ast.parse(source.text)
        names = _names(source, tree)
        for node in tree.body:
            user = source.name if getattr(node, "name", "") in source.kernels else ""
            for used in _uses(node, names):
                if used in found:
                    found[used].add(user)
    return found


def _modules() -> list[str]:
    paths = (sources.ROOT / sources.PACKAGE).rglob("*.py")
    return [".".join(path.relative_to(sources.ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]


def test_what_is_used_outside_of_kernels_is_a_door_and_no_other_is_one_for_nothing():
    all_doors = {f"{unit.source.name}.{door}" for unit in sources.with_doors() for door in unit.source.doors}
    users = _users()
    assert {kernel for kernel, by in users.items() if "" in by} - all_doors == set()
    assert {door for door in all_doors if users[door] <= {door.rpartition(".")[0]}} == set()
