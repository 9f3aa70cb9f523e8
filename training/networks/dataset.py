"""Labelled windows in memory: shards, batches, standardisation, and changes that leave labels true.

Many examples share a window (one stretch of music, several profiles), so a batch is made of windows
with all their examples: a network's body hears each window once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rt_automix import params
from rt_automix.analysis.bundles import context
from rt_automix.analysis.features import MEL_BANDS
from rt_automix.errors import ConfigError
from training.labels.teacher import REST_LU
from training.networks.rehearsal import Rehearsal

EXAMPLE_FIELDS = ("window_of", "context", "heard", "song", "seconds", "song_id", "profile_kind")
AT_ONCE = 512
"""Windows that are turned to float32 together."""

GAIN, DRIVE = params.INDEX["input_gain_db"], params.INDEX["limiter_drive_db"]
GAIN_RANGE_DB = float(params.HIGH[GAIN] - params.LOW[GAIN])
DRIVE_RANGE_DB = float(params.HIGH[DRIVE])
LOWEST_TOTAL_DB = float(params.LOW[GAIN])
TOTAL_RANGE_DB = float(params.HIGH[GAIN] + params.HIGH[DRIVE] - params.LOW[GAIN])
"""Input gain and limiter drive count as one: the drive takes what is above 0 dB, the input gain the rest."""


class Batch(NamedTuple):
    """Windows and all their examples.

    windows : float32, shape (W, rows, frames)
    window_of : int64, shape (N,), index into windows
    context : float32, shape (N, context.SIZE)
    rehearsed : float32, shape (N, rehearsal.SIZE), of the windows as they were recorded
    heard, song : float32, shape (N, params.COUNT), normalised; NaN where there is no label
    """

    windows: Tensor
    window_of: Tensor
    context: Tensor
    rehearsed: Tensor
    heard: Tensor
    song: Tensor


@dataclass(frozen=True)
class Data:
    """All examples of one use; see the fields of a shard in EXAMPLE_FIELDS, and `Batch`."""

    windows: Tensor
    window_of: Tensor
    context: Tensor
    rehearsed: Tensor
    heard: Tensor
    song: Tensor
    seconds: Tensor
    song_id: Tensor
    profile_kind: Tensor

    def __len__(self) -> int:
        return self.window_of.shape[0]

    def by_window(self) -> tuple[Tensor, Tensor]:
        """Examples ordered by window, and where each window's begin: int64, (N,) and (W + 1,)."""
        order = torch.argsort(self.window_of, stable=True)
        counts = torch.bincount(self.window_of, minlength=self.windows.shape[0])
        return order, torch.cat([counts.new_zeros(1), counts.cumsum(0)])


class Scale(NamedTuple):
    """Means and standard deviations of training data: (rows, 1) for windows, else one for each number."""

    window_mean: Tensor
    window_deviation: Tensor
    context_mean: Tensor
    context_deviation: Tensor
    rehearsed_mean: Tensor
    rehearsed_deviation: Tensor


def load(*folders: Path) -> Data:
    """All shards of some folders, as one.

    Raises
    ------
    ConfigError
        A folder holds no shard, or a shard is not one.
    """
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("windows", *EXAMPLE_FIELDS)}
    windows = 0
    for folder in folders:
        shards = sorted(folder.glob("*.npz"))
        if not shards:
            raise ConfigError(f"{folder} holds no shard (*.npz). Make some: python -m training label --help")
        for path in shards:
            shard = _read(path)
            shard["window_of"] = shard["window_of"] + windows
            windows += len(shard["windows"])
            for name, list_ in parts.items():
                list_.append(shard[name])
    joined = {name: torch.from_numpy(np.concatenate(list_)) for name, list_ in parts.items()}
    joined["window_of"] = joined["window_of"].long()
    return Data(**joined, rehearsed=_rehearse(joined))


@torch.no_grad()
def _rehearse(joined: dict[str, Tensor]) -> Tensor:
    rehearsal = Rehearsal()
    parts = [
        rehearsal(joined["windows"][window_of].float(), None, numbers)
        for window_of, numbers in zip(joined["window_of"].split(AT_ONCE), joined["context"].split(AT_ONCE), strict=True)
    ]
    return torch.cat(parts)


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path) as file:
            shard = {name: file[name] for name in ("windows", *EXAMPLE_FIELDS)}
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise ConfigError(f"{path} is not a shard ({error}). Remove it and label again.") from error
    found = shard["windows"].shape[1:], shard["context"].shape[1:], shard["heard"].shape[1:]
    wanted = context.WINDOW_SHAPE, (context.SIZE,), (params.COUNT,)
    if found != wanted:
        raise ConfigError(f"{path} holds shapes {found}, but {wanted} is wanted. Label again with this version.")
    return shard


def measure_scale(data: Data) -> Scale:
    """Mean and standard deviation of every row and every number; a number that never moves gets 1."""
    rows = data.windows.shape[1]
    total, squares, count = torch.zeros(rows, dtype=torch.float64), torch.zeros(rows, dtype=torch.float64), 0
    for chunk in data.windows.split(AT_ONCE):
        cells = chunk.double()
        total += cells.sum((0, 2))
        squares += cells.square().sum((0, 2))
        count += cells.shape[0] * cells.shape[2]
    mean = total / count
    deviation = (squares / count - mean.square()).clamp(min=0.0).sqrt()
    moments = [mean.float()[:, None], _not_nothing(deviation).float()[:, None]]
    for numbers in (data.context.double(), data.rehearsed.double()):
        moments += [numbers.mean(0).float(), _not_nothing(numbers.std(0, correction=0)).float()]
    return Scale(*moments)


def _not_nothing(deviation: Tensor) -> Tensor:
    return torch.where(deviation > 1e-4, deviation, torch.ones_like(deviation))


def batches(
    data: Data, windows_per_batch: int, generator: torch.Generator | None = None, rank: int = 0, ranks: int = 1
) -> Iterator[Batch]:
    """All examples, batch by batch.

    Parameters
    ----------
    generator : torch.Generator, optional
        Shuffles the windows; every rank needs one of the same seed.
    rank, ranks : int
        This process takes every `ranks`-th batch; all get as many.
    """
    order, begins = data.by_window()
    used = torch.nonzero(begins.diff()).squeeze(1)
    if generator is not None:
        used = used[torch.randperm(len(used), generator=generator)]
    groups = used.split(windows_per_batch)
    for group in groups[rank : len(groups) - len(groups) % ranks : ranks]:
        counts = begins[group + 1] - begins[group]
        window_of = torch.repeat_interleave(torch.arange(len(group)), counts)
        within = torch.arange(len(window_of)) - torch.repeat_interleave(counts.cumsum(0) - counts, counts)
        examples = order[begins[group][window_of] + within]
        yield Batch(
            data.windows[group].float(),
            window_of,
            data.context[examples],
            data.rehearsed[examples],
            data.heard[examples],
            data.song[examples],
        )


def batch_count(data: Data, windows_per_batch: int, ranks: int = 1) -> int:
    """How many batches each rank gets of an epoch."""
    used = int(torch.unique(data.window_of).numel())
    return -(-used // windows_per_batch) // ranks


FAR_FROM_REST_LU = 2.5 * REST_LU

# Augmentation ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Augmentation:
    """How far examples are changed; none of it changes the answer.

    The statistics in the context say what has been heard, so the window may be hidden in part;
    a louder or softer input needs just that much less or more gain.
    """

    shift_frames: int = 8
    masked_bands: int = 10
    masked_frames: int = 16
    noise_db: float = 0.7
    begun_lately: float = 0.15
    gain_db: float = 6.0
    context_noise: float = 0.0


def augment(batch: Batch, how: Augmentation, scale: Scale, generator: torch.Generator) -> Batch:
    """A changed view of a batch whose labels are true."""
    numbers, heard, song = _shift_gain(batch, how.gain_db, generator)
    numbers = numbers + _detail_noise(numbers, how.context_noise, scale, generator)
    return batch._replace(
        windows=augment_windows(batch.windows, how, generator), context=numbers, heard=heard, song=song
    )


def augment_windows(windows: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Another view of the same music: shape (W, rows, frames)."""
    count, rows, frames = windows.shape
    at = torch.arange(frames)
    # Where the oldest frame is empty, a roll would put silence after the music.
    is_full = windows[:, :, 0].amax(1) > context.LOWEST_LU
    shift = torch.randint(-how.shift_frames, how.shift_frames + 1, (count,), generator=generator) * is_full
    changed = windows.gather(2, ((at - shift[:, None]) % frames)[:, None, :].expand_as(windows))

    mean = changed.mean((1, 2), keepdim=True)
    hidden_frames = _span(count, frames, how.masked_frames, generator)[:, None, :]
    bands = _span(count, MEL_BANDS, how.masked_bands, generator)
    levels = torch.zeros(count, rows - 2 * MEL_BANDS, dtype=torch.bool)
    hidden_bands = torch.cat([bands, bands, levels], 1)[:, :, None]
    changed = torch.where(hidden_frames | hidden_bands, mean, changed)

    noise = torch.randn(changed.shape, generator=generator) * (how.noise_db * _uniform(count, generator)[:, None, None])
    changed = (changed + noise).clamp(context.LOWEST_LU, context.HIGHEST_LU)
    # As of a stream that has begun a moment ago: the oldest frames are empty.
    is_young = _uniform(count, generator) < how.begun_lately
    begin = (_uniform(count, generator) * 0.95 * frames).long() * is_young
    return torch.where((at < begin[:, None])[:, None, :], torch.tensor(context.LOWEST_LU), changed)


def _uniform(count: int, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator)


def _span(count: int, size: int, widest: int, generator: torch.Generator) -> Tensor:
    """One run of up to `widest` places for each: bool, shape (count, size)."""
    width = torch.randint(0, widest + 1, (count,), generator=generator)
    begin = (_uniform(count, generator) * (size - width)).long()
    at = torch.arange(size)
    return (at >= begin[:, None]) & (at < (begin + width)[:, None])


def total_norm(parameters: Tensor) -> Tensor:
    """Input gain and drive as one number, 0..1 over what both reach together: shape (...,)."""
    return (GAIN_RANGE_DB * parameters[..., GAIN] + DRIVE_RANGE_DB * parameters[..., DRIVE]) / TOTAL_RANGE_DB


def split_total(total: Tensor) -> tuple[Tensor, Tensor]:
    """Input gain and drive, each 0..1 over its range, of their sum."""
    total_db = TOTAL_RANGE_DB * total + LOWEST_TOTAL_DB
    drive = (total_db / DRIVE_RANGE_DB).clamp(0.0, 1.0)
    gain = ((total_db - DRIVE_RANGE_DB * drive - LOWEST_TOTAL_DB) / GAIN_RANGE_DB).clamp(0.0, 1.0)
    return gain, drive


def _shift_gain(batch: Batch, most_db: float, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Context and labels of the same music some dB louder, where every total gain stays inside its range."""
    numbers = batch.context.clone()
    matched = numbers[:, context.PARTS["matched_norm"]]
    totals = torch.stack([total_norm(matched), total_norm(batch.heard), total_norm(batch.song)], 1)
    louder_db = most_db * (2.0 * _uniform(len(numbers), generator) - 1.0)
    shifted = totals - louder_db[:, None] / TOTAL_RANGE_DB
    # NaN labels compare false: they stay as they are, and so does the example.
    is_inside = ((totals > 0.0) & (totals < 1.0) & (shifted > 0.0) & (shifted < 1.0)).all(1)
    # Near its wanted loudness music is left alone (see training.labels.teacher), so there the level counts.
    change = numbers[:, context.PARTS["loudness_change_lu"]][:, 0]
    is_inside &= (change.abs() > FAR_FROM_REST_LU) & ((change - louder_db).abs() > FAR_FROM_REST_LU)
    louder_db = louder_db * is_inside
    numbers[:, context.PARTS["loudness_change_lu"]] -= louder_db[:, None]
    numbers[:, context.PARTS["heard"].start + 2] += louder_db
    shifted_all = []
    for column, values in enumerate((matched, batch.heard, batch.song)):
        gain, drive = split_total(shifted[:, column])
        values = values.clone()
        values[:, GAIN] = torch.where(is_inside, gain, values[:, GAIN])
        values[:, DRIVE] = torch.where(is_inside, drive, values[:, DRIVE])
        shifted_all.append(values)
    numbers[:, context.PARTS["matched_norm"]] = shifted_all[0]
    return numbers, shifted_all[1], shifted_all[2]


def _detail_noise(numbers: Tensor, amount: float, scale: Scale, generator: torch.Generator) -> Tensor:
    """Noise on the finest parts only, which other parts say again coarser: the answer does not hang on them."""
    noise = torch.zeros_like(numbers)
    for name in ("mel_lu", "histogram"):
        part = context.PARTS[name]
        shape = noise[:, part].shape
        noise[:, part] = amount * scale.context_deviation[part] * torch.randn(shape, generator=generator)
    return noise
