"""The training loop: one member after the other, then the weights of their ensemble.

Every epoch ends with a checkpoint, and the same command goes on from it. Several processes or
graphics cards: `torchrun --nproc-per-node 2 -m training train enhanced_cnn`.
"""

from __future__ import annotations

import gc
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import torch
import torch.distributed as dist
from rich.console import Console
from rich.progress import Progress
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from rt_automix.errors import ConfigError
from training import nets
from training.nets.common import Answer, Member
from training.nets.weighted_ensemble import Ensemble, fit
from training.networks import runs, validate
from training.networks.dataset import (
    Augmentation,
    Batch,
    Data,
    augment,
    augment_windows,
    batch_count,
    batches,
    load,
    measure_scale,
)
from training.networks.loss import Loss, Weights
from training.networks.recipes import RECIPES, Recipe

console = Console(stderr=True)


class Step(nn.Module):
    """From a batch to its loss in one forward pass, which a data-parallel wrapper can wrap."""

    def __init__(self, member: Member, weights: Weights) -> None:
        super().__init__()
        self.member, self.loss = member, Loss(weights)

    def forward(self, batch: Batch, view: Batch) -> dict[str, Tensor]:
        """Terms of the loss for a batch and another view of its first windows."""
        windows = torch.cat([batch.windows, view.windows])
        window_of = torch.cat([batch.window_of, view.window_of + len(batch.windows)])
        both = (torch.cat(pair) for pair in ((batch.context, view.context), (batch.rehearsed, view.rehearsed)))
        answer = self.member.answers(windows, window_of, *both)
        count = len(batch.window_of)
        return self.loss(Answer(*(part[:count] for part in answer)), batch, Answer(*(part[count:] for part in answer)))


class Run:
    """One member's training, epoch by epoch.

    Parameters
    ----------
    name : str
        Of the member.
    work : Path
    recipe : Recipe
    data, validation : Data
    epochs : int
    seed : int
        Of everything random; each member adds its own number.
    """

    def __init__(
        self, name: str, work: Path, recipe: Recipe, data: Data, validation: Data, epochs: int, seed: int
    ) -> None:
        self.folder, self.recipe, self.data, self.validation = runs.folder(work, name), recipe, data, validation
        self.name, self.epochs, self.seed = name, epochs, seed + 1000 * list(nets.MEMBERS).index(name)
        self.settings = {"epochs": epochs, "seed": seed, "examples": len(data), "recipe": asdict(recipe)}
        self.rank, self.ranks = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        has_card = torch.cuda.is_available()
        self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if has_card else torch.device("cpu")
        self.steps_per_epoch = batch_count(data, recipe.windows_per_batch, self.ranks)
        if self.steps_per_epoch == 0:
            raise ConfigError(f"{len(data)} examples are too few for {self.ranks} processes. Use fewer, or label more.")
        self.matcher = validate.matcher_errors(validation)
        self.history: list[dict[str, Any]] = []
        self.best: dict[str, Any] = {"error": math.inf, "epoch": 0}

        torch.manual_seed(self.seed)
        self.member = nets.build(name) if recipe.parent is None else runs.load_member(work, recipe.parent)
        self.scale = measure_scale(data)
        self.member.set_scale(self.scale)
        self.member.to(self.device)
        self.step: nn.Module = Step(self.member, recipe.weights).to(self.device)
        self.average = AveragedModel(self.member, avg_fn=self._running_mean, use_buffers=True)
        self.optimizer = torch.optim.AdamW(
            self.member.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.resume()
        if self.ranks > 1:
            self.step = nn.parallel.DistributedDataParallel(self.step)

    @property
    def is_done(self) -> bool:
        """All epochs trained, or none of the last ones better."""
        epoch = len(self.history)
        return epoch >= self.epochs or epoch - self.best["epoch"] >= self.recipe.patience_epochs

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one.

        Raises
        ------
        ConfigError
            It belongs to other settings.
        """
        path = self.folder / runs.CHECKPOINT
        if not path.exists():
            return
        kept = runs.read(path, "Then train again.")
        if kept["settings"] != self.settings:
            differing = [key for key, value in self.settings.items() if kept["settings"].get(key) != value]
            raise ConfigError(
                f"{path} was begun with other settings ({', '.join(differing)}). "
                f"Use the same, or remove {self.folder} to begin again."
            )
        self.member.load_state_dict(kept["member"])
        self.average.load_state_dict(kept["average"])
        self.optimizer.load_state_dict(kept["optimizer"])
        self.history, self.best = kept["history"], kept["best"]

    def epoch(self, show: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Train one epoch, validate, keep; what happened, as a line of the log."""
        number, began_s = len(self.history), time.monotonic()
        # Everything random follows from seed and epoch: a run that was interrupted goes on as if it were not.
        torch.manual_seed(self.seed + 100_000 * (number + 1) + self.rank)
        shuffle = torch.Generator().manual_seed(self.seed + 7919 * (number + 1))
        change = torch.Generator().manual_seed(self.seed + 104_729 * (number + 1) + self.rank)
        self.member.train()
        sums: dict[str, float] = {}
        shares = batches(self.data, self.recipe.windows_per_batch, shuffle, self.rank, self.ranks)
        for index, batch in enumerate(shares):
            rate = self.learning_rate(number * self.steps_per_epoch + index)
            for name, value in self._train_step(batch, change, rate).items():
                sums[name] = sums.get(name, 0.0) + value
            show()
        line = {
            "epoch": number + 1,
            "learning_rate": rate,
            "seconds": round(time.monotonic() - began_s, 1),
            "train": {name: value / self.steps_per_epoch for name, value in sums.items()},
            "validation": self._validate(),
        }
        self.history.append(line)
        self._keep()
        return line

    def learning_rate(self, step: int) -> float:
        """Rises evenly over the warm-up, then falls along a cosine to a hundredth."""
        at = step / (self.epochs * self.steps_per_epoch)
        if at < self.recipe.warm_up:
            return (
                self.recipe.learning_rate * (step + 1) / (self.recipe.warm_up * self.epochs * self.steps_per_epoch + 1)
            )
        share = 0.5 + 0.5 * math.cos(math.pi * (at - self.recipe.warm_up) / (1.0 - self.recipe.warm_up))
        return self.recipe.learning_rate * (0.01 + 0.99 * share)

    def _train_step(self, batch: Batch, change: torch.Generator, rate: float) -> dict[str, float]:
        how = self.recipe.augmentation
        changed = augment(batch, how, self.scale, change)
        view = second_view(batch, changed, how, change)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        terms = self.step(*(Batch(*(part.to(self.device) for part in one)) for one in (changed, view)))
        terms["total"].backward()
        nn.utils.clip_grad_norm_(self.member.parameters(), 1.0)
        self.optimizer.step()
        self.average.update_parameters(self.member)
        return {name: float(term.detach()) for name, term in terms.items()}

    def _running_mean(self, mean: Tensor, value: Tensor, count: Tensor) -> Tensor:
        """Exponential mean of the weights, over fewer steps while there have been few."""
        decay = min(self.recipe.average_decay, (1.0 + float(count)) / (10.0 + float(count)))
        return decay * mean + (1.0 - decay) * value

    def _validate(self) -> dict[str, list[float]]:
        """Errors of the averaged weights; every rank gets the first one's, so that all stop together."""
        found = [validate.validate(self.average.module, self.validation) if self.rank == 0 else None]
        if self.ranks > 1:
            dist.broadcast_object_list(found, src=0)
        return found[0]

    def _keep(self) -> None:
        error = validate.share_left(self.history[-1]["validation"], self.matcher)
        is_best = error < self.best["error"]
        if is_best:
            self.best = {"error": error, "epoch": len(self.history)}
        if self.rank:
            return
        if is_best:
            weights = {key: value.cpu() for key, value in self.average.module.state_dict().items()}
            runs.save(self.folder / runs.BEST, {"weights": weights, "settings": self.settings, **self.best})
        content = {"member": self.member, "average": self.average, "optimizer": self.optimizer}
        states = {name: part.state_dict() for name, part in content.items()}
        kept = {**states, "history": self.history, "best": self.best, "settings": self.settings}
        runs.save(self.folder / runs.CHECKPOINT, kept)
        runs.write_log(self.folder / runs.LOG, self.history)


def second_view(batch: Batch, changed: Batch, how: Augmentation, generator: torch.Generator) -> Batch:
    """The first quarter of the windows changed in another way, with the changed context and labels."""
    quarter = max(len(batch.windows) // 4, 1)
    first = int((batch.window_of < quarter).sum())
    return Batch(augment_windows(batch.windows[:quarter], how, generator), *(part[:first] for part in changed[1:]))


def train_member(run: Run) -> None:
    """All epochs that are left, with a progress bar."""
    with Progress(console=console, transient=True, disable=run.rank > 0) as progress:
        bar = progress.add_task(run.name, total=run.epochs * run.steps_per_epoch)
        progress.update(bar, completed=len(run.history) * run.steps_per_epoch)
        while not run.is_done:
            line = run.epoch(lambda: progress.advance(bar))
            if run.rank == 0:
                heard, song = (sum(line["validation"][key]) / len(line["validation"][key]) for key in ("heard", "song"))
                console.print(
                    f"{run.name} epoch {line['epoch']}/{run.epochs}: heard {heard:.4f}, song {song:.4f} "
                    f"({line['seconds']:.0f} s)"
                )
    if run.rank == 0:
        runs.draw_curves(run.folder / runs.CURVES, run.name, run.history, run.matcher)


def train_ensemble(work: Path, validation: Data) -> dict[str, list[float]]:
    """Fit the ensemble's weights on validation songs and keep it; its errors there."""
    members = [runs.load_member(work, name) for name in nets.MEMBERS]
    ensemble = Ensemble(members)
    answers = [validate.predict(member, validation) for member in members]
    heard_label, song_label, _ = validate.labels(validation)
    heard, song, log_spread = (torch.stack(parts) for parts in zip(*answers, strict=True))
    fit(ensemble, heard, song, log_spread, heard_label, song_label)
    with torch.no_grad():
        answer = ensemble.combine(heard, song, log_spread)
    found = {"heard": validate.errors(answer[:, 0], heard_label), "song": validate.errors(answer[:, 1], song_label)}
    content = {"weights": ensemble.state_dict(), "validation": found}
    runs.save(runs.folder(work, nets.ENSEMBLE) / runs.BEST, content)
    return found


def prepare(threads: int) -> None:
    """The same answers every time: deterministic algorithms, a fixed number of threads."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)


@contextmanager
def process_group() -> Iterator[None]:
    """This process's place among those that torch's launcher has started, if it has."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        if dist.is_initialized():
            # What waits for the collector keeps the group's threads, which abort when they meet the interpreter's end.
            gc.collect()
            dist.destroy_process_group()


@click.command(name="train")
@click.argument("name", type=click.Choice([*nets.NAMES, "all"]))
@click.option(
    "--work", type=click.Path(file_okay=False, path_type=Path), default=Path("training-out"), show_default=True
)
@click.option("--epochs", type=click.IntRange(1, 1000), default=10, show_default=True)
@click.option("--seed", type=click.IntRange(0, 999), default=0, show_default=True)
@click.option("--threads", type=click.IntRange(1, 256), default=1, show_default=True, help="Of each process.")
@click.option(
    "--widened", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="More shards, for retrained_enhanced_cnn.",
)  # fmt: skip
def command(name: str, work: Path, epochs: int, seed: int, threads: int, widened: Path | None) -> None:
    """Train one network, or all and their ensemble, on the shards in WORK/data.

    A run that was interrupted goes on where it was.

    \b
    Example:
      python -m training train all --epochs 10 --threads 2
    """
    prepare(threads)
    with process_group():
        validation = load(work / "data" / "validation")
        members = list(nets.MEMBERS) if name == "all" else [name] * (name in nets.MEMBERS)
        for member in members:
            recipe = RECIPES[member]
            more = [widened] if widened and recipe.is_widened else []
            data = load(work / "data" / "train", *more)
            train_member(Run(member, work, recipe, data, validation, epochs, seed))
        if name not in nets.MEMBERS and (not dist.is_initialized() or dist.get_rank() == 0):
            report(train_ensemble(work, validation), validation)


def report(found: dict[str, list[float]], validation: Data) -> None:
    """The ensemble's errors on validation songs beside the matcher's."""
    matcher = validate.matcher_errors(validation)
    for answer, values in found.items():
        ours, theirs = sum(values) / len(values), sum(matcher[answer]) / len(matcher[answer])
        console.print(f"{nets.ENSEMBLE} {answer}: {ours:.4f} on validation songs (matcher {theirs:.4f})")
