"""The networks that are compared, each with the inputs it is timed on.

SPDX-License-Identifier: Apache-2.0
"""
import dataclasses
import typing

import numpy as np

from . import inputs


@dataclasses.dataclass
class Network:
    """`needs` is what tools/fetch_models must get: the network itself, or what bench/make_models.py makes it of.
    `continuous` is false where rounding may decide what the output is: its error is told, not judged."""
    name: str
    about: str
    feed: typing.Callable
    generated: bool = False
    needs: tuple = ()
    continuous: bool = True

    def path(self):
        return inputs.MODELS / f"{self.name}.onnx"


def silero(size):
    return {"input": inputs.speech(16000, 16000)[None, 8000:8000 + size], "state": np.zeros((2, 1, 128), np.float32)}


def lines(count, width):
    pieces = inputs.text_lines()
    return np.concatenate([inputs.recognizer_strip(pieces[i % len(pieces)], width) for i in range(count)])


def fetched(name, about, feed, *more):
    return Network(name, about, feed, needs=(name, *more))


def generated(name, about, feed, *needs, continuous=True):
    return Network(name, about, feed, generated=True, needs=needs, continuous=continuous)


NETWORKS = [
    fetched("ppocr4_det", "the sample page, 640x960", lambda: {"x": inputs.detector_page()}),
    fetched("ppocr4_rec", "a line of the page, 48x320", lambda: {"x": lines(1, 320)}),
    fetched("ppocr_cls", "a line of the page, 48x192", lambda: {"x": lines(1, 192)}),
    fetched("ddddocr_crnn", "a word of the page, 64 high", lambda: {"input1": inputs.grey_word(64)}),
    fetched("centerface", "10 tiles of the page, 32x32", lambda: {"input.1": inputs.page_tiles(10, 32)}),
    fetched("magika", "a file of this tree", lambda: {"bytes": inputs.file_bytes("README.md")}),
    fetched("silero_vad", "32 ms of speech-like sound",
            lambda: silero(512) | {"sr": np.array(16000, np.int64)}),
    fetched("silero_vad_16k_flat", "36 ms of speech-like sound", lambda: silero(576)),
    fetched("minilm_int8w", "128 words, int8 weights", lambda: inputs.long_text(128), "minilm_vocab"),
    fetched("basic_pitch", "2 s of struck strings",
            lambda: {"serving_default_input_2:0": inputs.music(22050, 43844)[None, :, None]}),
    generated("efficientnet_lite0", "the page, 224x224",
              lambda: {"input": inputs.imagenet_page(224, 224)}, "efficientnet_lite0_pth"),
    generated("minilm_l6", "128 words", lambda: inputs.long_text(128), "minilm_safetensors", "minilm_vocab"),
    generated("resnet50", "seeded, 224x224", lambda: {"input": inputs.seeded((1, 3, 224, 224))}),
    generated("mobilenet_v2", "seeded, 224x224", lambda: {"input": inputs.seeded((1, 3, 224, 224))}),
    generated("yolov5s", "the page, 640x640", lambda: {"images": inputs.unit_page(640, 640)}),
    # Equal maxima of a window, up to rounding, decide where MaxUnpool puts a value: see bench/README.md.
    generated("segnet", "seeded, 352x480", lambda: {"input": inputs.seeded((1, 3, 352, 480))}, continuous=False),
    generated("bert_base", "128 words", lambda: inputs.long_text(128), "minilm_vocab"),
]
