"""How far a network's answers are from the labels, while it is trained."""

from __future__ import annotations

import torch
from torch import Tensor

from rt_automix.analysis.bundles import context
from training.nets.common import Answer, Member, ten_from_nine
from training.networks.dataset import Batch, Data, batches

WINDOWS_AT_ONCE = 256


@torch.no_grad()
def predict(member: Member, data: Data) -> Answer:
    """A member's answers to all examples, clamped, on the processor, in the order of `labels`."""
    member.eval()
    device = member.window_mean.device
    answers = []
    for batch in batches(data, WINDOWS_AT_ONCE):
        batch = Batch(*(part.to(device) for part in batch))
        answers.append(member.answers(batch.windows, batch.window_of, batch.context, batch.rehearsed))
    heard, song, log_spread = (torch.cat(parts).cpu() for parts in zip(*answers, strict=True))
    return Answer(heard.clamp(0.0, 1.0), song.clamp(0.0, 1.0), log_spread)


def labels(data: Data) -> tuple[Tensor, Tensor, Tensor]:
    """Labels of what was heard and of the song, and the matcher's answers: each (N, params.COUNT)."""
    order, _ = data.by_window()
    return data.heard[order], data.song[order], data.context[order][:, context.PARTS["matched_norm"]]


def errors(answered: Tensor, wanted: Tensor) -> list[float]:
    """Mean absolute error per parameter of what has a label."""
    return (answered - wanted).abs().nanmean(0).tolist()


def validate(member: Member, data: Data) -> dict[str, list[float]]:
    """Errors per parameter of both answers."""
    answer = predict(member, data)
    heard, song, _ = labels(data)
    return {"heard": errors(ten_from_nine(answer.heard), heard), "song": errors(ten_from_nine(answer.song), song)}


def matcher_errors(data: Data) -> dict[str, list[float]]:
    """What `validate` gives for the matcher."""
    heard, song, matched = labels(data)
    return {"heard": errors(matched, heard), "song": errors(matched, song)}


def share_left(found: dict[str, list[float]], matcher: dict[str, list[float]]) -> float:
    """The one number that is watched: what is left of the matcher's error, mean of both answers."""
    return sum(sum(found[answer]) / sum(matcher[answer]) for answer in found) / len(found)
