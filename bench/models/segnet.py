"""SegNet: labels every pixel; a VGG encoder and its mirror, joined by the places of the maxima.

SPDX-License-Identifier: Apache-2.0
"""
import numpy as np
from onnx import TensorProto

from .conv_net import ConvNet, Value

ENCODER = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels, convolutions
DECODER = ((512, 512, 512), (512, 512, 256), (256, 256, 128), (128, 64), (64,))


def conv_relu(net, x, channels):
    return net.relu(net.batch_norm(net.conv(x, channels, 3, bias=np.zeros(channels, np.float32))))


def pool_with_indices(net, x, unpool):
    """Halves both sides; returns the value, the name of the indices (or None) and the place of each maximum (0..3)."""
    n, c, h, w = x.array.shape
    blocks = x.array.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, h // 2, w // 2, 4)
    made = net.op("MaxPool", [x.name], outputs=2 if unpool else 1, kernel_shape=[2, 2], strides=[2, 2])
    out, indices = made if unpool else (made, None)
    return Value(out, blocks.max(-1)), indices, blocks.argmax(-1)


def max_unpool(net, x, indices, places):
    out = net.op("MaxUnpool", [x.name, indices], kernel_shape=[2, 2], strides=[2, 2])
    n, c, h, w = x.array.shape
    spread = np.where(np.arange(4) == places[..., None], x.array[..., None], 0).astype(np.float32)
    spread = spread.reshape(n, c, h, w, 2, 2).transpose(0, 1, 2, 4, 3, 5)
    return Value(out, spread.reshape(n, c, 2 * h, 2 * w))


def segnet(height=352, width=480, classes=12, unpool=True):
    """With MaxUnpool and the encoder's indices, or (unpool=False) with nearest Resize in its place."""
    net = ConvNet("segnet" if unpool else "segnet_resize", 16)
    x = net.picture("input", (height, width), (1, 96, 128))
    pooled = []
    for channels, convolutions in ENCODER:
        for _ in range(convolutions):
            x = conv_relu(net, x, channels)
        x, indices, places = pool_with_indices(net, x, unpool)
        pooled.append((indices, places))
    for stage in DECODER:
        indices, places = pooled.pop()
        x = max_unpool(net, x, indices, places) if unpool else net.upsample2(x)
        for channels in stage:
            x = conv_relu(net, x, channels)
    y = net.conv(x, classes, 3, bias=np.zeros(classes, np.float32), gain=1.0)
    net.output(y.name, "logits", TensorProto.FLOAT, ["N", classes, height, width])
    return net.model()
