"""Surround programmes laid out as the kernels want them, and folded to what the analysis hears."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rt_automix import surround
from rt_automix.dsp.dynamics import bed


def lay(channels: NDArray[np.float32], layout: surround.Layout) -> NDArray[np.float32]:
    """A bed of what is in the order of a file: the same array, but where a row is silent.

    Thread: any. Allocates: yes, where a row is silent.
    """
    if len(layout.rows) == layout.rows[-1] + 1:
        return channels
    laid = np.zeros((layout.rows[-1] + 1, channels.shape[1]), np.float32)
    laid[list(layout.rows)] = channels
    return laid


def folded(channels: NDArray[np.float32], layout: surround.Layout | None = None) -> NDArray[np.float32]:
    """What the analysis hears of a programme in the order of a file: stereo, or what there is of one or two channels.

    Without a layout more than two channels are for the speakers of their number.

    Parameters
    ----------
    channels : float32, shape (channels, n)

    Thread: any. Allocates: yes, of more than two channels.
    """
    if len(channels) <= 2:
        return channels
    layout = layout or surround.layout_of(len(channels))
    stereo = np.empty((2, channels.shape[1]), np.float32)
    laid = np.ascontiguousarray(lay(channels, layout))
    bed.fold(laid, 0, np.array(layout.folded, np.float32), stereo[0], stereo[1])
    return stereo
