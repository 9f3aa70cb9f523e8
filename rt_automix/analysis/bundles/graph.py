"""A network's graph in onnxruntime: on one thread, silent, without spinning; opened now, or when it is first asked."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rt_automix.errors import ModelError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession as Session
else:
    Session = Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
"""From 1.29 on the runtime tells its maker of each model and session, in a thread that importing it starts."""

_SILENT = 4  # onnxruntime prints nothing but what ends the process


class UnfitError(ModelError):
    """A network that was to be opened later turns out not to be usable, now or ever."""


@lru_cache(maxsize=1)
def opened(content: bytes, what: str) -> Session:
    """A graph ready to run; the same graph again costs nothing.

    Parameters
    ----------
    content : bytes
    what : str
        Whose it is, for messages.

    Raises
    ------
    ModelError
        There is no onnxruntime, or it cannot open the graph.

    Thread: any. Allocates: yes.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelError(f"onnxruntime cannot be loaded ({error}). Install it: pip install onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = _SILENT
    try:
        onnxruntime.set_default_logger_severity(_SILENT)
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(
            f"{what} cannot be opened by onnxruntime {onnxruntime.__version__} ({type(error).__name__}). "
            "Update onnxruntime, or export the bundle anew."
        ) from None


class Later:
    """A session that is opened when it is first asked: a short file asks nobody.

    Parameters
    ----------
    opens : function that returns a Session
        May raise ModelError.
    """

    def __init__(self, opens: Callable[[], Session]) -> None:
        self._opens = opens
        self._session: Any = None
        self._refusal = ""

    def run(self, *arguments: Any) -> Any:
        """As the session's own. Raises UnfitError, each time, where there is none to be had."""
        if self._session is None and not self._refusal:
            try:
                self._session = self._opens()
            except ModelError as error:
                self._refusal = str(error)
        if self._session is None:
            raise UnfitError(self._refusal)
        return self._session.run(*arguments)
