"""What became of a file that was mastered."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rt_automix.analysis.aim.masters import Found
from rt_automix.analysis.aim.profile import Profile
from rt_automix.analysis.recordings import findings
from rt_automix.analysis.recordings.measure import LoudnessCurve, Measurement
from rt_automix.engine.history import History
from rt_automix.io.lossy.delivery import Delivered

SETTLING_S = 10.0
"""How long the engine may take to settle: figures of the settled master leave this much out."""


@dataclass(frozen=True)
class RenderResult:
    """What became of a file; `to_dict` holds the figures, without what was recorded over time.

    `loudness_after_10_s_lufs` is the integrated loudness of the output without the seconds in which
    the engine may still settle, None for less than 15 s; the two profiles are None unless asked for,
    or where there is too little music; `faults` counts samples that were not sane audio; `missed`
    says why a target was not met, where the song was heard first; `suggester_notes` say why another
    one decided than was asked for, `found` is the correction that was aimed at with its doubt (None with a
    reference), `source_notes` what was not as it should be in the input; `mono`
    says for a mono file how it was measured, "dual" or "single"; `deliveries` are the lossy files that
    were made of it.
    """

    source: Path
    target: Path
    sample_rate_hz: int
    channels: int
    duration_s: float
    latency_samples: int
    seconds_taken: float
    amount: float
    target_lufs: float
    ceiling_dbtp: float
    input: Measurement
    output: Measurement
    input_curve: LoudnessCurve
    output_curve: LoudnessCurve
    loudness_after_10_s_lufs: float | None
    history: History
    style: Profile
    suggester: str
    suggester_notes: tuple[str, ...]
    input_profile: Profile | None
    output_profile: Profile | None
    faults: int
    analysis_gaps: int
    tags_note: str
    source_notes: tuple[str, ...] = ()
    found: Found | None = None
    missed: str = ""
    mono: str = ""
    deliveries: tuple[Delivered, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The figures by name, ready for JSON."""
        plain = {name: value for name, value in vars(self).items() if isinstance(value, (int, float, str))}
        return {
            "source": str(self.source),
            "target": str(self.target),
            **plain,
            "loudness_after_10_s_lufs": self.loudness_after_10_s_lufs,
            "profile": self.style.name,
            "suggester_notes": list(self.suggester_notes),
            "source_notes": list(self.source_notes),
            "input": asdict(self.input),
            "output": asdict(self.output),
            "found": findings.plain(self.found),
            "settled": self.history.settled(SETTLING_S),
            "deliveries": [asdict(one) for one in self.deliveries],
        }

    def to_json(self) -> str:
        """`to_dict` as text."""
        return json.dumps(self.to_dict(), indent=2)
