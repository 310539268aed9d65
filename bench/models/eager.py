"""What a few operators compute, in NumPy: networks run on one picture while they are built, to measure their statistics.

SPDX-License-Identifier: Apache-2.0
"""
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def conv2d(x, weight, stride, pads, groups):
    """Convolution of [n, c, h, w]; pads are (top, left, bottom, right); groups is 1 or the number of channels."""
    x = np.pad(x, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    height, width = weight.shape[2:]
    windows = sliding_window_view(x, (height, width), axis=(2, 3))[:, :, ::stride, ::stride]
    if groups == 1:
        n, c, out_h, out_w = windows.shape[:4]
        columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * out_h * out_w, c * height * width)
        out = columns @ weight.reshape(weight.shape[0], -1).T
        return out.reshape(n, out_h, out_w, -1).transpose(0, 3, 1, 2)
    assert groups == x.shape[1] == weight.shape[0]
    return np.einsum("nchwij,cij->nchw", windows, weight[:, 0], optimize=True)


def max_pool2d(x, kernel, stride, pad):
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)), constant_values=-np.inf)
    return sliding_window_view(x, (kernel, kernel), axis=(2, 3))[:, :, ::stride, ::stride].max((4, 5))


def picture(rng, n, c, h, w):
    """Noise of six scales, in blocks: mean 0 and deviation 1 a channel."""
    out = np.zeros((n, c, h, w), np.float32)
    for block in (1, 2, 4, 8, 16, 32):
        noise = rng.standard_normal((n, c, -(-h // block), -(-w // block))).astype(np.float32)
        out += np.repeat(np.repeat(noise, block, 2), block, 3)[:, :, :h, :w]
    return (out - out.mean((0, 2, 3), keepdims=True)) / out.std((0, 2, 3), keepdims=True)
