"""Many files: the bits of a render, a row for each whatever it is, and no file that ends the rest."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import threading
import time
from pathlib import Path

import mixes
import pytest
from mutagen.flac import FLAC

from rt_automix.batch import How, Item, Session, batch, finding
from rt_automix.batch.item import Row
from rt_automix.batch.journal import Journal
from rt_automix.batch.session import SCRATCH
from rt_automix.cli import main
from rt_automix.config import Config
from rt_automix.errors import ConfigError, UserError
from rt_automix.io.files.audio import AudioReader
from rt_automix.render import render


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Good and bad mixes in a folder, one missing, and what the command made of them."""
    folder = tmp_path_factory.mktemp("batch")
    sources, reasons = mixes.good(folder / "mixes"), mixes.bad(folder / "mixes")
    ended = mixes.run("mixes", "gone.wav", "-o", "masters", "--jobs", 2, cwd=folder)
    rows = [json.loads(line) for line in (folder / "masters" / "batch.jsonl").read_text().splitlines()]
    return folder, sources, {**reasons, "gone.wav": "no such file"}, ended, {row["target"]: row for row in rows}


def test_masters_have_the_bits_of_a_render_and_keep_names_folders_and_tags(done, tmp_path):
    folder, sources, *_ = done
    for name, source in sources.items():
        target = tmp_path / Path(name).name
        render(source, target, lookahead="song")
        assert (folder / "masters" / name).read_bytes() == target.read_bytes()
    assert FLAC(folder / "masters" / "disc 1" / "03 wälz.flac")["title"] == ["Walzer"]


def test_each_bad_file_has_its_reason_and_ends_nothing(done):
    folder, sources, reasons, ended, rows = done
    assert ended.returncode == 1 and "4 mastered, 11 failed" in ended.stdout
    lines = ended.stderr.splitlines()
    assert len(lines) == len(reasons) == 11
    for name, reason in reasons.items():
        target = str(Path(name).with_suffix(".flac" if name.endswith(".flac") else ".wav"))
        row = rows.pop(target)
        assert row["status"] == "failed" and re.search(reason, row["reason"]), row
        assert row["reason"] in lines and name in row["reason"] and SCRATCH not in row["reason"]
        assert row["output_lufs"] is None and not (folder / "masters" / target).exists()
    assert rows.keys() == sources.keys() and all(row["status"] == "done" for row in rows.values())


def test_rows_tell_what_was_measured(done):
    folder, *_, rows = done
    row = rows["a.wav"]
    with AudioReader(folder / "masters" / "a.wav") as reader:
        assert row["duration_s"] == reader.duration_s == 3.0
    assert row["output_dbtp"] <= -0.98 and row["input_lufs"] < row["output_lufs"] < -10.0
    assert row["target_bytes"] == (folder / "masters" / "a.wav").stat().st_size and row["seconds"] > 0.0


def test_the_page_has_failures_first_and_refers_to_nothing_outside(done):
    folder, _, reasons, *_ = done
    page = (folder / "masters" / "summary.html").read_text()
    assert "4 of 15 songs mastered, 11 failed." in page
    assert page.index("seven.wav") < page.index("b.c.wav") and "a%20" not in page
    assert 'href="disc%201/03%20w%C3%A4lz.flac"' in page and "http" not in page and "<script" not in page
    assert all(Path(name).stem in page for name in reasons)


def test_nothing_is_left_beside_the_masters(done):
    folder, sources, *_ = done
    there = {str(path.relative_to(folder / "masters")) for path in (folder / "masters").rglob("*") if path.is_file()}
    assert there == {*sources, "batch.jsonl", "summary.html", SCRATCH + ".lock"}


def test_a_second_run_does_nothing_twice_and_a_changed_file_or_setting_again(done):
    folder, sources, *_ = done
    masters = folder / "masters"
    before = {name: (masters / name).stat() for name in sources}
    rows = {row.target: row for row in batch([Item(path, name) for name, path in sources.items()], masters, jobs=1)}
    assert all(not row.is_new and row.status == "done" for row in rows.values())
    assert {name: (masters / name).stat() for name in sources} == before
    (masters / "a.wav").write_bytes(b"cut")  # not what was made
    other = How(Config().with_overrides(**{"master.amount": 0.5}))
    items = [Item(sources["a.wav"], "a.wav"), Item(sources["b.c.wav"], "b.c.wav", other)]
    assert all(row.is_new and row.status == "done" for row in batch(items, masters, jobs=1))
    assert (masters / "a.wav").stat().st_size == before["a.wav"].st_size


def test_a_dry_run_says_it_all_and_leaves_nothing(done, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(done[0])
    words = ["batch", "mixes/a.wav", "mixes/seven.wav", "nowhere.wav", "-o", str(tmp_path / "new"), "--dry-run"]
    assert main(words) == 1 and not (tmp_path / "new").exists()
    assert "2 to master, 0 done already, 1 that would fail." in capsys.readouterr().out
    assert main(["batch", "mixes/disc 1", "-o", "masters/disc 1", "--dry-run"]) == 1
    assert "exists already and was not made here" in capsys.readouterr().out


def test_what_was_not_made_here_stays_unless_forced(tmp_path):
    source = mixes.write(tmp_path / "in" / "song.wav", 1)
    own = mixes.write(tmp_path / "out" / "song.wav", 2)
    kept = own.read_bytes()
    for _ in range(2):
        (row,) = batch([source], own.parent)
        assert row.status == "failed" and "--force" in row.reason and own.read_bytes() == kept
    (row,) = batch([own], own.parent, force=True)
    assert "its own place" in row.reason and own.read_bytes() == kept
    (row,) = batch([source], own.parent, force=True)
    assert row.status == "done" and own.read_bytes() != kept


def test_two_that_would_be_one_are_named_before_anything_starts(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("x/song.wav", "y/song.wav"):
        mixes.write(tmp_path / name, 1)
    assert main(["batch", "x", "y/song.wav", "-o", "out"]) == 2 and not Path("out").exists()
    assert "x/song.wav and y/song.wav would both become song.wav" in capsys.readouterr().err
    assert main(["batch", "*/song.wav", "-o", "out", "--dry-run"]) == 0
    assert capsys.readouterr().out.count("would master") == 2
    rows = list(batch(["x/song.wav", "y/song.wav"], "out", jobs=1))
    assert sorted(row.status for row in rows) == ["done", "failed"]


def test_sources_are_taken_as_they_are_needed(tmp_path):
    source, taken = mixes.write(tmp_path / "song.wav", 1), []

    def endless():
        for number in range(1_000_000):
            taken.append(number)
            yield Item(source, f"{number}.wav")

    rows = batch(endless(), tmp_path / "out", jobs=1)
    assert next(rows).status == "done" and len(taken) <= 3
    rows.close()
    assert not (tmp_path / "out" / SCRATCH).exists()


def _kill_workers(session, most):
    """Kill processes of a pool as they come, so many of them."""
    killed = set()
    while len(killed) < most:
        for process in list(session.pool._running.values()):
            if process.pid not in killed:
                os.kill(process.pid, signal.SIGKILL)
                killed.add(process.pid)
        time.sleep(0.01)


def test_a_process_that_dies_is_replaced_and_its_file_tried_once_more(tmp_path):
    source = mixes.write(tmp_path / "song.wav", 1)
    with Session(tmp_path / "out", jobs=1) as session:
        for kills, status in ((1, "done"), (2, "failed"), (0, "done")):
            killer = threading.Thread(target=_kill_workers, args=(session, kills))
            killer.start()
            session.submit(Item(source, f"{kills}.wav"))
            _, row = session.wait()
            killer.join()
            assert row.status == status and ("SIGKILL" in row.reason) == (status == "failed"), row


def test_a_file_that_changes_meanwhile_is_no_master(tmp_path, monkeypatch):
    from rt_automix.batch import worker

    source = mixes.write(tmp_path / "song.wav", 1)
    states = iter([(1, 1), (1, 2)])
    monkeypatch.setattr(worker, "state_of", lambda path: next(states))
    job = worker.Job(Item(source, "song.wav"), "key", tmp_path / "out", tmp_path / "scratch")
    (tmp_path / "out").mkdir()
    row = worker.master(job)
    assert row.status == "failed" and "changed" in row.reason and not (tmp_path / "out" / "song.wav").exists()


def test_a_list_gives_each_song_its_own_settings(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    source = mixes.write(tmp_path / "in" / "song.wav", 1)
    (tmp_path / "in" / "songs.csv").write_text(
        "source;target;amount;for;bits\nsong.wav;loud.wav;;;16\nsong.wav;soft/er.flac;0,5;;\n".replace("0,5", "0.5")
        + "song.wav;cast.wav;;podcast;\n"
    )
    words = ["--list", "in/songs.csv", "-o", "out", "--target-lufs", "-12", "--jobs", "1", "--json"]
    assert main(["batch", *words]) == 0
    assert json.loads(capsys.readouterr().out)["mastered"] == 3
    wanted = {
        "loud.wav": ({"master.target_lufs": -12.0}, 16),
        "soft/er.flac": ({"master.target_lufs": -12.0, "master.amount": 0.5}, 24),
        "cast.wav": ({"master.target_lufs": -16.0, "limiter.ceiling_dbtp": -1.0}, 24),
    }
    for name, (own, bits) in wanted.items():
        target = tmp_path / Path(name).name
        render(source, target, config=Config().with_overrides(**own), bits=bits, lookahead="song")
        assert (tmp_path / "out" / name).read_bytes() == target.read_bytes(), name


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("l.csv", "source,amonut\na.wav,1\n", r'l.csv:2: amonut is unknown. Did you mean "amount"'),
        ("l.csv", "source,amount\na.wav,much\n", r"l.csv:2: amount = much is not a number"),
        ("l.csv", "source,target\na.wav,../b.wav\n", r"l.csv:2: target = \.\./b.wav is outside"),
        ("l.csv", "target\nb.wav\n", r"l.csv:2: source is missing"),
        ("l.csv", "source,bits\na.wav,12\n", r"l.csv:2: bits = 12 is unknown"),
        ("l.csv", "source,amount\na.wav,3\n", r"l.csv:2.*amount = 3 is outside"),
        ("l.csv", "source\n", "no song in it"),
        ("l.toml", '[[song]]\nsource = "a.wav"\nto = "mp3"\n', r"song 1: to = mp3 is unknown"),
        ("l.toml", "[[song]\n", "not TOML"),
        ("l.txt", "", "ends in .csv or .toml"),
    ],
)
def test_a_wrong_list_is_said_with_its_place(name, text, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(text)
    assert main(["batch", "--list", name, "-o", "out"]) == 2
    assert re.search(said, capsys.readouterr().err) and not Path("out").exists()


@pytest.mark.parametrize(
    "words", [[], ["none"], ["*.wav"], ["a.wav", "--watch"], ["a.wav", "--to", "flac", "--bits", "32"]]
)
def test_what_cannot_be_is_said_at_once(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("none").mkdir()
    assert main(["batch", *words, "-o", "out"]) == 2
    assert capsys.readouterr().err.startswith("Error: ") and not Path("out").exists()


@pytest.mark.parametrize("words", [["in"], ["in/*.wav"], ["in", "--watch"], ["--album", "in"]])
def test_masters_never_lie_among_the_songs_to_be_songs_of_the_next_run(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    mixes.write(Path("in/a.wav"), 1, 0.1)
    assert main(["batch", *words, "-o", "./in", "--to", "flac"]) == 2
    assert capsys.readouterr().err == (
        "Error: in: what is made would lie among the songs. Choose another folder; one inside is fine.\n"
    )
    assert [path.name for path in Path("in").iterdir()] == ["a.wav"]


def test_rows_survive_json_and_nothing_else_does():
    row = Row("in \udcff.wav", "out.wav", "key", "done", notes=("a",), output_lufs=-14.0, is_new=False)
    assert Row.from_json(row.to_json()) == row
    assert Row.from_json(row.to_json()[:-1] + ', "of_a_later_version": 1}') == row
    for line in ("", "{", "null", "[]", "{}", row.to_json()[:-9], row.to_json().replace("done", "dome")):
        assert Row.from_json(line) is None
    with pytest.raises(ConfigError):
        How(bits=12)
    with pytest.raises(UserError):
        Session("out", jobs=0)


def test_what_may_be_gone_on_from_stays_written_down(tmp_path):
    (tmp_path / "stale.wav").touch()
    journal = Journal(tmp_path)
    journal.open()
    for name, status in (("old.wav", "done"), ("bad.wav", "failed"), ("stale.wav", "failed"), ("cut.wav", "started")):
        journal.add(Row(name, name, "key", status))
    journal.add(Row("now.wav", "now.wav", "key", "failed"))
    journal.close(keep=["now.wav"])
    assert sorted(Journal(tmp_path).rows) == ["cut.wav", "now.wav", "old.wav", "stale.wav"]


def test_on_a_full_disk_one_is_alone_all_the_same_and_is_told(tmp_path):
    """No file may grow, as on a disk that is full to the last byte."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with pytest.raises(UserError, match="cannot be written"), Session(tmp_path, jobs=1) as session:
            with pytest.raises(UserError, match="another batch is at work"):
                Session(tmp_path).__enter__()
            session.journal.add(Row("a.wav", "a.wav", "key", "started"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_folders_are_looked_into_but_for_masters_hidden_ones_and_links(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("in/a.wav", "in/B/b.FLAC", "in/.c.wav", "in/.d/d.wav", "in/masters/a.wav", "in/notes.txt", "e/f.mp3"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    Path("in/link").symlink_to(tmp_path / "e")
    places = {
        "in": ["a.wav", "B/b.flac"],
        "in/**/*": ["B/b.flac", "a.wav"],
        "?/*": ["e/f.wav"],
        "in/notes.txt": ["notes.wav"],
    }
    for word, targets in places.items():
        found = finding.items([word, word], Path("in/masters"), How())
        assert [item.target for item in found if "masters" not in item.target] == [item.target for item in found]
        assert sorted(item.target for item in found) == sorted(targets), word
    assert finding.target_of(Path("x"), Path("Op. 9, slow"), How()) == "Op. 9, slow.wav"


def test_what_cannot_be_reached_is_a_row_like_another(tmp_path):
    mixes.good(tmp_path / "mixes")
    long = f"{'x' * 300}/far.wav"
    ended = mixes.run("mixes", long, "-o", "masters", cwd=tmp_path)
    assert ended.returncode == 1 and "4 mastered, 1 failed" in ended.stdout
    rows = [json.loads(line) for line in (tmp_path / "masters" / "batch.jsonl").read_text().splitlines()]
    (failed,) = (row for row in rows if row["status"] == "failed")
    assert "cannot be reached: File name too long" in failed["reason"]


@pytest.mark.parametrize("name", ["a.caf", "a.au", "a.tta", "a.mka", "a.mp2", "a.ac3"])
def test_whatever_is_read_is_found_in_a_folder(tmp_path, name):
    (tmp_path / "songs").mkdir()
    (tmp_path / "songs" / name).touch()
    (item,) = finding.items([tmp_path / "songs"], tmp_path / "masters", How())
    assert Path(item.source).name == name


def test_settings_are_told_apart_by_what_is_heard():
    one = How()
    assert one.key() == How().key() == How(Config().with_overrides(**{"audio.name": "other"})).key()
    others = [How(bits=16), How(lookahead="live"), How(Config().with_overrides(**{"master.amount": 0.9}))]
    assert len({one.key(), *(other.key() for other in others)}) == 4
