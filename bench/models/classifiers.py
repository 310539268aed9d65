"""Networks that name what a picture shows: ResNet-50, MobileNetV2, EfficientNet-Lite0.

SPDX-License-Identifier: Apache-2.0
"""
from onnx import TensorProto

from .conv_net import ConvNet
from .weights import read_torch


def resnet50(side=224):
    net = ConvNet("resnet50", 50)
    x = net.picture("input", (side, side), (2, 128, 128))
    x = net.relu(net.batch_norm(net.conv(x, 64, 7, 2, name="conv1")))
    x = net.max_pool(x, 3, 2, 1)
    for index, (width, blocks, stride) in enumerate(((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)), 1):
        for block in range(blocks):
            x = bottleneck(net, x, width, stride if block == 0 else 1, block == 0, f"layer{index}.{block}")
    net.output(net.classify(x, 1000), "logits", TensorProto.FLOAT, ["N", 1000])
    return net.model()


def bottleneck(net, x, width, stride, project, name):
    y = net.relu(net.batch_norm(net.conv(x, width, 1, name=name + ".conv1")))
    y = net.relu(net.batch_norm(net.conv(y, width, 3, stride, name=name + ".conv2")))
    y = net.batch_norm(net.conv(y, 4 * width, 1, name=name + ".conv3"), scale=0.5)
    if project:
        x = net.batch_norm(net.conv(x, 4 * width, 1, stride, name=name + ".downsample"))
    return net.relu(net.add(y, x))


# expansion, channels, blocks, stride of the first
MOBILENET_V2 = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def mobilenet_v2(side=224):
    net = ConvNet("mobilenet_v2", 2)
    x = net.picture("input", (side, side), (2, 128, 128))
    x = net.relu6(net.batch_norm(net.conv(x, 32, 3, 2)))
    for expansion, channels, blocks, first_stride in MOBILENET_V2:
        for block in range(blocks):
            stride, hidden = (first_stride if block == 0 else 1), x.channels * expansion
            y = x
            if expansion != 1:
                y = net.relu6(net.batch_norm(net.conv(y, hidden, 1)))
            y = net.relu6(net.batch_norm(net.conv(y, hidden, 3, stride, groups=hidden)))
            y = net.batch_norm(net.conv(y, channels, 1))
            x = net.add(x, y) if stride == 1 and x.channels == channels else y
    x = net.relu6(net.batch_norm(net.conv(x, 1280, 1)))
    net.output(net.classify(x, 1000), "logits", TensorProto.FLOAT, ["N", 1000])
    return net.model()


# blocks, kernel, stride of the first, expansion, channels
EFFICIENTNET_LITE0 = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112),
                      (4, 5, 2, 6, 192), (1, 3, 1, 6, 320))


def efficientnet_lite0(checkpoint):
    """With the real ImageNet weights of a checkpoint: asymmetric padding, ReLU6, no squeeze-and-excite."""
    weights = read_torch(checkpoint)
    net = ConvNet("efficientnet_lite0", 1)
    x = net.picture("input", (224, 224), (1, 224, 224))

    def conv_norm(x, conv, norm, kernel, stride, groups=1, activate=True):
        size = x.array.shape[2]
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)  # TensorFlow's "same"
        before, after = total // 2, total - total // 2
        weight = weights[conv + ".weight"]
        y = net.conv(x, weight.shape[0], kernel, stride, [before, before, after, after], groups, conv, weight)
        keys = (".weight", ".bias", ".running_mean", ".running_var")
        y = net.batch_norm(y, epsilon=1e-3, parameters=[weights[norm + key] for key in keys])
        return net.relu6(y) if activate else y

    x = conv_norm(x, "_conv_stem", "_bn0", 3, 2)
    index = 0
    for blocks, kernel, first_stride, expansion, channels in EFFICIENTNET_LITE0:
        for block in range(blocks):
            prefix, stride, before = f"_blocks.{index}.", (first_stride if block == 0 else 1), x.channels
            y = x if expansion == 1 else conv_norm(x, prefix + "_expand_conv", prefix + "_bn0", 1, 1)
            y = conv_norm(y, prefix + "_depthwise_conv", prefix + "_bn1", kernel, stride, groups=before * expansion)
            y = conv_norm(y, prefix + "_project_conv", prefix + "_bn2", 1, 1, activate=False)
            x = net.add(y, x) if stride == 1 and before == channels else y
            index += 1
    x = conv_norm(x, "_conv_head", "_bn1", 1, 1)
    logits = net.classify(x, 1000, weights["_fc.weight"], weights["_fc.bias"])
    net.output(logits, "logits", TensorProto.FLOAT, ["N", 1000])
    return net.model()
