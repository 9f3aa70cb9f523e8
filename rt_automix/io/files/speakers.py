"""Which speakers the channels of a file are for, and all of them in the order of a WAV file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rt_automix.errors import AudioFileError
from rt_automix.io.files.codec import Block, Decoder, SoundFile
from rt_automix.io.files.containers import containers
from rt_automix.io.files.containers.pieces import Container
from rt_automix.io.files.foreign import Foreign
from rt_automix.surround import LAYOUTS

_AS_VORBIS = ("OGG", "Opus")
_IN_ORDER = ("FLAC", "OGG FLAC")


class InOrder:
    """A decoder whose channels come out in another order."""

    def __init__(self, decoder: Decoder, order: tuple[int, ...]) -> None:
        self.sample_rate_hz, self.channels = decoder.sample_rate_hz, decoder.channels
        self.samples, self.encoding = decoder.samples, decoder.encoding
        self._decoder, self._order = decoder, list(order)

    def blocks(self, block_samples: int) -> Iterator[Block]:
        for block in self._decoder.blocks(block_samples):
            yield np.ascontiguousarray(block[self._order])

    def close(self) -> None:
        self._decoder.close()


def in_order(
    path: Path, decoder: Decoder, container: Container, pairs: bool = False
) -> tuple[Decoder, int, tuple[str, ...]]:
    """A surround file's decoder in the order of a WAV file, the mask for one, and notes; of pairs, as it is.

    Raises
    ------
    AudioFileError
        Its speakers are others than those of a layout of `surround`.

    Thread: main. Allocates: yes.
    """
    layout = LAYOUTS.get(decoder.channels)
    if pairs:
        return decoder, container.mask, ()
    if layout is None:
        return decoder, 0, ()
    mask = container.mask or _said(path, decoder, container)
    if mask and mask not in layout.masks:
        order = " ".join(layout.speakers)
        raise AudioFileError(
            f"{path}: its {decoder.channels} channels are for other speakers (channel mask 0x{mask:X}) than "
            f"{layout.name}, {order}. Lay them out so: "
            f"{containers.ffmpeg(path, f'-af aformat=channel_layouts={layout.name} new.wav')}."
        )
    if container.name in _AS_VORBIS and isinstance(decoder, SoundFile):  # libsndfile leaves them where they are
        return InOrder(decoder, layout.vorbis), layout.masks[0], ()
    if mask or container.name in _IN_ORDER:
        return decoder, mask or layout.masks[0], ()
    return decoder, layout.masks[0], (f"its channels are taken as {' '.join(layout.speakers)}",)


def _said(path: Path, decoder: Decoder, container: Container) -> int:
    """The mask that a FLAC has in a comment, or that PyAV tells; 0 where there is none."""
    if container.name != "FLAC":
        return decoder.mask if isinstance(decoder, Foreign) else 0
    from rt_automix.io.files import tags  # which takes its time, and is wanted for more than two channels alone

    return tags.mask_of_flac(path)
