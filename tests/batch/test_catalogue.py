"""Measuring many files: the same figures from this process, from others and from a Dask cluster; nothing is held."""

from __future__ import annotations

import json

import mixes
import pytest

from rt_automix.analysis.aim import profile
from rt_automix.batch import catalogue
from rt_automix.cli import main
from rt_automix.errors import UserError
from rt_automix.render.figures import figures, profile_of

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Three songs, one of them in a folder, and one that is none."""
    folder = tmp_path_factory.mktemp("archive")
    for number, name in enumerate(("a.wav", "b.wav", "deep/c.wav")):
        mixes.write(folder / name, number, 4.0)
    (folder / "bad.wav").write_bytes(b"RIFF")
    return folder


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as found:
        yield found


def _by_name(answers):
    return {one.path.name: one for one in answers}


@pytest.mark.parametrize("where", ["here", "processes", "dask"])
def test_wherever_it_is_done_it_is_the_same(archive, cluster, where):
    how = {"here": {"jobs": 1}, "processes": {"jobs": 2}, "dask": {"dask": cluster.scheduler_address}}[where]
    paths = sorted(archive.rglob("*.wav"))
    looked = _by_name(catalogue.analyzed(iter(paths), **how))
    measured = _by_name(catalogue.measured(iter(paths), **how))
    assert len(looked) == len(measured) == 4
    for path in paths:
        one, song = looked[path.name], measured[path.name]
        assert one.path == path and paths[one.place] == path
        if path.name == "bad.wav":
            assert one.found is None and song.found is None
            assert one.reason.startswith(str(path)) and song.reason.startswith(str(path))
        else:
            assert one.found == figures(path, profile.load("balanced"))
            assert song.found == profile_of(path)


def test_files_are_taken_as_they_are_needed(archive):
    taken = []

    def endless():
        while True:
            taken.append(archive / "a.wav")
            yield taken[-1]

    answers = catalogue.analyzed(endless(), jobs=2)
    next(answers)
    assert len(taken) <= 5
    answers.close()


def test_no_process_is_an_error(archive):
    with pytest.raises(UserError, match="jobs = 0"):
        next(catalogue.analyzed([archive / "a.wav"], jobs=0))


def test_a_folder_is_analysed_in_its_order_and_what_is_bad_is_named(archive, capsys):
    assert main(["analyze", str(archive), "--json", "--jobs", "2"]) == 2
    out, err = capsys.readouterr()
    assert [one["file"].rpartition("/")[2] for one in json.loads(out)["files"]] == ["a.wav", "b.wav", "c.wav"]
    assert "bad.wav" in err and len(err.splitlines()) == 1


def test_a_line_for_each_as_it_is_done(archive, capsys):
    assert main(["analyze", str(archive / "*.wav"), str(archive / "deep"), "--json-lines"]) == 2
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted(line["file"].rpartition("/")[2] for line in lines) == ["a.wav", "b.wav", "c.wav"]
    assert all(line["integrated_lufs"] < 0.0 for line in lines)


def test_a_profile_of_a_folder_leaves_out_what_cannot_be_measured(archive, tmp_path, capsys):
    made = tmp_path / "mine.toml"
    assert main(["profile", "make", str(archive), "-o", str(made), "--jobs", "2"]) == 2
    assert "bad.wav" in capsys.readouterr().err
    wanted = profile.mean_of([profile_of(archive / name) for name in ("a.wav", "b.wav", "deep/c.wav")], "mine")
    assert profile.load(made).vector() == pytest.approx(wanted.vector(), abs=6e-4)  # a file has three digits
    assert "Measured from a.wav, b.wav, c.wav" in made.read_text()
    assert main(["profile", "make", str(archive / "bad.wav"), "-o", str(tmp_path / "none.toml")]) == 2
    assert not (tmp_path / "none.toml").exists()
