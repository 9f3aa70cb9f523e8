"""Files that are there as a whole or not at all."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest
import soundfile as sf

from rt_automix.errors import AudioFileError
from rt_automix.io.files import whole
from rt_automix.io.files.audio import AudioWriter


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


def test_of_two_that_write_one_new_file_the_second_is_told(tmp_path):
    path = tmp_path / "out.wav"
    first, second = AudioWriter(path, 48000, 2), AudioWriter(path, 48000, 2)
    with pytest.raises(AudioFileError, match=r"out.wav: exists already. .*--force"), second:
        second.write(np.zeros((2, 10), np.float32))
        with first:
            first.write(np.zeros((2, 20), np.float32))
    assert sf.info(path).frames == 20 and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("has_links", [True, False])
def test_a_name_is_taken_once(tmp_path, monkeypatch, has_links):
    def refuse(*_):  # as a memory card does, of which a test has none
        raise OSError(errno.EPERM, "Operation not permitted")

    if not has_links:
        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "text"
    whole.write_text(path, "first", over=False)
    with pytest.raises(AudioFileError, match="exists already"):
        whole.write_text(path, "second", over=False)
    assert path.read_text() == "first" and list(tmp_path.iterdir()) == [path]
