"""Where everything lies in the plain arrays of what listens.

Offsets are plain integers fixed at import: compiled code sees them as literals. In each array first
comes what is remembered, up to its `..._MEMORY`; then tables, which depend on the sample rate only;
then room to work in. Statistics are a stretch of their own, at any place.
"""

from __future__ import annotations

from rt_automix import params
from rt_automix.analysis.features import MEL_BANDS, ROWS, hop_samples
from rt_automix.analysis.tone import LEVELS_LUFS, TONE_BANDS, VECTOR_SIZE
from rt_automix.dsp.tone import fine
from rt_automix.dsp.vectors import fft

FINE_POINTS = fine.POINT_COUNT
"""Points of the fine spectrum: `dsp.tone.fine.POINTS_HZ`."""

FINE_BANDS = fine.BAND_COUNT
"""Bands of the fine layer: `dsp.tone.fine.CENTRES_HZ`."""

BLOCK_FRAMES = 4
"""Four hops are nearly the 400 ms of BS.1770's gating blocks."""

LEVELS = LEVELS_LUFS.size


class Region:
    """Hands out consecutive stretches of one array."""

    def __init__(self) -> None:
        self.size = 0

    def take(self, count: int) -> int:
        """Where a new stretch of `count` begins."""
        start = self.size
        self.size += count
        return start


# Statistics of a programme: a stretch of float64 that holds nothing but numbers, counts included.
_statistics = Region()
MEMORY_FRAMES = _statistics.take(1)
"""How long the means remember; infinite where all weighs alike."""
PAUSE_FRAMES = _statistics.take(1)
"""Frames without music since the last with."""
SOUND_FRAMES = _statistics.take(1)
"""Frames that were no silence, as far as they weigh."""
HEARD_FRAMES = _statistics.take(1)
"""Frames of music, all that ever were."""
MUSIC_FRAMES = _statistics.take(1)
"""Frames of music, as far as they weigh."""
RUNNING_ENERGY = _statistics.take(1)
"""K-weighted mean square of the last ten seconds."""
ENERGY = _statistics.take(1)
"""Means of the frames' K-weighted mean square, and of its square."""
ENERGY_SQUARED = _statistics.take(1)
PEAK_POWER = _statistics.take(1)
RECENT_COUNT = _statistics.take(1)
"""How many of the recent energies there are; the newest is the last."""
RECENT_ENERGIES = _statistics.take(BLOCK_FRAMES)
BLOCK_SHARES = _statistics.take(LEVELS)
"""Share of the gating blocks at each of LEVELS_LUFS."""
LEVEL_SHARES = _statistics.take(LEVELS)
"""Share of the music's frames at each of LEVELS_LUFS."""
MEL_POWER = _statistics.take(2 * MEL_BANDS)
"""Mean power per mel band of mid, then of side."""
NOW_POWER = _statistics.take(2 * MEL_BANDS)
"""The last frame's."""
FINE_POWER = _statistics.take(2 * FINE_POINTS)
"""Mean power in a third of an octave around each point of the fine spectrum, of mid, then of side."""

# Of these, the texture: how levels of tone bands, and the loudness behind them, spread and move. See `texture`.
TEXTURE_LAGS = (1, 2, 4, 8, 16, 32)
TEXTURE_CHANNELS = TONE_BANDS + 1
TEXTURE_RING = TEXTURE_LAGS[-1] + 1
_texture = Region()
T_FRAMES, T_NEXT = _texture.take(1), _texture.take(1)
"""Frames that count; where the next one goes in the ring of those before."""
T_MEANS, T_LEANS = _texture.take(TEXTURE_CHANNELS), _texture.take(TEXTURE_CHANNELS)
"""Mean level; mean cube of how far it is from that."""
T_TOGETHER = _texture.take(TEXTURE_CHANNELS * (TEXTURE_CHANNELS + 1) // 2)
"""Covariances of levels, the lower half by rows."""
T_CHANGES = _texture.take(len(TEXTURE_LAGS) * TEXTURE_CHANNELS)
"""Mean square of the change over each lag."""
T_RISES, T_STEPS = _texture.take(TEXTURE_CHANNELS), _texture.take(TEXTURE_CHANNELS)
"""Mean square of the rises from frame to frame; mean of the changes without their sign."""
T_WIDTHS, T_WIDTH_SPREADS, T_WIDTH_LEVELS = (_texture.take(TONE_BANDS) for _ in range(3))
"""Side over mid: mean, variance, covariance with the level."""
T_LEVELS, T_NOW_WIDTHS = _texture.take(TEXTURE_CHANNELS), _texture.take(TONE_BANDS)
"""Of the last frame: how far its levels were from their means, and side over mid."""
T_PAST = _texture.take(TEXTURE_RING * TEXTURE_CHANNELS)
TEXTURE_SIZE = _texture.size
TEXTURE = _statistics.take(TEXTURE_SIZE)
SPEECH = _statistics.take(1)
"""1 where this is of talk, 0 of music: each is remembered apart."""
STATISTICS_SIZE = _statistics.size
TOLD_SIZE = TEXTURE_CHANNELS * (4 + len(TEXTURE_LAGS)) + 4 * TONE_BANDS + TEXTURE_CHANNELS * (TEXTURE_CHANNELS - 1) // 2
"""Numbers that describe a texture."""

MOST_RATE_HZ = 192_000
"""The highest sample rate there is room for."""
WINDOW_FRAMES = 107
"""Length of the rolling window: about 10 s."""
CLIPPING_FRAMES = 11
"""Clipping is judged by so many hops together: about a second."""
APPLAUSE_FRAMES = 7
"""Applause is judged by so many frames together: the verdict comes 0.7 to 1 s after it has begun."""
SPEECH_FRAMES = 43
"""Talk is told from music by so many frames together: four seconds."""
KEPT_COUNT, KEPT_FRAMES = 3, 27
"""So often, and so many frames apart, statistics are kept until a verdict is sure."""
SPEECH_NUMBERS = 6 * TEXTURE_CHANNELS + 1
SPEECH_HIDDEN = 16
SPEECH_NET_SIZE = (2 + SPEECH_HIDDEN) * SPEECH_NUMBERS + 2 * SPEECH_HIDDEN + 1
"""What that is told by: numbers of them, and a network; see `speech`."""
UNDO_FRAMES = APPLAUSE_FRAMES + 2
"""So many frames back there was none yet."""

UNDO_DECISIONS = 3
"""So many decisions may have been made of what turns out to be none of the music."""

_MOST_LENGTH = fft.length_of(2 * hop_samples(MOST_RATE_HZ))
_MOST_SIZE = _MOST_LENGTH + _MOST_LENGTH // 8
_MOST_BINS = _MOST_LENGTH // 2 + 1
_PADDING = 16
APPLAUSE_MOST_BINS, APPLAUSE_MOST_BANDS = 2048, 64
FRAME_SIZE = _MOST_LENGTH + _PADDING
POWER_SIZE = _MOST_BINS + _PADDING
TABLE_SIZE = 4 * _MOST_SIZE
WORK_SIZE = 4 * _MOST_SIZE
BANK_SIZE = 24_576
"""Most weights that a bank of bands has."""

_f64 = Region()
STATISTICS = _f64.take(STATISTICS_SIZE)
PAST = _f64.take(UNDO_FRAMES * STATISTICS_SIZE)
"""The statistics before each of the last hops, in a ring: what applause has taught is undone."""
OTHER = _f64.take(STATISTICS_SIZE)
"""Those of talk while there is music, and of music while there is talk."""
KEPT = _f64.take(KEPT_COUNT * STATISTICS_SIZE)
"""The statistics of some seconds ago, in a ring: what talk has taught before it was known as such is undone."""
SPEECH_LEVELS = _f64.take(SPEECH_FRAMES * TEXTURE_CHANNELS)
"""Levels of the last frames, the newest last."""
SPEECH_CHANCE = _f64.take(1)
"""The smoothed chance that this is talk."""
CLIPPED_SHARES = _f64.take(CLIPPING_FRAMES)
CLEAN_S = _f64.take(1)
"""For how long the input has been clean, as far as that counts."""
MUSIC_S = _f64.take(1)
"""For how long there has been music, as far as that counts."""
APPLAUSE_S = _f64.take(1)
HOP_PEAK, LAST_PEAK = _f64.take(1), _f64.take(1)
"""Largest sample of the hop under way, and of the one before."""
F64_MEMORY = _f64.size
SPEECH_NET = _f64.take(SPEECH_NET_SIZE)
SPEECH_WORK = _f64.take(SPEECH_FRAMES * TEXTURE_CHANNELS + SPEECH_NUMBERS)
LOUDNESS_SCALE = _f64.take(1)
RMS_SCALE = _f64.take(1)
APPLAUSE_WEIGHTS = _f64.take(APPLAUSE_MOST_BANDS)
"""Weight of each band's mean power in a frame's loudness."""
F64_SIZE = _f64.size

_f32 = Region()
FRAME_LEFT = _f32.take(FRAME_SIZE)
"""The hop before, the hop under way, and nothing."""
FRAME_RIGHT = _f32.take(FRAME_SIZE)
WINDOW = _f32.take(2 * WINDOW_FRAMES * ROWS)
"""A ring of rows, written twice, so that from any row on the last ten seconds lie together."""
SPECTRA = _f32.take(APPLAUSE_FRAMES * APPLAUSE_MOST_BINS)
"""A ring of spectra that applause is judged by."""
F32_MEMORY = _f32.size
HANN = _f32.take(FRAME_SIZE)
"""Half of the window: mid is half of a sum."""
FFT_TABLE = _f32.take(TABLE_SIZE)
LOUDNESS_WEIGHTS = _f32.take(POWER_SIZE)
MEL_WEIGHTS = _f32.take(BANK_SIZE)
FINE_WEIGHTS = _f32.take(BANK_SIZE)
APPLAUSE_BANK = _f32.take(BANK_SIZE)
WORK = _f32.take(WORK_SIZE)
POWER_MID = _f32.take(POWER_SIZE)
"""Power of the last frame in each bin."""
POWER_SIDE = _f32.take(POWER_SIZE)
POWERS = _f32.take(ROWS)
ROW = _f32.take(ROWS)
FINE = _f32.take(2 * FINE_POINTS)
MEAN_SPECTRUM = _f32.take(APPLAUSE_MOST_BINS)
LOG_SPECTRUM = _f32.take(APPLAUSE_MOST_BINS)
BAND_MEANS = _f32.take(APPLAUSE_MOST_BANDS)
BAND_LOGS = _f32.take(APPLAUSE_MOST_BANDS)
F32_SIZE = _f32.size

_i64 = Region()
FILLED = _i64.take(1)
"""Samples of the hop under way."""
HOPS = _i64.take(1)
"""Whole hops so far; from the second on each completes a frame."""
FRAMES = _i64.take(1)
CLIPPING_HOPS, IS_CLIPPED = _i64.take(1), _i64.take(1)
SPECTRUM_COUNT, TONAL_FRAMES, IS_APPLAUSE = _i64.take(1), _i64.take(1), _i64.take(1)
PAST_COUNT, PAST_NEXT = _i64.take(1), _i64.take(1)
SPEECH_COUNT, SILENT_FRAMES, KEPT_NEXT = _i64.take(1), _i64.take(1), _i64.take(1)
"""Frames that talk has been looked for in; silent ones in a row; statistics that have been kept since it changed."""
LOOKS, LOOKS_AT_TALK = _i64.take(1), _i64.take(1)
"""Where nothing is judged: how often has been looked, and found talk."""
I64_MEMORY = _i64.size
JUDGES = _i64.take(1)
"""Whether applause and clipping are looked for: where they are, they teach nothing."""
HOP = _i64.take(1)
BINS = _i64.take(1)
APPLAUSE_FIRST, APPLAUSE_BINS, APPLAUSE_BANDS, BASS_BANDS = (_i64.take(1) for _ in range(4))
FFT_PLAN = _i64.take(fft.PLAN_SIZE)
# Of each band: its first bin, how many bins, how many times eight that is, and where its weights begin.
BAND_FIRST, BAND_COUNT, BAND_EIGHTS, BAND_WEIGHTS = range(4)
BAND_PLAN = 4
MEL_PLAN = _i64.take(BAND_PLAN * MEL_BANDS)
FINE_PLAN = _i64.take(BAND_PLAN * FINE_POINTS)
APPLAUSE_PLAN = _i64.take(BAND_PLAN * APPLAUSE_MOST_BANDS)
I64_SIZE = _i64.size

# What is aimed at: a profile's numbers, in the order of its vector, and what else is known of it.
_aim = Region()
AIM_BANDS = _aim.take(TONE_BANDS)
AIM_LOUDNESS = _aim.take(1)
AIM_PLR = _aim.take(1)
AIM_SIDE_MID = _aim.take(1)
AIM_PEAK = _aim.take(1)
AIM_DYNAMICS = _aim.take(1)
AIM_IS_AUTO = _aim.take(1)
"""1 for the profile that leans in no direction: what is heard, corrected."""
AIM_IS_SPEECH = _aim.take(1)
"""1 for the profile that takes all for talk."""
AIM_HAS_FINE = _aim.take(1)
"""1 where the fine spectrum is known: a reference, and so a place to go to and not a direction."""
AIM_FINE = _aim.take(FINE_POINTS)
AIM_SIZE = _aim.size

LEAN_SIZE = TONE_BANDS + 2
"""What an input's level does not touch of a profile: tone bands, side/mid ratio, dynamics."""

COMPRESSION_STEPS = 25
"""So many settings of the compressor are tried; see `dynamics`."""

# What is known of masters: the table behind the correction. See `masters` and `correction`.
MODES = TONE_BANDS - 1
"""Tone less its mean, in the basis in which the covariances of masters and of damage are diagonal."""
SCALES = 4
"""Sizes of damage that are thought of, the first of them none."""
KNOTS, FIRST_KNOT_S = 7, 2.0
"""Listening times at which the spread of masters is known, each twice the one before."""
TABLE_POINTS = 17
_masters = Region()
MEAN = _masters.take(LEAN_SIZE)
"""Of all masters: tone bands, side/mid ratio, dynamics."""
ANALYSIS = _masters.take(MODES * TONE_BANDS)
"""Tone bands to modes, mode by mode; damage of scale 1 has variance 1 in each."""
SYNTHESIS = _masters.take(MODES * TONE_BANDS)
"""Modes to tone bands, mode by mode."""
SPREADS = _masters.take(KNOTS * MODES)
"""Variance of masters in each mode, by listening time."""
SCALE = _masters.take(SCALES)
PRIOR = _masters.take(SCALES)
"""Logarithm of the share of inputs that are damaged by each scale."""
BOLD = _masters.take(1)
"""What full boldness adds to that logarithm for a scale of 1."""
TEMPER = _masters.take(1)
"""How much of the likelihood counts: masters are no Gaussian in so many dimensions."""
REST = _masters.take(1)
"""A correction of this many dB in RMS is gone for half of the way; smaller ones less, larger ones more."""
WIDTH_TABLE = _masters.take(2 + 2 * TABLE_POINTS)
"""Lowest side/mid ratio, step, then mean and standard deviation of what was done, for each ratio heard."""
DYNAMICS_TABLE = _masters.take(2 + 2 * TABLE_POINTS)
"""The same of the dynamics."""
HAS_NETWORK = _masters.take(1)
"""1 where networks are known that correct better than the closed form; see `corrector`."""
CLOSED_FORM_SIZE = _masters.size
SPOKEN = _masters.take(CLOSED_FORM_SIZE)
"""The same closed form for talk, from MEAN on; no network."""
BLEND = _masters.take(KNOTS)
"""Their share in the correction, by listening time; the rest is the closed form's."""
NET_REST = _masters.take(KNOTS)
"""Where they have a share, a correction of so many times its doubt is gone for half of the way, by listening time."""
NET_BOLDNESS = _masters.take(1)
"""They are told the boldness to the power of this: what is left undone they need not be careful about."""
NET_DOUBT = _masters.take(2)
"""What RMS error an RMS doubt stands for: a factor, and a power."""
NET_COMPONENTS, NET_FIRST, NET_SECOND, NET_MEMBERS = 96, 128, 64, 3
"""Components of the texture, sizes of the hidden layers, how many networks."""
NET_INPUTS = TONE_BANDS + 2 + NET_COMPONENTS + 3
NET_TEXTURE_MEAN = _masters.take(TOLD_SIZE)
NET_TEXTURE_PARTS = _masters.take(NET_COMPONENTS * TOLD_SIZE)
_network = Region()
N_MEAN, N_DEVIATION = _network.take(NET_INPUTS), _network.take(NET_INPUTS)
"""Of what it is told."""
# Of each layer the weights, those of one input after another, then what is added.
N_FIRST = _network.take(NET_FIRST * NET_INPUTS + NET_FIRST)
N_SECOND = _network.take(NET_SECOND * NET_FIRST + NET_SECOND)
N_LAST = _network.take(2 * TONE_BANDS * NET_SECOND + 2 * TONE_BANDS)
NET_SIZE = _network.size
NET = _masters.take(NET_MEMBERS * NET_SIZE)
MASTERS_SIZE = _masters.size

# The state of what decides: a stretch of float64.
_decision = Region()
LEAN = _decision.take(LEAN_SIZE)
"""How far is corrected so far."""
OTHER_LEAN, LEAN_IS_SPEECH = _decision.take(LEAN_SIZE), _decision.take(1)
"""The same of talk while there is music, and of music while there is talk; which of both LEAN is."""
LEAN_HEARD_S = _decision.take(1)
"""Music heard when the lean last moved, in seconds."""
SUGGESTED = _decision.take(params.COUNT)
MOVING = _decision.take(params.COUNT)
"""1 for a parameter on its way."""
FINE_SUGGESTED = _decision.take(FINE_BANDS)
FINE_MOVING = _decision.take(FINE_BANDS)
TONE_LU, FINE_LU = _decision.take(1), _decision.take(1)
"""What the steps of five bands and width, and those of the fine bands, have added to the loudness; slowly forgotten."""
STEP_SIZE = _decision.size - SUGGESTED
"""Of all that a step changes, from SUGGESTED on."""
PAST_STEPS, PAST_STEP_COUNT = _decision.take(UNDO_DECISIONS * STEP_SIZE), _decision.take(1)
"""The same before each of the last decisions, the newest first."""
SAID = _decision.take(3 * params.COUNT)
"""What a network said last: its two answers less the closed form's of that moment, and the expected error."""
BEYOND_DB = _decision.take(1)
"""What the loudness that is asked for needs of gain beyond what the parameters reach."""
HAS_ANSWER, ANSWER_AGE = _decision.take(1), _decision.take(1)
"""Whether it said something, and how many decisions ago it was asked."""
DECISION_SIZE = _decision.size

# What comes up while deciding, of use until the next time.
_passing = Region()
AIM = _passing.take(AIM_SIZE)
WANTED = _passing.take(params.COUNT)
FINE_WANTED = _passing.take(FINE_BANDS)
TARGET_LUFS = _passing.take(1)
"""The loudness that is asked for, whatever the aim's own is."""
CONFIDENCE, SURENESS = _passing.take(params.COUNT), _passing.take(1)
"""How far to go with each of the ten, and how sure it is that what is heard is not already what is aimed at: 0 to 1."""
BOLDNESS, STYLE_STRENGTH = _passing.take(1), _passing.take(1)
"""How large damage is expected to be, and how far a style goes, each 0 to 1."""
WISH = _passing.take(LEAN_SIZE)
"""How far to lean in the end: correction and style."""

IS_TAKEN_OVER = _passing.take(1)
"""Not 0 where all behind this is another's who has decided about the same moment. It is made of what is heard, and what
was made for anything else than it would be now is made anew."""
KNOWN = _passing.size
HEARD, HAS_HEARD = _passing.take(VECTOR_SIZE), _passing.take(1)
"""What is heard in the order of a profile's vector."""
REDUCED, HAS_REDUCED = _passing.take(COMPRESSION_STEPS), _passing.take(1)
"""What each setting of the compressor takes off the dynamics number."""
CORRECTION, DOUBT = _passing.take(LEAN_SIZE), _passing.take(LEAN_SIZE)
"""How far what is heard is estimated to be from its own master, and the standard deviation of that."""
IS_FOUND, FOUND_BOLDNESS, FOUND_SPEECH = _passing.take(1), _passing.take(1), _passing.take(1)
"""Whether these are there, and for what."""
MATCHED = _passing.take(params.COUNT)
"""The closed form's parameters."""
IS_MATCHED, MATCHED_AIM = _passing.take(1), _passing.take(AIM_FINE)
"""Whether these are there, and for what aim."""
PASSING_SIZE = _passing.size
