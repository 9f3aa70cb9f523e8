"""Labelling: every shard is what the contract says, the same again, and goes on where it was stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from demosong import demo_song

from rt_automix import params
from rt_automix.analysis.bundles import context
from rt_automix.analysis.hearing.listener import Listener
from training.labels import label
from training.labels import shards as examples
from training.music import corpus

PLAN = examples.Plan(variants=1, profiles=2, starts=2, sampled=3, hard=1.0)
PLANS = dict.fromkeys(corpus.USES, PLAN)


def album_for(use):
    """A name that is dealt out to this use."""
    names = (f"album {k}" for k in range(1000))
    return next(name for name in names if corpus.use_by_hash(name) == use)


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    folder = tmp_path_factory.mktemp("music")
    song = demo_song(44_100)[:, : 60 * 44_100]
    for k, use in enumerate(corpus.USES):
        album = folder / album_for(use)
        album.mkdir()
        for title in ("one", "two") if use == "train" else ("one",):
            soundfile.write(album / f"{title}.wav", song.T * (0.9 - 0.2 * k), 44_100)
    return folder


@pytest.fixture(scope="module")
def made(music, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    label.label(music, folder, PLANS, workers=1)
    return folder


def shards(folder):
    return sorted(path.relative_to(folder) for path in folder.glob("*/*.npz"))


def test_a_shard_holds_what_training_reads(made):
    assert len(shards(made)) == 4
    for path in shards(made):
        with np.load(made / path) as shard:
            count = len(shard["context"])
            assert count > 0
            assert shard["windows"].shape[1:] == context.WINDOW_SHAPE
            assert shard["context"].shape == (count, context.SIZE)
            assert shard["window_of"].max() == len(shard["windows"]) - 1
            assert np.isfinite(shard["context"]).all() and np.isfinite(shard["windows"]).all()
            for name in ("heard", "song"):
                known = shard[name][~np.isnan(shard[name][:, 0])]
                assert known.shape[1] == params.COUNT
                assert known.min() >= 0.0 and known.max() <= 1.0
            # What statistics have begun to forget has no answer of its own.
            assert np.isnan(shard["heard"][shard["seconds"] > examples.HEARD_UP_TO_S]).all()
            assert not np.isnan(shard["heard"][shard["seconds"] <= examples.HEARD_UP_TO_S]).any()


def test_what_is_missing_is_made_again_just_as_it_was(music, made):
    victim = made / shards(made)[0]
    before = victim.read_bytes()
    victim.unlink()
    others = {path: (made / path).stat().st_mtime_ns for path in shards(made)}
    label.label(music, made, PLANS, workers=1)
    assert victim.read_bytes() == before
    assert {path: (made / path).stat().st_mtime_ns for path in others} == others


def test_a_window_is_what_a_listener_that_joined_then_has(made):
    songs = corpus.read_split(made / "split.json")
    job = next(job for job in examples.jobs(songs, made, PLANS) if job.song.use == "test")
    audio = examples.damaged(job)
    with np.load(job.shard) as shard:
        for example in (0, len(shard["context"]) - 1):
            start = int(shard["start_frame"][example])
            frames = round(float(shard["seconds"][example]) / examples.HOP_S)
            listener = Listener(44_100, 2)
            listener.push(np.ascontiguousarray(audio[:, start * examples.HOP : (start + frames + 1) * examples.HOP]))
            loudness_lufs = listener.statistics.loudness_lufs
            window = context.window(listener.window, loudness_lufs).astype(np.float16)
            assert np.abs(window - shard["windows"][shard["window_of"][example]]).max() < 0.05


def test_a_dask_cluster_makes_the_same(music, made, tmp_path):
    distributed = pytest.importorskip("dask.distributed", reason="Dask is not installed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        label.label(music, tmp_path, PLANS, workers=1, dask=cluster.scheduler_address)
    assert shards(tmp_path) == shards(made)
    for path in shards(made):
        assert (tmp_path / path).read_bytes() == (made / path).read_bytes()


POOL = """
import os, signal, sys, time
from training.pool import processes
if __name__ == "__main__":
    with processes(2, os.write, (1, b"begun\\n")) as pool:
        jobs = [pool.submit(time.sleep, 45.0) for _ in range(8)]
        time.sleep(0.1)
        os.kill(os.getpid(), int(sys.argv[1]))
        jobs[-1].result()
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_who_started_it(how):
    command = [sys.executable, "-c", POOL, str(int(how))]
    # The workers hold the pipe, too: it ends with the last of them, and not for ever if one stays.
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=40.0)
    assert ended.returncode != 0
