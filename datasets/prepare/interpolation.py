"""Frames between two frames, by optical flow.

A fast object jumps from frame to frame, and the mean of few frames shows it several times instead of a streak; REDS was
therefore made from interpolated frames. Here the flow is iterative Lucas-Kanade (Le Besnerais and Champagnat, ICIP
2005, in scikit-image), and a frame in between is both neighbours warped to it and blended, as in Super SloMo (Jiang et
al., CVPR 2018, eq. 4) without its networks: what is hidden in one of the frames is not treated apart.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

_WINDOW_RADIUS = 15  # px; of the window in which the motion is taken as one. 7 and 15 did about equally well.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def frames_between(first: np.ndarray, second: np.ndarray, count: int) -> list[np.ndarray]:
    """`count` frames evenly spaced in time between two frames, all uint8 [H, W, 3]."""
    from skimage.registration import optical_flow_ilk  # a slow import, needed by this alone

    gray = [frame @ _LUMA / 255 for frame in (first, second)]
    forward = optical_flow_ilk(*gray, radius=_WINDOW_RADIUS)  # second(x + forward(x)) is first(x)
    backward = optical_flow_ilk(*gray[::-1], radius=_WINDOW_RADIUS)
    return [_frame_at(k / (count + 1), first, second, forward, backward) for k in range(1, count + 1)]


def _frame_at(
    time: float, first: np.ndarray, second: np.ndarray, forward: np.ndarray, backward: np.ndarray
) -> np.ndarray:
    """The frame at `time` in (0, 1); flows are float32 [2, H, W], (dy, dx)."""
    to_first = time * time * backward - (1 - time) * time * forward
    to_second = (1 - time) * (1 - time) * forward - time * (1 - time) * backward
    blended = (1 - time) * _warp(first, to_first) + time * _warp(second, to_second)
    return np.rint(blended).astype(np.uint8)


def _warp(frame: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """frame(x + flow(x)), bilinear, float32 [H, W, 3]; beyond the border, the border's value."""
    where = np.indices(frame.shape[:2], np.float32) + flow
    planes = [
        ndimage.map_coordinates(frame[..., channel], where, np.float32, order=1, mode="nearest") for channel in range(3)
    ]
    return np.stack(planes, axis=-1)
