"""YOLOv5 small (depth 0.33, width 0.5): finds objects, the decoding of its boxes inside the graph.

SPDX-License-Identifier: Apache-2.0
"""
import numpy as np
from onnx import TensorProto

from .conv_net import ConvNet

# width and height of the three anchors of each level, in pixels
ANCHORS = np.array([[10, 13, 16, 30, 33, 23], [30, 61, 62, 45, 59, 119], [116, 90, 156, 198, 373, 326]], np.float32)


def conv_silu(net, x, channels, kernel=1, stride=1, pads=None):
    return net.silu(net.batch_norm(net.conv(x, channels, kernel, stride, pads, gain=2.8), epsilon=1e-3))


def c3(net, x, channels, blocks, shortcut=True):
    """Two branches of half the channels, one through bottlenecks, joined."""
    half = channels // 2
    a = conv_silu(net, x, half)
    for _ in range(blocks):
        b = conv_silu(net, conv_silu(net, a, half), half, 3)
        a = net.add(a, b) if shortcut else b
    return conv_silu(net, net.concat([a, conv_silu(net, x, half)]), channels)


def backbone(net, x):
    """Features at strides 8, 16 and 32."""
    x = conv_silu(net, x, 32, 6, 2, [2] * 4)
    x = c3(net, conv_silu(net, x, 64, 3, 2), 64, 1)
    p3 = c3(net, conv_silu(net, x, 128, 3, 2), 128, 2)
    p4 = c3(net, conv_silu(net, p3, 256, 3, 2), 256, 3)
    x = c3(net, conv_silu(net, p4, 512, 3, 2), 512, 1)
    pools = [conv_silu(net, x, 256)]
    for _ in range(3):
        pools.append(net.max_pool(pools[-1], 5, 1, 2))
    return p3, p4, conv_silu(net, net.concat(pools), 512)


def neck(net, p3, p4, p5):
    """Joins the levels from the top down and back up."""
    t5 = conv_silu(net, p5, 256)
    x = c3(net, net.concat([net.upsample2(t5), p4]), 256, 1, False)
    t4 = conv_silu(net, x, 128)
    o3 = c3(net, net.concat([net.upsample2(t4), p3]), 128, 1, False)
    o4 = c3(net, net.concat([conv_silu(net, o3, 128, 3, 2), t4]), 256, 1, False)
    o5 = c3(net, net.concat([conv_silu(net, o4, 256, 3, 2), t5]), 512, 1, False)
    return o3, o4, o5


def decode(net, features, level, side, classes):
    """Boxes of one level, [N, 3 * n * n, classes + 5]."""
    fields, stride = classes + 5, 8 << level
    n = side // stride
    bias = np.zeros((3, fields), np.float32)
    bias[:, 4] = np.log(8 / (640 / stride) ** 2)
    bias[:, 5:] = np.log(0.6 / (classes - 0.99999))
    x = net.conv(features, 3 * fields, 1, bias=bias.reshape(-1), deviation=(0.3 / features.channels) ** 0.5,
                 name=f"detect.m.{level}")
    r = net.op("Reshape", [x.name, net.constant(np.array([0, 3, fields, n, n], np.int64))])
    r = net.op("Sigmoid", [net.op("Transpose", [r], perm=[0, 1, 3, 4, 2])])
    xy, wh, rest = net.op("Split", [r, net.constant(np.array([2, 2, classes + 1], np.int64))], outputs=3, axis=4)
    rows, columns = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    grid = np.broadcast_to(np.stack([columns, rows], -1) - 0.5, (1, 3, n, n, 2)).astype(np.float32)
    anchors = np.broadcast_to(ANCHORS[level].reshape(1, 3, 1, 1, 2), (1, 3, n, n, 2)).astype(np.float32)
    two = net.constant(np.float32(2))
    xy = net.op("Add", [net.op("Mul", [xy, two]), net.constant(grid)])
    xy = net.op("Mul", [xy, net.constant(np.float32(stride))])
    wh = net.op("Pow", [net.op("Mul", [wh, two]), net.constant(np.float32(2))])
    wh = net.op("Mul", [wh, net.constant(anchors)])
    boxes = net.op("Concat", [xy, wh, rest], axis=4)
    return net.op("Reshape", [boxes, net.constant(np.array([0, 3 * n * n, fields], np.int64))])


def yolov5s(side=640, classes=80):
    net = ConvNet("yolov5s", 5)
    x = net.picture("images", (side, side), (1, 192, 192))
    levels = neck(net, *backbone(net, x))
    boxes = [decode(net, features, level, side, classes) for level, features in enumerate(levels)]
    count = sum(3 * (side // stride) ** 2 for stride in (8, 16, 32))
    net.output(net.op("Concat", boxes, axis=1), "output0", TensorProto.FLOAT, ["N", count, classes + 5])
    return net.model()
