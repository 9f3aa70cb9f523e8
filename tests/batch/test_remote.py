"""Songs and masters elsewhere: through fsspec, in one memory, over HTTP, and on what is a disk after all."""

from __future__ import annotations

import functools
import http.server
import json
import threading

import fsspec
import mixes
import pytest

from rt_automix.analysis.aim import profile
from rt_automix.batch import Item, Session, batch, catalogue, masters
from rt_automix.batch.url import Url
from rt_automix.cli import main
from rt_automix.errors import UserError
from rt_automix.render import render
from rt_automix.render.figures import figures

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """Three songs, one in a folder, one that is none; and the master that each should become."""
    folder = tmp_path_factory.mktemp("remote") / "in"
    made, wanted = folder.parent / "made.wav", {}
    for number, name in enumerate(("a.wav", "disc 1/b.wav", "disc 1/c.wav")):
        render(mixes.write(folder / name, number), made, lookahead="song", force=True)
        wanted[name] = made.read_bytes()
    (folder / "bad.wav").write_bytes(b"RIFF")
    return folder, wanted


@pytest.fixture
def memory(songs):
    """The songs in a memory that threads of this process share."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    system.put(str(songs[0]), "/label/mixes", recursive=True)
    yield system
    system.store.clear()


@pytest.fixture(scope="module")
def threads():
    few = {"n_workers": 2, "threads_per_worker": 1, "processes": False}
    with distributed.LocalCluster(**few, dashboard_address=None, silence_logs=50) as found:
        yield found


def test_a_cluster_masters_from_one_memory_into_it(songs, memory, threads, tmp_path):
    words = ["batch", "memory://label/mixes", "-o", "memory://label/masters", "--journal", str(tmp_path / "log")]
    words += ["--dask", threads.scheduler_address, "--json"]
    assert main(words) == 1  # one is bad
    for name, wanted in songs[1].items():
        assert memory.cat_file(f"/label/masters/{name}") == wanted
    assert sorted(memory.find("/label/masters")) == [f"/label/masters/{name}" for name in sorted(songs[1])]
    rows = {row["target"]: row for row in map(json.loads, (tmp_path / "log" / "batch.jsonl").open())}
    assert rows["bad.wav"]["reason"].startswith("memory://label/mixes/bad.wav: ")
    assert rows["a.wav"]["source"] == "memory://label/mixes/a.wav"
    assert "a.wav" in (tmp_path / "log" / "summary.html").read_text()


def test_it_goes_on_and_makes_anew_what_was_changed(songs, memory, threads, tmp_path):
    there = Url("memory://label/masters")

    def run():
        items = [Item(Url(f"memory://label/mixes/{name}"), name) for name in songs[1]]
        with Session(tmp_path, dask=threads.scheduler_address, masters=there) as session:
            return {row.target: row.is_new for row in masters(items, session)}

    assert set(run().values()) == {True}
    assert set(run().values()) == {False}
    memory.pipe_file("/label/mixes/a.wav", memory.cat_file("/label/mixes/disc 1/b.wav"))
    assert run() == {"a.wav": True, "disc 1/b.wav": False, "disc 1/c.wav": False}
    assert memory.cat_file("/label/masters/a.wav") == songs[1]["disc 1/b.wav"]
    memory.rm_file("/label/masters/disc 1/c.wav")
    assert run()["disc 1/c.wav"]


def test_what_was_not_made_here_stays(songs, memory, threads, tmp_path):
    memory.pipe_file("/label/masters/a.wav", b"somebody's")
    items = [Item(Url("memory://label/mixes/a.wav"), "a.wav")]
    with Session(tmp_path, dask=threads.scheduler_address, masters=Url("memory://label/masters")) as session:
        (row,) = masters(items, session)
    assert row.status == "failed" and "was not made here" in row.reason
    assert memory.cat_file("/label/masters/a.wav") == b"somebody's"


def test_processes_of_this_machine_take_urls_too(songs, tmp_path, capsys):
    """file:// is fsspec's as well: patterns, a master on the disk, one elsewhere, and what would be done."""
    url = f"file://{songs[0]}"
    assert main(["batch", f"{url}/disc*/*.wav", "-o", str(tmp_path / "here"), "--jobs", "1"]) == 0
    assert (tmp_path / "here" / "disc 1" / "b.wav").read_bytes() == songs[1]["disc 1/b.wav"]
    there = ["-o", f"file://{tmp_path}/there", "--journal", str(tmp_path / "log"), "--jobs", "1"]
    assert main(["batch", str(songs[0] / "a.wav"), *there]) == 0
    assert (tmp_path / "there" / "a.wav").read_bytes() == songs[1]["a.wav"]
    capsys.readouterr()
    assert main(["batch", str(songs[0] / "a.wav"), f"{url}/disc 1", *there, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "is done" in out and f"would master: {url}/disc 1/b.wav" in out and "2 to master, 1 done" in out


def test_songs_over_http_are_mastered_and_measured(songs, tmp_path):
    handler = functools.partial(_Quiet, directory=str(songs[0]))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        (row,) = batch([f"{url}/a.wav"], tmp_path / "out", jobs=1)
        answers = list(catalogue.analyzed([f"{url}/a.wav", f"{url}/none.wav"], jobs=1))
        server.shutdown()
    assert row.status == "done" and (tmp_path / "out" / "a.wav").read_bytes() == songs[1]["a.wav"]
    found = figures(songs[0] / "a.wav", profile.load("balanced"))
    named = {"file": f"{url}/a.wav", "r128_s1": {**found["r128_s1"], "programme": f"{url}/a.wav"}}
    assert answers[0].found == {**found, **named}
    assert answers[1].found is None and answers[1].reason.startswith(f"{url}/none.wav: no such file")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("memory://nowhere/x -o out", "no such file"),
        ("nonsense://a/b.wav -o out", "cannot be reached"),
        ("memory://a/b.wav -o memory://c", "a URL needs it"),
        ("a.wav -o out --journal log", "goes with a URL"),
        ("--album memory://a -o out", "need files of this machine"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    assert main(["batch", *words.split(), "--jobs", "1"]) in (1, 2)
    assert said in capsys.readouterr().err


def test_an_empty_folder_elsewhere_is_said(memory):
    memory.makedirs("/label/empty")
    with pytest.raises(UserError, match="no music there"):
        from rt_automix.batch import finding

        finding.sources(["memory://label/empty"])
