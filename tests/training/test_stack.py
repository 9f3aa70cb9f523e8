"""A stack says what its members say: one by one, and weighed as the ensemble does."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="networks need torch")

from test_nets import numbers, shaken, windows  # noqa: E402

from training import nets  # noqa: E402
from training.nets.stack import Stack  # noqa: E402
from training.nets.weighted_ensemble import Ensemble  # noqa: E402

torch.set_num_threads(1)


def member(name: str, seed: int, scale: int = 0) -> torch.nn.Module:
    """A member away from its beginning, which standardises by numbers of its own."""
    found = shaken(name, seed)
    random = torch.Generator().manual_seed(scale)
    with torch.no_grad():
        for moment, low in (("mean", -1.0), ("deviation", 0.5)):
            for part in ("window", "context", "rehearsed"):
                values = getattr(found, f"{part}_{moment}")
                values.copy_((8.0 if part == "window" else 2.0) * (low + torch.rand(values.shape, generator=random)))
        for layer in found.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.running_mean.normal_(generator=random)
                layer.running_var.uniform_(0.5, 2.0, generator=random)
    return found


@pytest.mark.parametrize("name", nets.MEMBERS)
def test_a_single_member(name: str) -> None:
    one, window, vector = member(name, 1), windows(6), numbers(6)
    with torch.no_grad():
        assert torch.allclose(Stack(one).eval()(window, vector), one(window, vector), atol=2e-5)


@pytest.mark.parametrize("scales", [(0, 0, 0, 0, 0), (0, 0, 0, 0, 1), (0, 1, 1, 2, 0)])
def test_all_members_whether_they_standardise_alike_or_not(scales: tuple[int, ...]) -> None:
    members = [member(name, seed, scale) for seed, (name, scale) in enumerate(zip(nets.MEMBERS, scales, strict=True))]
    ensemble, window, vector = Ensemble(members).eval(), windows(6), numbers(6)
    with torch.no_grad():
        for logits in (ensemble.heard_logits, ensemble.song_logits, ensemble.spread_logits):
            logits.normal_(generator=torch.Generator().manual_seed(3))
        assert torch.allclose(Stack(ensemble).eval()(window, vector), ensemble(window, vector), atol=2e-5)


def test_a_stack_has_weights_of_its_own() -> None:
    one, window, vector = member("baseline_cnn", 1), windows(2), numbers(2)
    stack = Stack(one).eval()
    with torch.no_grad():
        before = stack(window, vector)
        for weight in stack.parameters():
            weight.zero_()
        assert not torch.allclose(before, stack(window, vector))
        assert torch.allclose(before, one(window, vector), atol=2e-5)
