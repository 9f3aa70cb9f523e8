"""Small files that are there as a whole or not at all."""

from __future__ import annotations

import pytest

from rt_automix.io.files import whole


def test_a_file_is_replaced_and_nothing_is_left_beside(tmp_path):
    path = tmp_path / "new" / "state.json"
    whole.write_text(path, "one")
    whole.write_text(path, "two \u266b")
    assert path.read_text(encoding="utf-8") == "two \u266b"
    assert list(path.parent.iterdir()) == [path]


def test_what_cannot_be_put_in_place_leaves_no_trace(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(OSError):
        whole.write_text(path, "text")
    assert list(tmp_path.iterdir()) == [path] and list(path.iterdir()) == []
