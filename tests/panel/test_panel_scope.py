"""What the panel draws of the sound, against closed forms and the slow ways to measure the same."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rt_automix import params
from rt_automix.analysis.aim import profile
from rt_automix.dsp.tone import equalizer, fine
from rt_automix.io.devices.edge.board import TAKE_SAMPLES, WRITTEN, Board
from rt_automix.panel import scope
from rt_automix.panel.scope import BANDS_HZ, EDGES_HZ, WINDOW_SAMPLES, Scope

RATE_HZ = 48_000


def status(state="playing", fine_gains_db=(0.0,) * 31, **applied):
    meters = {"applied": params.to_dict(params.NEUTRAL) | applied, "fine_gains_db": fine_gains_db}
    return {"state": state, "sample_rate_hz": RATE_HZ, "profile": "p", "meters": meters}


class Studio:
    """A board whose rings are filled as the callbacks do, and a scope on it."""

    def __init__(self, start=0, style=None):
        board = Board()
        self.rings, self.stats = board.takes.reshape(2, 2, TAKE_SAMPLES), board.stats
        self.stats[WRITTEN] = start
        self.scope = Scope(board, lambda name: style)

    def play(self, came_in, went_out=None):
        """Stereo samples, shape (2, n)."""
        n = came_in.shape[1]
        places = (self.stats[WRITTEN] + np.arange(n)) % TAKE_SAMPLES
        self.rings[0][:, places] = came_in
        self.rings[1][:, places] = came_in if went_out is None else went_out
        self.stats[WRITTEN] += n

    def settle(self, came_in, went_out=None):
        """Play long enough for the means to settle; what is drawn."""
        for _ in range(60):
            self.play(came_in, went_out)
            drawn = self.scope.read(status())
        return drawn


def sine(frequency_hz, n=WINDOW_SAMPLES, level=0.5):
    return level * np.sin(2 * np.pi * frequency_hz / RATE_HZ * np.arange(n))


@pytest.mark.parametrize("bin_number", [20, 85, 300, 1200])
def test_a_sine_has_its_power_in_its_band(bin_number):
    frequency_hz = bin_number * RATE_HZ / WINDOW_SAMPLES
    left = sine(frequency_hz)
    drawn = Studio().settle(np.stack([left, left]))
    powers = 10.0 ** (np.array(drawn["out_db"]) / 10.0)
    assert BANDS_HZ[powers.argmax()] == pytest.approx(frequency_hz, rel=0.08)
    assert 10 * math.log10(powers.sum()) == pytest.approx(10 * math.log10(0.125), abs=0.1)
    assert drawn["in_db"] == drawn["out_db"]


def test_kick_and_bass_are_two_lines_and_an_even_spectrum_has_no_step_where_bands_widen():
    both = sine(55.0, 8 * WINDOW_SAMPLES) + sine(75.0, 8 * WINDOW_SAMPLES)
    levels_db = np.array(Studio().settle(np.stack([both, both]))["out_db"])
    one, other = (int(np.abs(BANDS_HZ - frequency_hz).argmin()) for frequency_hz in (55.0, 75.0))
    assert levels_db[one] == pytest.approx(levels_db[other], abs=3.0) and levels_db.max() < levels_db[other] + 1.0
    assert levels_db[one : other + 1].min() < min(levels_db[one], levels_db[other]) - 12.0
    pink = np.random.default_rng(4).standard_normal(1 << 20)
    spectrum = np.fft.rfft(pink)
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    pink = 0.1 * np.fft.irfft(spectrum) / np.fft.irfft(spectrum).std()
    studio = Studio()
    mean = np.zeros(len(BANDS_HZ))
    for piece in pink.reshape(-1, 1, 8 * WINDOW_SAMPLES):
        studio.play(np.repeat(piece, 2, 0))
        mean += 10.0 ** (np.array(studio.scope.read(status())["out_db"]) / 10.0)
    bass, rest = (10 * np.log10(mean[which].mean()) for which in ((BANDS_HZ > 60) & (BANDS_HZ < 200), BANDS_HZ > 210))
    assert bass == pytest.approx(rest, abs=1.0)


def test_noise_has_the_power_of_each_band_s_width():
    noise = 0.1 * np.random.default_rng(3).standard_normal((1, 1, 1 << 18))
    pieces = noise.reshape(-1, 1, WINDOW_SAMPLES).astype(np.float32)
    measured = scope.band_powers(pieces, RATE_HZ).mean(axis=0)
    expected = 0.01 * np.diff(EDGES_HZ) / (RATE_HZ / 2)
    wide = BANDS_HZ > 400.0
    assert np.abs(10 * np.log10(measured / expected))[wide].max() < 0.5
    assert measured.sum() == pytest.approx(expected.sum(), rel=0.05)


def test_bands_beyond_half_the_rate_are_empty_and_nothing_is_lost_below():
    drawn = Studio().settle(np.zeros((2, WINDOW_SAMPLES)))
    assert set(drawn["out_db"]) == {scope.FLOOR_DB} and drawn["correlation"] == 1.0 and drawn["width_db"] == 0.0
    powers = scope.band_powers(np.ones((1, 1, WINDOW_SAMPLES), np.float32), 32_000)
    assert powers[0, BANDS_HZ > 17_000].max() < 1e-9


@pytest.mark.parametrize(
    ("right_of", "correlation", "width_db"),
    [(lambda x: x, 1.0, -60.0), (lambda x: -x, -1.0, 60.0), (lambda x: 0 * x, 1.0, 0.0),
     (lambda x: np.roll(x, len(x) // 300 // 4), 0.0, 0.0), (lambda x: 0.5 * x, 1.0, 20 * math.log10(0.5 / 1.5))],
)  # fmt: skip
def test_correlation_and_width(right_of, correlation, width_db):
    left = sine(300 * RATE_HZ / 4800, 4800)  # a whole number of periods, each of 16 samples
    drawn = Studio().settle(np.stack([left, right_of(left)]))
    assert drawn["correlation"] == pytest.approx(correlation, abs=0.03)
    assert drawn["width_db"] == pytest.approx(width_db, abs=0.2)


@pytest.mark.parametrize("start", [0, TAKE_SAMPLES - 700, 5 * TAKE_SAMPLES - 1])
def test_clips_are_counted_once_each_across_the_ring_s_end(start):
    studio = Studio(start)
    came_in, went_out = np.zeros((2, 1000)), np.zeros((2, 1000))
    came_in[0, [0, 650, 999]] = 1.0, -0.9995, 0.9985
    went_out[1, [5, 750]] = -0.9, np.float32(10 ** (-1.0 / 20))
    for _ in range(3):
        studio.play(came_in, went_out)
        studio.scope.count(ceiling_dbtp=-1.0)
        studio.scope.count(ceiling_dbtp=-1.0)
    drawn = studio.scope.read(status())
    assert (drawn["clips_in"], drawn["clips_out"], drawn["in_peak_dbfs"]) == (6, 6, 0.0)


def test_a_pause_longer_than_the_ring_and_samples_that_are_no_numbers_do_no_harm():
    studio = Studio()
    studio.stats[WRITTEN] += 10 * TAKE_SAMPLES
    studio.scope.count(-1.0)
    studio.play(np.full((2, WINDOW_SAMPLES), np.nan))
    studio.scope.count(-1.0)
    drawn = studio.scope.read(status())
    assert drawn["clips_in"] == 0 and np.isfinite(drawn["out_db"]).all()


def test_what_does_not_play_is_silent():
    studio = Studio()
    assert max(studio.settle(np.stack([sine(1000.0)] * 2))["out_db"]) > -20.0
    drawn = studio.scope.read(status("lost"))
    assert set(drawn["out_db"]) == {scope.FLOOR_DB} and drawn["in_peak_dbfs"] == scope.FLOOR_DB


def test_the_curve_of_the_equaliser_is_its_own():
    bands = sorted((*scope.SHELVES, *scope.BELLS), key=lambda band: band[1])
    names, centres_hz = zip(*bands, strict=True)
    assert centres_hz == tuple(centre_hz for _, centre_hz in equalizer.BANDS)
    assert [kind for kind, _ in equalizer.BANDS] == [0, 1, 1, 1, 2], "shelves outside, bells between"
    for gains_db in (np.zeros(5), np.full(5, 6.0), *np.random.default_rng(5).uniform(-6, 6, (5, 5))):
        ours = scope.eq_db(dict(zip(names, gains_db, strict=True)))
        assert np.abs(ours - equalizer.analog_magnitude_db(gains_db, BANDS_HZ)).max() < 1e-9


def test_what_the_equaliser_does_is_five_bands_and_the_fine_ones():
    gains_db = tuple(np.linspace(-3.0, 3.0, 31))
    drawn = Studio().scope.read(status(fine_gains_db=gains_db, air_db=2.0))
    exact_db = fine.magnitude_db(gains_db, BANDS_HZ, RATE_HZ)
    five_db = scope.eq_db({**params.to_dict(params.NEUTRAL), "air_db": 2.0})
    assert np.abs(np.array(drawn["fine_db"]) - exact_db).max() <= 0.051
    assert np.abs(np.array(drawn["eq_db"]) - five_db - exact_db).max() <= 0.051
    assert not any(Studio().scope.read(status())["fine_db"])


def test_a_profile_lies_over_the_spectrum_of_what_it_was_measured_from():
    white = np.fft.rfft(np.random.default_rng(7).standard_normal((2, 10 * RATE_HZ)))
    shape = (1.0 + np.arange(white.shape[1]) / 2000.0) ** -0.6
    song = np.fft.irfft(white * shape).astype(np.float32)
    song *= 0.1 / song.std()
    style = profile.measure([song], RATE_HZ, 2, "noise")
    studio = Studio(style=style)
    for start in range(0, song.shape[1] - 2400, 2400):
        studio.play(song[:, start : start + 2400])
        drawn = studio.scope.read(status())
    difference_db = np.array(drawn["profile_db"]) - np.array(drawn["out_db"])
    inside = (BANDS_HZ > 150.0) & (BANDS_HZ < 15_000.0)
    assert abs(np.median(difference_db[inside])) < 1.0
    assert np.abs(difference_db[inside]).max() < 2.5
    assert studio.scope.read(status())["profile_db"] is not None and Studio().scope.read(status())["profile_db"] is None
