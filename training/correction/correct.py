"""The learned correction: small networks that hear tone and texture, and say how far a song is from its own master.

What texture alone foretells of a master's tone no covariance can know. Each network hears how far tone is from the
mean of masters, the main components of the texture, and how bold to be; it answers with the correction and
its doubt. Damage is drawn anew at every step, on the bands: texture is blind to it. What is minimised is the mean
of the songs' RMS errors, not of their squares: with squares a few odd songs have all the say.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rt_automix.analysis import layout as at
from rt_automix.analysis.aim import masters as known
from rt_automix.analysis.tone import TONE_BANDS, TONE_MATRIX
from rt_automix.units import db_from_power, power_from_db
from training.correction import masters, rowdamage
from training.correction.examples import BOTH, IN_FULL, Examples, read
from training.labels.shards import write_whole

Array = NDArray[np.float64]

COMPONENTS = 96
"""Of the texture."""
HIDDEN = (128, 64)
MEMBERS = 3
"""Networks that differ in their seeds alone; the mean of their answers counts."""
EPOCHS, BATCH = 80, 512
RATE, DECAY = 2e-3, 2e-2
DROPOUT = 0.25
EFFECTS = 6000
SIDE_SD_DB = 3.5
"""Of the side gain that is drawn for 70 % of the examples."""
KIND_SHARES = (0.6, 0.05, 0.07, 0.23, 0.05)
"""Of `rowdamage.LEARNED_KINDS`: resonances oftener than the rest of training has them, since they are hard to hear;
tilts and microphones, which are not, seldomer."""
DOUBT_WEIGHT = 0.15
_SIDE_MID, _PLR, _DYNAMICS = TONE_BANDS + 2, TONE_BANDS + 1, TONE_BANDS + 4


@dataclass(frozen=True)
class Material:
    """Examples, ready to be learned from.

    Parameters
    ----------
    told : float32, shape (n, layout.TOLD_SIZE)
    own, heard : float32, shape (n, LEAN_SIZE)
    others : float32, shape (n, 2)
        Log2 of the seconds heard, PLR heard.
    weight : float32, shape (n,)
    group : int, shape (n,)
        The package.
    """

    told: NDArray[np.float32]
    own: NDArray[np.float32]
    heard: NDArray[np.float32]
    others: NDArray[np.float32]
    weight: NDArray[np.float32]
    group: NDArray[np.int64]


def material(examples: Examples) -> Material:
    """What networks are told of examples."""
    count = len(examples.heard)
    told, heard = np.empty((count, at.TOLD_SIZE), np.float32), np.empty((count, TONE_BANDS + 5))
    seconds = np.empty(count)
    for k in range(count):
        statistics = examples.statistics(k)
        told[k], heard[k], seconds[k] = statistics.told(), statistics.vector(), statistics.seconds_heard
    packages = [song.package for song in examples.songs]
    names = sorted(set(packages))
    per_song = masters.shares(packages) / np.bincount(examples.song, minlength=len(packages))
    level_free = [*range(TONE_BANDS), _SIDE_MID, _DYNAMICS]
    weight = per_song[examples.song]
    return Material(
        told,
        examples.own[:, level_free].astype(np.float32),
        heard[:, level_free].astype(np.float32),
        np.column_stack([np.log2(np.maximum(seconds, 1.0)), heard[:, _PLR]]).astype(np.float32),
        (weight / weight.mean()).astype(np.float32),
        np.array([names.index(packages[k]) for k in examples.song]),
    )


@functools.cache
def effects(seed: int = 3, shares: tuple[float, ...] = KIND_SHARES) -> NDArray[np.float32]:
    """What damage of scale 1 does to tone bands, less its mean: float32, shape (EFFECTS, TONE_BANDS)."""
    rng = np.random.default_rng(seed)
    mean_db = known.table(False)[at.MEAN : at.MEAN + TONE_BANDS]
    # A spectrum of mel bands that is as the mean master in its tone bands.
    power = TONE_MATRIX.T @ (power_from_db(mean_db) / TONE_MATRIX.sum(axis=1)) + 1e-9
    found = np.empty((EFFECTS, TONE_BANDS), np.float32)
    for k in range(EFFECTS):
        kind = str(rng.choice(rowdamage.LEARNED_KINDS, p=shares))
        curve_db = rowdamage.CURVES[kind](rng, 1.0)
        effect = db_from_power((TONE_MATRIX @ (power * power_from_db(curve_db))) / (TONE_MATRIX @ power))
        found[k] = effect - effect.mean()
    return found


def looked_at(bands_db: Tensor, mean_db: Tensor) -> tuple[Tensor, Tensor]:
    """As `masters.away`: how far tone is from the mean of masters, and each band's say."""
    from rt_automix.analysis.aim.correction import EMPTY_DB, EMPTY_SLOPE_DB, FARTHEST_DB, LOOKS

    apart = bands_db - mean_db
    for _ in range(LOOKS):
        say = torch.sigmoid((apart - EMPTY_DB) / EMPTY_SLOPE_DB)
        apart = apart - (say * apart).sum(1, keepdim=True) / say.sum(1, keepdim=True)
    return say * apart.clamp(-FARTHEST_DB, FARTHEST_DB), say


class Corrector(nn.Module):
    """One network: what it is told, standardised, two hidden layers, corrections and the logarithms of doubts."""

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        first, second = HIDDEN
        self.body = nn.Sequential(
            nn.Linear(len(mean), first), nn.ReLU(), nn.Dropout(DROPOUT),
            nn.Linear(first, second), nn.ReLU(), nn.Dropout(DROPOUT),
            nn.Linear(second, 2 * TONE_BANDS),
        )  # fmt: skip
        last = self.body[-1]
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, told: Tensor) -> tuple[Tensor, Tensor]:
        """Corrections and log doubts, each (n, TONE_BANDS)."""
        answer = self.body(((told - self.mean) / self.deviation).clamp(-6.0, 6.0))
        return answer[:, :TONE_BANDS], answer[:, TONE_BANDS:]


def components(told: NDArray[np.float32], weight: NDArray[np.float32]) -> tuple[Array, Array]:
    """Mean of the texture and its main components, each of unit variance: shapes (TOLD,), (COMPONENTS, TOLD)."""
    share = weight / weight.sum()
    mean = share @ told
    deviation = np.sqrt(share @ (told - mean) ** 2) + 0.02
    scaled = (told - mean) / deviation * np.sqrt(share)[:, None]
    _, sizes, rows = np.linalg.svd(scaled, full_matrices=False)
    kept = rows[:COMPONENTS] / np.maximum(sizes[:COMPONENTS, None], 1e-3)
    return mean.astype(np.float64), (kept / deviation).astype(np.float64)


def told_to(
    bands_away: Tensor, side_mid: Tensor, dynamics: Tensor, texture: Tensor, others: Tensor, boldness: Tensor
) -> Tensor:
    """What a network is told: shape (n, INPUTS)."""
    return torch.cat([bands_away, side_mid, dynamics, texture, others, boldness], 1)


INPUTS = TONE_BANDS + 2 + COMPONENTS + 2 + 1


def scales_of(boldness: Tensor, generator: torch.Generator) -> Tensor:
    """A size of damage for each boldness, drawn from the prior that it stands for: shape (n, 1)."""
    sizes = torch.tensor(rowdamage.SCALES)
    log_prior = torch.log(torch.tensor(PRIOR)) + (2.0 * boldness - 1.0) * masters.BOLD_LOG * sizes
    drawn = torch.multinomial(torch.softmax(log_prior, 1), 1, generator=generator)
    return sizes[drawn] * (0.7 + 0.6 * torch.rand(len(boldness), 1, generator=generator))


PRIOR = (0.6, 0.28, 0.09, 0.03)
"""Share of each of `rowdamage.SCALES` at half of the boldness."""


def train(
    data: Material, mean: Array, parts: Array, seed: int, epochs: int = EPOCHS, chosen: NDArray[np.bool_] | None = None
) -> Corrector:
    """Train one network.

    Parameters
    ----------
    data : Material
    mean, parts : as `components` gives them
    seed : int
    epochs : int
    chosen : bool, shape (n,), optional
        Which examples to learn from; by default all.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(seed)
    index = torch.arange(len(data.own)) if chosen is None else torch.from_numpy(np.flatnonzero(chosen))
    texture = torch.from_numpy(((data.told - mean) @ parts.T).astype(np.float32))
    own, heard = torch.from_numpy(data.own), torch.from_numpy(data.heard)
    others, weight = torch.from_numpy(data.others), torch.from_numpy(data.weight)
    bank = torch.from_numpy(effects())
    mean_db = torch.from_numpy(known.table(False)[at.MEAN : at.MEAN + TONE_BANDS].astype(np.float32))

    def drawn(some: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(told, what is to be added, say) of some examples, damaged anew."""
        count = len(some)
        boldness = torch.rand(count, 1, generator=generator)
        scale = scales_of(boldness, generator)
        effect = scale * bank[torch.randint(len(bank), (count,), generator=generator)]
        bands = own[some, :TONE_BANDS] + effect
        away, say = looked_at(bands, mean_db)
        is_wide = (torch.rand(count, 1, generator=generator) < 0.7) & (scale > 0.0)
        side = SIDE_SD_DB * scale.clamp(max=2.0) * torch.randn(count, 1, generator=generator) * is_wide
        side_mid = own[some, TONE_BANDS : TONE_BANDS + 1] + side
        dynamics = heard[some, TONE_BANDS + 1 :]
        told = told_to(away, side_mid, dynamics, texture[some], others[some], boldness)
        return told, -effect, say

    with torch.no_grad():
        sample = drawn(index)[0]
    network = Corrector(sample.mean(0), sample.std(0).clamp(min=1e-3))
    steps = max(epochs * (len(index) // BATCH), 1)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps, pct_start=0.15)
    network.train()
    for _ in range(steps):
        some = index[torch.randint(len(index), (BATCH,), generator=generator)]
        told, missing, say = drawn(some)
        answer, log_doubt = network(told)
        loss = loss_of(answer, log_doubt, missing, say, weight[some])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.eval()


def loss_of(answer: Tensor, log_doubt: Tensor, missing: Tensor, say: Tensor, weight: Tensor) -> Tensor:
    """Mean RMS over the tone bands, and how well the doubt fits."""
    tone = answer - missing
    tone = tone - (say * tone).sum(1, keepdim=True) / say.sum(1, keepdim=True)
    rms = ((say * tone**2).sum(1) / say.sum(1) + 0.01).sqrt()
    doubt = log_doubt.clamp(-4.0, 3.0)
    fit = (0.5 * (tone.detach() * torch.exp(-doubt)) ** 2 + doubt).mean(1)
    return (weight * (rms + DOUBT_WEIGHT * fit)).mean()


def answers(networks: Sequence[Corrector], data: Material, mean: Array, parts: Array, boldness: float) -> Array:
    """Mean answer of networks to examples as they are: corrections, then doubts: shape (n, 2 TONE_BANDS)."""
    mean_db = torch.from_numpy(known.table(False)[at.MEAN : at.MEAN + TONE_BANDS].astype(np.float32))
    heard = torch.from_numpy(data.heard)
    away, say = looked_at(heard[:, :TONE_BANDS], mean_db)
    texture = torch.from_numpy(((data.told - mean) @ parts.T).astype(np.float32))
    told = told_to(
        away, heard[:, TONE_BANDS : TONE_BANDS + 1], heard[:, TONE_BANDS + 1 :], texture,
        torch.from_numpy(data.others), torch.full((len(heard), 1), boldness),
    )  # fmt: skip
    with torch.no_grad():
        found = [network(told) for network in networks]
    correction = torch.stack([one for one, _ in found]).mean(0)
    correction = correction * say
    doubt = torch.stack([one.clamp(-4.0, 3.0).exp() for _, one in found]).mean(0)
    return np.concatenate([correction.numpy(), doubt.numpy()], axis=1).astype(np.float64)


@dataclass(frozen=True)
class Use:
    """How much of what networks say is done; by default what is best on validation packages, harm counted.

    Parameters
    ----------
    blend : their share in the correction after 2, 4, 8 .. 128 s
    rest : a correction of so many times its doubt, both in RMS, is gone for half of the way, after the same times
    boldness : float
        They are told the boldness to the power of this.
    doubt : what RMS error an RMS doubt stands for: a factor and a power
    """

    blend: tuple[float, ...] = (0.0, 0.0, 0.3, 0.45, 0.65, 0.75, 0.8)
    rest: tuple[float, ...] = (1.1, 1.05, 0.85, 0.69, 0.55, 0.39, 0.35)
    boldness: float = 0.152
    doubt: tuple[float, float] = (1.2, 0.6)


def whole_numbers(matrix: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """A matrix in steps, int8, and the steps, float32: one for each row, or each column where `axis` is 0."""
    step = np.maximum(np.abs(matrix).max(axis=axis, keepdims=True), 1e-12) / np.float32(127.0)
    return np.rint(matrix / step).astype(np.int8), step


def write(
    networks: Sequence[Corrector], mean: Array, parts: Array, file: Path, use: Use | None = None, is_int8: bool = True
) -> None:
    """Write the networks, and how much of what they say is done, as `rt_automix.analysis.aim.masters` reads them.

    Parameters
    ----------
    is_int8 : bool
        Weights as whole numbers, a quarter of the bytes; else as they were trained.
    """
    arrays: dict[str, Any] = {**asdict(use or Use()), "texture_mean": mean}
    matrices: dict[str, NDArray[Any]] = {"texture_parts": parts}
    for number, network in enumerate(networks):
        arrays[f"mean_{number}"] = network.mean.numpy()
        arrays[f"deviation_{number}"] = network.deviation.numpy()
        layers = [layer for layer in network.body if isinstance(layer, nn.Linear)]
        for depth, layer in enumerate(layers):
            matrices[f"weight_{number}_{depth}"] = layer.weight.detach().numpy()
            arrays[f"bias_{number}_{depth}"] = layer.bias.detach().numpy()
    written = {name: np.asarray(value, np.float32) for name, value in arrays.items()}
    for name, matrix in matrices.items():
        # Numbers of the texture differ in their size, and each has a column.
        whole, step = whole_numbers(matrix.astype(np.float32), 0 if name == "texture_parts" else 1)
        written |= {name: whole, f"{name}{known.STEP}": step} if is_int8 else {name: matrix.astype(np.float32)}
    write_whole(file, lambda opened: np.savez_compressed(opened, **written))


def read_back(file: Path) -> tuple[list[Corrector], Array, Array]:
    """Networks, mean and parts of the texture, as `write` has written them."""
    with np.load(file) as opened:
        told = {name: known.in_full(opened, name).astype(np.float32) for name in opened.files}
    networks = []
    for number in range(MEMBERS):
        mean, deviation = (torch.from_numpy(told[f"{name}_{number}"]) for name in ("mean", "deviation"))
        network = Corrector(mean, deviation).eval()
        layers = [layer for layer in network.body if isinstance(layer, nn.Linear)]
        for depth, layer in enumerate(layers):
            layer.weight.data = torch.from_numpy(told[f"weight_{number}_{depth}"])
            layer.bias.data = torch.from_numpy(told[f"bias_{number}_{depth}"])
        networks.append(network)
    return networks, told["texture_mean"].astype(np.float64), told["texture_parts"].astype(np.float64)


@click.command(name="correct", epilog="Example: python -m training correct --work training-out")
@click.option("--work", type=click.Path(path_type=Path), default=Path("training-out"), show_default=True)
@masters.TABLES
@click.option("--epochs", type=int, default=EPOCHS, show_default=True)
@BOTH
def command(work: Path, tables: Path, epochs: int, is_both: bool) -> None:
    """Train the networks behind the correction on all training songs whose examples are there."""
    masters.use(tables)
    examples = read(work, "train", is_both=is_both)
    data = material(examples)
    mean, parts = components(data.told, data.weight)
    networks = []
    with click.progressbar(range(MEMBERS), label="training") as bar:
        for seed in bar:
            networks.append(train(data, mean, parts, seed, epochs))
    write(networks, mean, parts, work / IN_FULL, is_int8=False)
    write(networks, mean, parts, tables / "corrector.npz")
    packages, file = {song.package for song in examples.songs}, tables / "corrector.npz"
    click.echo(f"{file}: {len(data.own)} examples, {len(examples.songs)} songs of {len(packages)} packages")
