"""The built-in demo song: written, played and (badly) mixed by the code below.

It needs no file and nobody's licence, and gives mastering something to do: the mix is too quiet,
muddy around 250 Hz, dull on top, narrow, its melody is buried, and its chorus leaps far above its intro.

Reading order: the score, the mixing desk, `render_song`. The instruments are in `instruments.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rt_automix.demo import instruments as band
from rt_automix.demo.instruments import Sound, pitch_hz
from rt_automix.units import lin_from_db

# The score: D minor, 96 beats a minute, swung sixteenths ------------------------------------------

TEMPO_BPM = 96.0
STEPS_PER_BAR = 16
STEP_S = 60.0 / TEMPO_BPM / 4.0
SWING_STEPS = 0.18  # how late every second sixteenth comes
TAIL_S = 1.5  # the last chord rings out

CHORDS = {  # bass note, then the right hand
    "Dm9": ("D2", "F3 C4 E4 A4"),
    "Bbmaj7": ("Bb1", "F3 D4 A4 C5"),
    "Gm9": ("G1", "F3 Bb3 D4 A4"),
    "A7": ("A1", "G3 C#4 E4 A4"),
    "C9": ("C2", "E3 Bb3 D4 G4"),
    "Am7": ("A1", "E3 G3 C4 G4"),
}

# One character is a sixteenth: X loud, x soft, o open hat, R 5 8 root, fifth and octave of the chord.
DRUMS = {
    "none": {},
    "pulse": {"hat": "..x...x...x...x."},
    "verse": {"kick": "X.....x...X.....", "snare": "....x.......x...", "hat": "x.X.x.X.x.X.x.Xx"},
    "chorus": {"kick": "X..x..X...X..x..", "snare": "....X.......X..x", "hat": "XxXxXxXxXxXxXxXo"},
    "break": {"kick": "X...............", "snare": "............x.xx", "hat": "x...x...x...x..."},
}
BASS = {
    "none": "................",
    "long": "R...............",
    "verse": "R.....R...R.5...",
    "chorus": "R..R..8.R.R.8.5.",
}
KEYS = {"halves": "x.......x.......", "verse": "x.....x...x.....", "chorus": "x..x..x...x..x.."}

# Note and length in sixteenths; "-" rests; "|" is only for the eye.
MELODY = {
    "none": "",
    "verse": "-:4 A4:2 C5:2 D5:8 | -:4 D5:2 C5:2 A4:8 | -:4 Bb4:2 D5:2 F5:4 D5:4 | E5:4 C#5:4 A4:8",
    "hook": "A4:2 D5:2 F5:6 E5:2 D5:4 | E5:6 G5:2 E5:4 C5:4 | C5:2 E5:2 G5:6 F5:2 E5:4 | F5:2 E5:2 D5:12",
    "hook, up": "A4:2 D5:2 F5:6 E5:2 D5:4 | E5:6 G5:2 E5:4 C5:4 | C5:2 E5:2 G5:6 F5:2 E5:4 | F5:2 G5:2 A5:12",
    "farewell": "-:4 A4:2 D5:2 F5:6 E5:2 | D5:16",
}


@dataclass(frozen=True)
class Section:
    """A part of the song: one chord a bar, and what each player does meanwhile."""

    name: str
    chords: str
    drums: str
    bass: str
    keys: str
    melody: str
    pad: bool
    crash: bool
    energy_db: float  # how hard everybody plays

    @property
    def bars(self) -> int:
        return len(self.chords.split())


SONG = (
    Section("intro", "Dm9 Bbmaj7", "pulse", "none", "halves", "none", False, False, -0.5),
    Section("verse", "Dm9 Bbmaj7 Gm9 A7", "verse", "verse", "verse", "verse", False, False, -2.0),
    Section("chorus", "Bbmaj7 C9 Am7 Dm9", "chorus", "chorus", "chorus", "hook", True, True, 0.0),
    Section("break", "Gm9 A7", "break", "long", "verse", "none", False, True, -2.0),
    Section("last chorus", "Bbmaj7 C9 Am7 Dm9", "chorus", "chorus", "chorus", "hook, up", True, True, 1.0),
    Section("outro", "Bbmaj7 Dm9", "none", "long", "halves", "farewell", False, True, -2.0),
)

# The mixing desk --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Strip:
    """One fader: level, place (-1 left .. 1 right) and how much goes to the room."""

    level_db: float
    pan: float
    room_db: float


DESK = {
    "kick": Strip(-2.0, 0.0, -26.0),
    "snare": Strip(-4.0, 0.1, -8.0),
    "hat": Strip(-6.0, 0.5, -16.0),
    "crash": Strip(-7.0, -0.5, -8.0),
    "bass": Strip(-7.0, 0.0, -36.0),
    "keys": Strip(-17.0, -0.35, -5.0),
    "pad left": Strip(-16.0, -0.9, -4.0),
    "pad right": Strip(-16.0, 0.9, -4.0),
    "lead": Strip(-20.0, 0.1, -4.0),  # buried
    "echo": Strip(-30.0, 0.7, -4.0),
}
MUD_DB, MUD_HZ, MUD_OCTAVES = 6.0, 240.0, 0.5
DULL_DB, DULL_HZ = -6.0, 4000.0
SIDE_DB = -7.0
PEAK_DBFS = -12.0
ROOM_S = 1.3
ECHO_STEPS = 6


class _Tape:
    """Left, right and room-send tracks on which the players' notes are laid."""

    def __init__(self, sample_rate_hz: int, seconds: float) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.tracks = np.zeros((3, round(seconds * sample_rate_hz)), dtype=np.float32)

    def lay(self, strip_name: str, sound: Sound, start_s: float, velocity: float = 1.0) -> None:
        """Add a sound through a strip of the desk, panned at constant power."""
        strip = DESK[strip_name]
        start = max(0, int(start_s * self.sample_rate_hz))
        sound = sound[: self.tracks.shape[1] - start]
        level_lin = velocity * lin_from_db(strip.level_db)
        angle = (strip.pan + 1.0) * np.pi / 4.0
        gains = np.array([np.cos(angle), np.sin(angle), lin_from_db(strip.room_db)]) * level_lin
        for track, gain_lin in zip(self.tracks, gains.astype(np.float32), strict=True):
            track[start : start + sound.size] += gain_lin * sound


def _when_s(step: int) -> float:
    """When a sixteenth of the song sounds, in seconds."""
    return (step + SWING_STEPS * (step % 2)) * STEP_S


def _hits(pattern: str) -> list[tuple[int, str, int]]:
    """(step, character, sixteenths until the next hit) of a pattern."""
    steps = [step for step, mark in enumerate(pattern) if mark != "."]
    return [(step, pattern[step], after - step) for step, after in pairwise([*steps, len(pattern)])]


# The players ------------------------------------------------------------------------------------


def _play_drums(tape: _Tape, section: Section, first_step: int, velocity: float, rng: np.random.Generator) -> None:
    rate_hz = tape.sample_rate_hz
    makers = {"kick": band.kick, "snare": band.snare, "hat": band.hat}
    for name, pattern in DRUMS[section.drums].items():
        sounds = {mark: makers[name](rate_hz, rng) for mark in "Xx"}
        sounds["o"] = band.hat(rate_hz, rng, tau_s=0.12)
        for bar in range(section.bars):
            for step, mark, _ in _hits(pattern):
                loudness = (0.55 if mark == "x" else 1.0) * rng.uniform(0.85, 1.0)
                when_s = _when_s(first_step + bar * STEPS_PER_BAR + step) + rng.uniform(0.0, 0.004)
                tape.lay(name, sounds[mark], when_s, velocity * loudness)
    if section.crash:
        tape.lay("crash", band.crash(rate_hz, rng), _when_s(first_step), velocity)


def _play_chords(tape: _Tape, section: Section, first_step: int, velocity: float) -> None:
    """Bass, electric piano and, in a chorus, the pads: everyone who follows the chords."""
    rate_hz = tape.sample_rate_hz
    for bar, chord in enumerate(section.chords.split()):
        ring_s = TAIL_S if section is SONG[-1] and bar == section.bars - 1 else 0.0
        bar_step = first_step + bar * STEPS_PER_BAR
        root, right_hand = CHORDS[chord]
        for step, mark, length in _hits(BASS[section.bass]):
            interval = {"R": 1.0, "5": 1.5, "8": 2.0}[mark]
            note = band.bass(rate_hz, pitch_hz(root) * interval, length * STEP_S + ring_s)
            tape.lay("bass", note, _when_s(bar_step + step), velocity)
        for step, _, length in _hits(KEYS[section.keys]):
            for finger, name in enumerate(right_hand.split()):
                note = band.electric_piano(rate_hz, pitch_hz(name), length * STEP_S + 0.1 + ring_s, velocity)
                tape.lay("keys", note, _when_s(bar_step + step) + 0.006 * finger, velocity)
        if section.pad:
            for name in right_hand.split():
                for side, detune in (("pad left", 0.998), ("pad right", 1.002)):
                    note = band.saw_pad(rate_hz, pitch_hz(name) * detune, STEPS_PER_BAR * STEP_S + 0.2)
                    tape.lay(side, note, _when_s(bar_step), velocity)


def _play_melody(tape: _Tape, section: Section, first_step: int, velocity: float) -> None:
    step = first_step
    for event in MELODY[section.melody].replace("|", " ").split():
        name, length = event.split(":")
        if name != "-":
            note = band.lead(tape.sample_rate_hz, pitch_hz(name), int(length) * STEP_S)
            tape.lay("lead", note, _when_s(step), velocity)
            tape.lay("echo", note, _when_s(step) + ECHO_STEPS * STEP_S, velocity)
        step += int(length)


def _mix_down(tape: _Tape, impulse: Sound) -> NDArray[np.float32]:
    """Room, the mix's faults and the level: everything linear, so done at once on the spectrum."""
    samples = tape.tracks.shape[1]
    size = -(-(samples + impulse.shape[1]) // 65536) * 65536  # a length that the FFT likes
    spectra = np.fft.rfft(tape.tracks, size)
    wet = spectra[:2] + spectra[2] * np.fft.rfft(impulse, size)
    frequency_hz = np.fft.rfftfreq(size, 1.0 / tape.sample_rate_hz)[1:]
    mud = np.exp(-0.5 * np.log2(frequency_hz / MUD_HZ) ** 2 / MUD_OCTAVES**2)
    dull = 1.0 / (1.0 + (DULL_HZ / frequency_hz) ** 2)
    wet[:, 1:] *= 10.0 ** ((MUD_DB * mud + DULL_DB * dull) / 20.0)
    mid, side = wet[0] + wet[1], (wet[0] - wet[1]) * lin_from_db(SIDE_DB)
    stereo = np.fft.irfft(np.stack([mid + side, mid - side]), size)[:, :samples]
    return np.ascontiguousarray(stereo * (lin_from_db(PEAK_DBFS) / np.abs(stereo).max()), dtype=np.float32)


def section_starts_s() -> dict[str, float]:
    """Where each section of the song begins, in seconds, in order of playing."""
    starts: dict[str, float] = {}
    step = 0
    for section in SONG:
        starts[section.name] = _when_s(step)
        step += section.bars * STEPS_PER_BAR
    return starts


def render_song(sample_rate_hz: int = 48000) -> NDArray[np.float32]:
    """Play the demo song.

    Parameters
    ----------
    sample_rate_hz : int
        Any usual rate; the music is the same at each.

    Returns
    -------
    float32 array, shape (2, samples)
        46.5 s, peak -12 dBFS; the same samples at every call.

    Thread: main. Allocates: yes.
    """
    rng = np.random.default_rng(96)
    bars = sum(section.bars for section in SONG)
    tape = _Tape(sample_rate_hz, bars * STEPS_PER_BAR * STEP_S + TAIL_S)
    first_step = 0
    for section in SONG:
        velocity = lin_from_db(section.energy_db)
        _play_drums(tape, section, first_step, velocity, rng)
        _play_chords(tape, section, first_step, velocity)
        _play_melody(tape, section, first_step, velocity)
        first_step += section.bars * STEPS_PER_BAR
    return _mix_down(tape, band.room_impulse(sample_rate_hz, ROOM_S, rng))
