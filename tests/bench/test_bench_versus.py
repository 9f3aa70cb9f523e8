"""Two commits against each other: the trees, the turns and the table; what is measured is measured by the command."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from rich.progress import Progress

from bench.common import jackd
from bench.versus import command, files, inside, live, table, trees, turns
from bench.versus.trees import CannotRun, Tree

ROOT = Path(__file__).parents[2]
ROWS = (
    turns.Target("seconds", "a run", "s", True, 0.5, 0.25),
    turns.Target("share", "a share", "%", False, 2.0),
    turns.Target("note", "told only", "MB", True),
)


def _work_trees() -> list[str]:
    """Where they are; what is checked out in them may move meanwhile."""
    command = ["git", "worktree", "list", "--porcelain"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [line for line in said.splitlines() if line.startswith("worktree ")]


def test_both_trees_are_there_run_their_own_package_and_are_removed():
    before = _work_trees()
    with trees.pair("HEAD") as (old, new):
        assert (old.root / "pyproject.toml").is_file() and (new.root / "tests/bench/test_bench_versus.py").is_file()
        assert not (new.root / ".git").exists() and not list(new.root.rglob("__pycache__"))
        for tree in (old, new):
            said = tree.run(["-c", "import rt_automix; print(rt_automix.__file__)"]).said
            assert Path(said.strip()).parents[1] == tree.root
            tree.forget_bytecode()
            assert not list((tree.root / "rt_automix").rglob("__pycache__"))
        folder = old.root.parent
    assert not folder.exists()
    with pytest.raises(CannotRun, match=r"^nowhere: no commit that is here\. Give one"), trees.pair("nowhere"):
        pass
    assert _work_trees() == before


def test_a_commit_that_is_none_is_refused():
    run = subprocess.run([sys.executable, "-m", "bench", "versus", "nowhere"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 1 and "nowhere" in run.stderr and "Traceback" not in run.stderr


def test_a_commit_that_asks_for_more_than_there_is_gets_it_beside_what_there_is(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    asks = '[project]\ndependencies = ["numpy>=2", "nobodys_thing>=1", "other; python_version < \'3\'"]\n'
    (tmp_path / "pyproject.toml").write_text(asks, encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "nobodys_thing-1.0-py3-none-any.whl", "w") as wheel:
        about = "nobodys_thing-1.0.dist-info"
        wheel.writestr("nobodys_thing.py", "")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: nobodys_thing\nVersion: 1.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    python = trees.python_for(tmp_path, tmp_path / "with")
    subprocess.run([python, "-c", "import nobodys_thing, numpy"], check=True)
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["numpy>=2"]\n', encoding="utf-8")
    assert trees.python_for(tmp_path, tmp_path / "none") == Path(sys.executable)


def test_a_row_that_is_none_is_refused():
    run = subprocess.run(
        [sys.executable, "-m", "bench", "versus", "--rows", "luck"], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 2 and "luck" in run.stderr and ", ".join(command.PART_NAMES) in run.stderr


def test_what_measures_shares_no_library_with_what_is_measured():
    heavy = "numpy", "numba", "llvmlite", "onnxruntime", "matplotlib", "pedalboard"
    program = f"import sys, bench.versus.command; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_run_is_told_with_its_childrens_time_and_a_failure_with_its_words(tmp_path):
    tree = Tree("old", ROOT, tmp_path)
    child = "for _ in range(10 ** 7): pass"
    spent = tree.run(["-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}]); print('x')"])
    alone = tree.run(["-c", "print('x')"])
    assert spent.said == "x\n" and spent.processor_s > alone.processor_s + 0.05 and spent.wall_s > 0.0
    with pytest.raises(CannotRun, match=r"old: .*nothing works"):
        tree.run(["-c", "raise SystemExit('nothing works')"])


def _found(tmp_path, turn) -> turns.Found:
    old, new = (Tree(name, ROOT, tmp_path) for name in ("old", "new"))
    with Progress(disable=True) as progress:
        return turns.interleaved(turns.Part("some", turn, ROWS, 3, 1), old, new, 3, progress)


def test_turns_alternate_and_a_side_that_cannot_run_is_left_out_with_a_word(tmp_path):
    order = []

    def turn(tree):
        order.append(tree.name)
        if order == ["old", "new", "old", "new"]:
            raise CannotRun("out of luck")
        return {"seconds": 1.0}

    found = _found(tmp_path, turn)
    assert order == ["old", "new", "old", "new", "old"]
    assert len(found.old) == 3 and len(found.new) == 1
    assert found.notes == ["some, new: out of luck"]


def test_the_table_compares_pair_by_pair_and_says_what_is_reached(tmp_path, capsys):
    counts = {"old": 0, "new": 0}

    def turn(tree):
        counts[tree.name] += 1
        slow = counts[tree.name]  # the machine gets slower, for both
        return {"seconds": slow * (1.0 if tree.name == "old" else 0.4), "share": 3.0, "note": 10.0}

    found = _found(tmp_path, turn)
    parts = [turns.Part("some", turn, ROWS, 3, 1)]
    ratio, absolute, told = table.rows(parts, {"some": found})
    assert ratio["ratio"]["low"] == pytest.approx(0.4) == pytest.approx(ratio["ratio"]["high"])
    assert ratio["verdict"] == "reached" and told["verdict"] == ""
    assert absolute["verdict"] == "missed: 1.50 x the target"
    table.show(parts, {"some": found}, {"against": "0" * 40}, tmp_path)
    written = json.loads((tmp_path / "versus.json").read_text(encoding="utf-8"))["results"]
    assert len(written["rows"]) == 3 and written["turns"]["some"]["old"][2]["seconds"] == 3.0
    assert "| a run | 2 s" in (tmp_path / "versus.md").read_text(encoding="utf-8")
    assert np.ptp(matplotlib.image.imread(tmp_path / "versus.png")[..., :3]) > 0.5
    assert "missed" in capsys.readouterr().out


def test_every_target_of_the_engine_has_a_row():
    asked = [target.what for target in (*files.COLD, *files.WARM, *files.SONG, *inside.SUGGESTION, *inside.WORKER,
                                        *inside.CHAIN, *live.ROWS) if target.goal is not None]  # fmt: skip
    assert len(asked) == 12 and len(set(asked)) == 12


@pytest.mark.live
def test_the_feeder_plays_its_music_into_the_program_without_numpy(tmp_path):
    if jackd.is_missing("versus, live"):
        pytest.skip("there is no JACK server: sudo apt install jackd2 libportaudio2")
    import jack

    ramp = np.linspace(0.1, 0.9, 48_000, dtype=np.float32)
    np.stack([ramp, -ramp], axis=1).tofile(tmp_path / "ramp.f32")
    heard: list[np.ndarray] = []
    with jackd.running(256, synchronous=True) as server:
        client = jack.Client("rt_automix", no_start_server=True)
        ins = [client.inports.register(f"in_{k + 1}") for k in range(2)]
        client.set_process_callback(lambda frames: heard.append(np.stack([port.get_array() for port in ins]).copy()))
        with client:
            command = [
                sys.executable,
                str(Path(live.__file__).parent / "drivers/feeder.py"),
                str(tmp_path / "ramp.f32"),
            ]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            feeder = subprocess.Popen(command, env=server.environment, **pipes)
            try:
                assert feeder.stdout.readline() == b"connected\n"
                before = len(heard)
                while len(heard) < before + 100:
                    time.sleep(0.01)
                maps = Path(f"/proc/{feeder.pid}/maps").read_text(encoding="ascii")
            finally:
                feeder.communicate()
    audio = np.concatenate(heard, axis=1)
    played = audio[:, (audio != 0.0).all(axis=0)]  # one side is connected before the other
    assert played.shape[1] > 10_000 and np.array_equal(played[0], -played[1])
    steps = np.diff(played[0])
    assert np.median(steps) == pytest.approx(0.8 / 47_999, rel=0.01)
    assert "numpy" not in maps
