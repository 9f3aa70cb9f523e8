"""Bundles: exported networks with all that they were made for, checked before they are used.

A bundle is a folder: the graph in two precisions, `model.json` that says what it expects and holds
the graphs' checksums, and `golden.npz` with inputs and the answers they must give. What does not fit
this version of the package, or is not whole, is refused in one sentence.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis import features
from rt_automix.analysis.bundles import context, graph
from rt_automix.errors import ModelError, nearest

FORMAT = 1

NAMES = (
    "baseline_cnn",
    "ast_regressor",
    "enhanced_cnn",
    "improved_enhanced_cnn",
    "retrained_enhanced_cnn",
    "weighted_ensemble",
)
"""The bundles that belong to the package; the first is the one to use: all err alike, and it costs least."""

FOLDERS = (Path(__file__).parents[2] / "data/models", Path(__file__).parents[3] / "models")
"""Where bundles are found by name: in an installed package, in a checkout."""

Precision = Literal["int8", "fp32"]
TOLERANCES = {"int8": 2e-2, "fp32": 1e-4}
"""By precision: how far the golden answers may be off, normalised. Processors round int8 differently."""

ANSWER_SHAPE = (3, params.COUNT)
HEARD_ROW, SONG_ROW, SPREAD_ROW = range(3)
"""Rows of an answer: for what has been heard, for the whole song, and the expected error of that."""

_WINDOW, _CONTEXT, _ANSWER = "window", "context", "parameters"
_INPUTS = {_WINDOW: context.WINDOW_SHAPE, _CONTEXT: (context.SIZE,)}
_WARM_UP_RUNS = 3

WANTED: dict[str, Any] = {
    "format": FORMAT,
    "context_version": context.VERSION,
    "window": list(context.WINDOW_SHAPE),
    "context_size": context.SIZE,
    "features": {
        "hop_s": features.HOP_S,
        "mel_bands": features.MEL_BANDS,
        "mel_low_hz": features.MEL_LOW_HZ,
        "mel_high_hz": features.MEL_HIGH_HZ,
        "rows": features.ROWS,
        "window_frames": context.WINDOW_SHAPE[1],
    },
    "parameters": [{"name": param.name, "low": param.low, "high": param.high} for param in params.PARAMS],
}
"""What model.json must say for a bundle to fit: it may say more."""

_CURE = "Use a bundle made for this version of rt_automix, or export it anew."


@dataclass(frozen=True)
class Spec:
    """What `model.json` says, as far as it is needed; the graph's bytes are those it vouches for."""

    folder: Path
    name: str
    precision: Precision
    opset: int
    full_norm: float
    none_norm: float
    graph: bytes


@dataclass(frozen=True)
class Bundle:
    """A network ready to run.

    Parameters
    ----------
    spec : Spec
    session : graph.Session or graph.Later
        One thread, which does not spin; or what opens it when it is first asked.
    """

    spec: Spec
    session: graph.Session | graph.Later

    def run(self, windows: NDArray[np.float32], contexts: NDArray[np.float32]) -> NDArray[np.float32]:
        """The network's answers, just as it gives them.

        Parameters
        ----------
        windows : float32, shape (n, *context.WINDOW_SHAPE)
        contexts : float32, shape (n, context.SIZE)

        Returns
        -------
        float32, shape (n, *ANSWER_SHAPE), normalised; see HEARD_ROW and so on.

        Raises
        ------
        ModelError
            It does not run; graph.UnfitError, where it was to be opened later and cannot be.

        Thread: worker. Allocates: yes.
        """
        try:
            (answers,) = self.session.run([_ANSWER], {_WINDOW: windows, _CONTEXT: contexts})
        except graph.UnfitError:
            raise
        except Exception as error:
            # Its messages name its own sources' lines, paragraphs long.
            raise ModelError(f"{self.spec.folder}: the network does not run ({type(error).__name__}).") from None
        return np.asarray(answers, np.float32)


def shipped() -> tuple[str, ...]:
    """Names of the bundles that are there."""
    folders = [entry for folder in FOLDERS if folder.is_dir() for entry in folder.iterdir()]
    return tuple(sorted({entry.name for entry in folders if (entry / "model.json").is_file()}))


def load(name_or_path: str | Path, precision: Precision = "int8", at_once: bool = True) -> Bundle:
    """A shipped bundle by name, or one from a folder; checked and warmed up.

    Parameters
    ----------
    name_or_path : str or path
    precision : "int8" or "fp32"
    at_once : bool
        Else it is opened, and what only shows then is checked, when it is first asked.

    Raises
    ------
    ModelError
        There is none, or it is not whole, or made for something else, or it answers wrongly.

    Thread: main. Allocates: yes.
    """
    spec = inspect(name_or_path, precision)
    return _opened(spec) if at_once else Bundle(spec, graph.Later(lambda: _opened(spec).session))


def _opened(spec: Spec) -> Bundle:
    bundle = Bundle(spec, graph.opened(spec.graph, f"{spec.folder}: its graph (opset {spec.opset})"))
    _check_ports(bundle)
    _check_golden(bundle)
    return bundle


def inspect(name_or_path: str | Path, precision: Precision = "int8") -> Spec:
    """What a bundle says of itself, checked as far as that goes without running it.

    Raises
    ------
    ModelError
        There is none, or it is not whole, or made for something else.

    Thread: main. Allocates: yes.
    """
    folder = _find(name_or_path)
    where = folder / "model.json"
    try:
        table = json.loads(_read(where))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{where}: not JSON: {_first_line(error)}. Fetch or export the bundle anew.") from None
    if difference := _difference(table, WANTED, ""):
        raise ModelError(f"{where}: {difference}. {_CURE}")
    try:
        entry, limits = table["files"][precision], table["confidence"]
        name, size, digest = str(entry["name"]), entry["bytes"], entry["sha256"]
        full_norm, none_norm = float(limits["full_norm"]), float(limits["none_norm"])
        title, opset = str(table["name"]), int(table["opset"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{where}: {_first_line(error)} is missing or not what it should be. {_CURE}") from None
    if not 0.0 <= full_norm < none_norm < math.inf:
        raise ModelError(f"{where}: confidence from {full_norm} to {none_norm}: the first must be the smaller. {_CURE}")
    if Path(name).name != name:
        raise ModelError(f'{where}: files.{precision}.name = "{name}" is not a file beside it. {_CURE}')
    content = _read(folder / name)
    if len(content) != size:
        raise ModelError(
            f"{folder / name}: has {len(content)} bytes, {size} expected. Fetch or export the bundle anew."
        )
    if (found := hashlib.sha256(content).hexdigest()) != digest:
        raise ModelError(
            f"{folder / name}: its SHA-256 begins {found[:12]}, expected is {str(digest)[:12]}: "
            "this is another file. Fetch or export the bundle anew."
        )
    return Spec(folder, title, precision, opset, full_norm, none_norm, content)


def _find(name_or_path: str | Path) -> Path:
    text = str(name_or_path)
    if Path(text).name == text:
        for folder in FOLDERS:
            if (folder / text).is_dir():
                return folder / text
    path = Path(text)
    if path.is_dir():
        return path
    there = shipped()
    cure = f"There are {', '.join(there)}." if there else "Reinstall rt_automix, or fetch its models folder."
    raise ModelError(f'model "{text}": no such bundle.{nearest(text, there)} {cure}')


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}. Fetch or export the bundle anew.") from None


def _difference(found: Any, wanted: Any, where: str) -> str:
    """The first place where `found` is not as wanted, in words; empty if there is none."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        pairs = [(found.get(key), value, f"{where}.{key}" if where else key) for key, value in wanted.items()]
    elif isinstance(wanted, list) and isinstance(found, list) and len(found) == len(wanted):
        pairs = [(*pair, f"{where}[{number}]") for number, pair in enumerate(zip(found, wanted, strict=True))]
    else:
        is_same = found == wanted and not isinstance(found, bool)
        return "" if is_same else f"{where or 'content'} = {_short(found)}, but {_short(wanted)} is needed"
    return next(filter(None, (_difference(*pair) for pair in pairs)), "")


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")


def _check_ports(bundle: Bundle) -> None:
    """Raise ModelError unless inputs and output are what the runtime gives and takes; the first axis is free."""
    session: Any = bundle.session
    for kind, ports, wanted in (
        ("inputs", session.get_inputs(), _INPUTS),
        ("outputs", session.get_outputs(), {_ANSWER: ANSWER_SHAPE}),
    ):
        found = sorted(f"{port.name} {port.type} {tuple(port.shape[1:])}" for port in ports)
        needed = sorted(f"{name} tensor(float) {shape}" for name, shape in wanted.items())
        if found != needed:
            raise ModelError(
                f"{bundle.spec.folder}: its {kind} are {', '.join(found)}; needed: {', '.join(needed)}. {_CURE}"
            )


def _check_golden(bundle: Bundle) -> None:
    """Raise ModelError unless the first golden input gives the golden answer; the runs warm the network up."""
    where, precision = bundle.spec.folder / "golden.npz", bundle.spec.precision
    try:
        with np.load(where, allow_pickle=False) as golden:
            window, vector = (np.ascontiguousarray(golden[name][:1], np.float32) for name in _INPUTS)
            wanted = np.asarray(golden[precision][:1], np.float32)
    except Exception as error:  # a file that is no archive fails in a dozen ways
        raise ModelError(f"{where}: cannot be read: {_first_line(error)}. Fetch or export the bundle anew.") from None
    for _ in range(1 + _WARM_UP_RUNS):
        found = bundle.run(window, vector)
    if found.shape != wanted.shape:
        raise ModelError(f"{where}: its answers are {wanted.shape}, the network's are {found.shape}. {_CURE}")
    off = float(np.max(np.abs(found - wanted)))
    if not off <= TOLERANCES[precision]:  # so that NaN does not pass
        raise ModelError(
            f"{bundle.spec.folder}: the {precision} network's answer is {off:.2g} away from the golden one, "
            f"{TOLERANCES[precision]:g} is allowed. Fetch or export the bundle anew."
        )
