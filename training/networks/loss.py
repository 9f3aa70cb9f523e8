"""What a network is asked for: the teacher's parameters, their sound, steadiness, and to know its error."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rt_automix import params
from rt_automix.analysis.tone import tone_edges_hz
from rt_automix.dsp.tone import equalizer
from training.nets.common import Answer, ten_from_nine
from training.networks.dataset import Batch

_EQ = slice(params.INDEX["low_shelf_db"], params.INDEX["air_db"] + 1)
_EQ_RANGE_DB = float(params.HIGH[_EQ][0] - params.LOW[_EQ][0])
_SHAPE_DB = 4.0


@dataclass(frozen=True)
class Weights:
    """Of the terms, each a mean over examples.

    parameters : of the mean absolute error of the normalised parameters
    spectral : per dB of error of the equaliser's response, and of what is left of it in the band balance
    overshoot : of how far an answer lies outside its range before it is clamped
    consistency : of how far two views of the same music disagree
    spread : of the expected error's negative log likelihood
    """

    parameters: float = 1.0
    spectral: float = 0.02
    overshoot: float = 0.5
    consistency: float = 0.2
    spread: float = 0.01


class Loss(nn.Module):
    """The weighted sum of all terms.

    Parameters
    ----------
    weights : Weights
    """

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.weights = weights
        self.register_buffer("shapes", band_shapes(), persistent=False)

    def forward(self, answer: Answer, batch: Batch, other: Answer | None = None) -> dict[str, Tensor]:
        """Terms by name, and their weighted sum as "total".

        Parameters
        ----------
        answer : Answer
            To the batch.
        other : Answer, optional
            To another view of its first examples.
        """
        heard, song = ten_from_nine(answer.heard), ten_from_nine(answer.song)
        both, wanted = torch.cat([heard, song]), torch.cat([batch.heard, batch.song])
        terms = {
            "parameters": absolute_error(both, wanted),
            "spectral": self.spectral(both, wanted),
            "overshoot": overshoot(answer.heard) + overshoot(answer.song),
            "spread": spread_likelihood(answer.log_spread, song, batch.song),
        }
        if other is not None:
            first = len(other.heard)
            terms["consistency"] = (ten_from_nine(other.heard) - heard[:first]).abs().mean() + (
                ten_from_nine(other.song) - song[:first]
            ).abs().mean()
        total = sum(getattr(self.weights, name) * term for name, term in terms.items())
        return {**terms, "total": total}

    def spectral(self, answered: Tensor, wanted: Tensor) -> Tensor:
        """Mean absolute error in dB of the equaliser's response, and of the band balance behind it.

        Bands are even on the ERB-rate scale, so each weighs alike. The balance is the response less
        its mean, which is the gain's business.
        """
        is_known = ~torch.isnan(wanted[:, _EQ])
        error_db = _EQ_RANGE_DB * torch.where(is_known, answered[:, _EQ] - wanted[:, _EQ], 0.0)
        response_db = error_db @ self.shapes
        balance_db = response_db - response_db.mean(1, keepdim=True)
        count = is_known.all(1).sum().clamp(min=1) * self.shapes.shape[1]
        return (response_db.abs().sum() + balance_db.abs().sum()) / count


def band_shapes() -> Tensor:
    """Response in dB per dB of gain of each band of the equaliser at the tone bands' centres: (5, TONE_BANDS).

    With Q = sqrt(1/2) a band's response in dB is its gain times one shape, to 0.02 dB.
    """
    edges = tone_edges_hz()
    centres = (edges[1:] * edges[:-1]) ** 0.5
    gains_db = torch.eye(equalizer.BAND_COUNT).numpy() * _SHAPE_DB
    shapes = [equalizer.analog_magnitude_db(one, centres) / _SHAPE_DB for one in gains_db]
    return torch.stack([torch.as_tensor(shape, dtype=torch.float32) for shape in shapes])


def absolute_error(answered: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute error of what has a label."""
    is_known = ~torch.isnan(wanted)
    error = torch.where(is_known, answered - wanted, 0.0).abs()
    return error.sum() / is_known.sum().clamp(min=1)


def overshoot(nine: Tensor) -> Tensor:
    """Mean distance outside of 0..1; also what leads an answer back that the clamp holds."""
    return (torch.relu(-nine) + torch.relu(nine - 1.0)).mean()


def spread_likelihood(log_spread: Tensor, answered: Tensor, wanted: Tensor) -> Tensor:
    """Negative log likelihood of the errors under Laplace distributions of the said spreads.

    Its minimum is where the spread is the mean absolute error. The errors count as given: an
    answer must not become worse to be foreseen.
    """
    is_known = ~torch.isnan(wanted)
    error = torch.where(is_known, answered - wanted, 0.0).abs().detach()
    likelihood = torch.where(is_known, log_spread + error * torch.exp(-log_spread), 0.0)
    return likelihood.sum() / is_known.sum().clamp(min=1)
