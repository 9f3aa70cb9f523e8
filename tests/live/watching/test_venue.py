"""Sound levels of a venue: what a night adds up to, a cap that is kept, and the real thing."""

import csv
import os
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from liverun import LiveRun

from rt_automix.cli import main
from rt_automix.dsp.loudness import spl
from rt_automix.live.watching.venue import MOST_LU, Exposure

pytestmark = pytest.mark.live

RATE_HZ = 48_000
CAP_DB = 100.0


def energy(level_db):
    return 10.0 ** ((level_db - 110.0) / 10.0)


def night(levels_db, cap_db=CAP_DB, obeys=1.0):
    """The figures of each second where the sound follows `lowered_lu` within some seconds, as the rider has it."""
    exposure, follows, found = Exposure(110.0, cap_db), 0.0, []
    for level_db in levels_db:
        follows += 0.3 * (obeys * exposure.lowered_lu - follows)
        exposure.add(energy(level_db - follows), energy(level_db + 6.0 - follows))
        found.append(exposure.figures())
    return {name: np.array([one[name] for one in found]) for name in found[0]}


def test_levels_are_means_of_energy_over_each_span():
    found = night([90.0] * 900 + [80.0] * 900, cap_db=None)
    assert found["laeq_1s_db"][0] == pytest.approx(90.0) and found["lceq_1s_db"][0] == pytest.approx(96.0)
    assert found["laeq_15min_db"][1349] == pytest.approx(10.0 * np.log10(0.5 * (1e9 + 1e8)), abs=1e-6)
    assert found["laeq_15min_db"][-1] == pytest.approx(80.0, abs=1e-6)
    assert found["laeq_night_db"][-1] == pytest.approx(10.0 * np.log10(0.5 * (1e9 + 1e8)), abs=1e-6)
    assert not found["lowered_lu"].any()


@pytest.mark.parametrize("level_db", [100.5, 103.0, 108.0])
def test_a_cap_is_kept_slowly_and_let_go_slowly(level_db):
    quiet = [90.0] * 900
    found = night(quiet + [level_db] * 2400 + [88.0] * 1200)
    assert found["laeq_15min_db"].max() < CAP_DB + 0.1
    assert found["laeq_15min_db"][2700:3300].min() > CAP_DB - 0.6  # and no more is taken away than must be
    steps = np.diff(found["lowered_lu"])
    assert steps.min() >= -0.02 - 1e-9 and steps.max() <= 0.05 + 1e-9
    assert found["lowered_lu"][-1] == 0.0


def test_loud_breaks_are_paid_for_by_what_was_quiet_before():
    """The mean is what is capped: three minutes at 104 after a quarter of an hour at 95 are nearly all theirs."""
    found = night([95.0] * 900 + [104.0] * 180 + [95.0] * 300)
    assert found["laeq_15min_db"].max() < CAP_DB
    assert found["lowered_lu"].max() < 3.0


def test_what_does_not_obey_is_lowered_no_further_than_there_is():
    assert night([115.0] * 1500, obeys=0.0)["lowered_lu"].max() <= MOST_LU


def test_a_session_says_what_its_take_measures_and_turns_itself_down(tmp_path):
    rng = np.random.default_rng(5)
    song = tmp_path / "song.wav"
    soundfile.write(song, 0.1 * rng.standard_normal((5 * RATE_HZ, 2)), RATE_HZ, subtype="FLOAT")
    config = tmp_path / "venue.toml"
    config.write_text("[venue]\nspl_calibration_db = 120.0\nmax_laeq_db = 90.0\n[master]\ntarget_lufs = -14.0\n")
    take = tmp_path / "take.wav"
    options = ["--config", str(config), "--play", str(song), "--log", str(tmp_path / "loud.csv"), "--record", str(take)]
    with LiveRun(SimpleNamespace(environment=dict(os.environ)), tmp_path / "state", *options) as run:
        run.wait_until_playing()
        run.wait_for(lambda run: run.status.get("venue", {}).get("seconds", 0) >= 8)
        run.wait_for(lambda run: run.status["venue"]["lowered_lu"] > 0.3)
        told = run.status["venue"]
        assert run.status["controls"]["target_lufs"] == -14.0  # what the user wants stays as it is said
    (log,) = tmp_path.glob("loud-spl-*.csv")
    lines = list(csv.DictReader(log.read_text().splitlines()))
    assert len(lines) >= 6 and float(lines[-1]["laeq_night_db"]) == pytest.approx(told["laeq_night_db"], abs=0.5)
    sound = np.ascontiguousarray(soundfile.read(take, dtype="float32")[0].T)
    state = spl.new_state(RATE_HZ)
    spl.accumulate(state, sound[0], sound[1])
    whole_db = 120.0 + 10.0 * np.log10(state[spl.A_ENERGY] / sound.shape[1])
    assert float(lines[-1]["laeq_night_db"]) == pytest.approx(whole_db, abs=0.5)


def test_a_cap_without_a_calibration_is_refused(tmp_path, capsys):
    config = tmp_path / "venue.toml"
    config.write_text("[venue]\nmax_laeq_db = 90.0\n")
    assert main(["live", "--config", str(config), "--play", "no.wav"]) == 2
    assert "spl_calibration_db" in capsys.readouterr().err
