"""The table of platforms: what is in it can be set, and the page for readers says the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from rt_automix.config import Config
from rt_automix.errors import ConfigError
from rt_automix.platforms import PLATFORMS, named

PAGE = Path(__file__).parents[1] / "docs" / "platforms.md"


@pytest.mark.parametrize(
    ("name", "target_lufs", "ceiling_dbtp"),
    [
        ("spotify", -14.0, -1.0),
        ("youtube", -14.0, -1.0),
        ("apple", -16.0, -1.0),
        ("tidal", -14.0, -1.0),
        ("amazon", -14.0, -2.0),
        ("deezer", -15.0, -1.0),
        ("r128", -23.0, -1.0),
        ("a85", -24.0, -2.0),
        ("podcast", -16.0, -1.0),
        ("aes", -16.0, -1.0),
    ],
)
def test_the_figures(name, target_lufs, ceiling_dbtp):
    assert named(name)[1:3] == (target_lufs, ceiling_dbtp)
    Config().with_overrides(**{"master.target_lufs": target_lufs, "limiter.ceiling_dbtp": ceiling_dbtp})


def test_all_are_tested_above():
    assert len(PLATFORMS) == 10


def test_names_have_no_case_and_an_unknown_one_lists_all():
    assert named("Spotify") is named("spotify")
    with pytest.raises(ConfigError, match=r'platform "spotfy" is unknown. Did you mean "spotify"\? Known: ') as error:
        named("spotfy")
    assert all(f"{name} (" in str(error.value) for name in PLATFORMS)


def test_the_page_is_the_table():
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    cells = {line.split("`")[1]: [cell.strip() for cell in line.strip("|").split("|")] for line in lines}
    assert list(cells)[1:] == list(PLATFORMS)  # the first is the table's head
    for name, one in PLATFORMS.items():
        standing = "official" if one.official else "customary"
        figures = [one.title, f"{one.target_lufs:g}", f"{one.ceiling_dbtp:g}", standing, one.note]
        assert cells[name][1:6] == figures and one.source in cells[name][6]
