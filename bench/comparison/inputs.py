"""What networks are shown when they are compared: the sample picture, sentences, files of this tree, speech-like sound.

Everything here is the same on every machine and in every run. SPDX-License-Identifier: Apache-2.0
"""
import functools
import pathlib
import re

import numpy as np
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MODELS = ROOT / "build" / "models"
MARGIN = 9  # pixels around a line of text
PICTURE = ROOT / "examples" / "ocr_demo" / "sample.png"
IMAGENET_MEAN, IMAGENET_DEVIATION = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
SENTENCES = (
    "The lighthouse keeper wrote down the height of every wave that passed the harbour wall.",
    "Compilers turn programs into other programs, and the best ones explain what they did.",
    "Is the museum open on Sunday, or only from Monday to Friday between nine and five?",
    "Old graphics cards still multiply matrices; it is their software that has grown old.",
    "She measured the bridge twice, found 48 metres both times, and signed the report.",
    "Rain fell on the printed pages until nobody could tell the tickets from the map.",
)


@functools.cache
def picture():
    """The demo's page: [height, width, 3] bytes, red first."""
    return np.asarray(Image.open(PICTURE).convert("RGB"))


def planes(pixels, mean, deviation):
    """[height, width, 3] bytes as [1, 3, height, width], normalized."""
    values = (pixels.astype(np.float32) / 255 - mean) / deviation
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def scaled(pixels, width, height):
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.BILINEAR))


def runs(is_set, gap):
    """[begin, end) of the stretches where is_set holds; stretches closer than gap are one."""
    found = []
    for place in np.flatnonzero(is_set):
        if found and place - found[-1][1] < gap:
            found[-1][1] = place + 1
        else:
            found.append([place, place + 1])
    return found


@functools.cache
def text_lines():
    """Pieces of the page with one line of text each, from the top down, with the paper around that readers are used to:
    at the edge of a tight cut, letters hang in the balance, and with them the largest error of any rounding."""
    page = picture()
    ink = page.astype(int).min(2) < 140
    pieces = []
    for top, bottom in runs(ink.any(1), 6):
        if bottom - top < 8:
            continue  # the rule at the foot of the page
        for left, right in runs(ink[top:bottom].any(0), 60):
            pieces.append(page[max(0, top - MARGIN):bottom + MARGIN, max(0, left - MARGIN):right + MARGIN])
    return pieces


def recognizer_strip(line, width=None, height=48):
    """A line of text as the recognizer takes it: in its own proportions, or on paper of exactly `width`."""
    natural = max(16, -(-line.shape[1] * height // line.shape[0] // 8) * 8)
    strip = scaled(line, min(natural, width or natural), height)
    if width and natural < width:
        paper = np.broadcast_to(line[0, 0], (height, width - natural, 3))
        strip = np.concatenate([strip, paper], axis=1)
    return planes(strip[..., ::-1], np.float32(0.5), np.float32(0.5))  # blue first


def detector_page():
    """The page as the detector takes it, in its own size; both sides are multiples of 32."""
    return planes(picture()[..., ::-1], IMAGENET_MEAN[::-1], IMAGENET_DEVIATION[::-1])


def imagenet_page(width, height):
    return planes(scaled(picture(), width, height), IMAGENET_MEAN, IMAGENET_DEVIATION)


def unit_page(width, height):
    """From 0 to 1, as object finders take it."""
    return planes(scaled(picture(), width, height), 0, np.float32(1))


def page_tiles(count, side):
    """Squares of the page, 0 to 255, blue first: what face finders take."""
    page, tiles = picture()[..., ::-1], []
    for i in range(count):
        top, left = 31 * i % (page.shape[0] - side), 97 * i % (page.shape[1] - side)
        tiles.append(page[top:top + side, left:left + side].transpose(2, 0, 1))
    return np.stack(tiles).astype(np.float32)


def grey_word(height):
    """A short piece of text in grey, of the given height."""
    line = min(text_lines(), key=lambda piece: piece.shape[1])
    grey = np.asarray(Image.fromarray(line).convert("L").resize((height * line.shape[1] // line.shape[0], height)))
    return ((grey.astype(np.float32) / 255 - 0.5) / 0.5)[None, None]


def speech(rate, count, seed=7):
    """Sound that is made as speech is: pulses at the pitch of a voice, and noise, through moving formants, in syllables.

    Seeded; float32 between -1 and 1."""
    random = np.random.default_rng(seed)
    time = np.arange(count) / rate
    pitch = 120 + 25 * np.sin(2 * np.pi * 0.7 * time) + 4 * np.sin(2 * np.pi * 5 * time)
    phase = np.cumsum(pitch) / rate
    pulses = (np.diff(np.floor(phase), prepend=0) > 0).astype(float)
    noise = random.standard_normal(count) * 0.02
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * time + 0.4), 0, None) ** 0.5
    vowels = random.integers(0, 4, size=int(time[-1] * 3.1) + 2)
    formants = np.float64([[730, 1090, 2440], [270, 2290, 3010], [300, 870, 2240], [530, 1840, 2480]])
    which = vowels[(time * 3.1).astype(int)]
    source, sound = pulses * syllables + noise, np.zeros(count)
    block = max(1, rate // 100)
    for number in range(3):
        centre = formants[which, number]
        one_back = two_back = 0.0
        for begin in range(0, count, block):  # a resonance that moves every 10 ms
            radius = np.exp(-np.pi * (60 + 30 * number) / rate)
            turn = 2 * radius * np.cos(2 * np.pi * min(centre[begin], 0.45 * rate) / rate)
            for i in range(begin, min(count, begin + block)):
                value = source[i] + turn * one_back - radius * radius * two_back
                two_back, one_back = one_back, value
                sound[i] += value / (number + 1)
    return (0.7 * sound / np.abs(sound).max()).astype(np.float32)


def music(rate, count):
    """A few struck strings, each with its overtones, and the noise of a room: what a transcriber listens to. Without the
    noise it would take logarithms of nothing."""
    time = np.arange(count) / rate
    sound = 3e-3 * np.random.default_rng(11).standard_normal(count)
    for start, midi in ((0.05, 60), (0.4, 64), (0.75, 67), (1.2, 72), (1.5, 48)):
        since = np.clip(time - start, 0, None)
        for overtone in range(1, 7):
            frequency = 440 * 2 ** ((midi - 69) / 12) * overtone
            sound += (time >= start) * np.exp(-3 * overtone * since) * np.sin(2 * np.pi * frequency * since) / overtone
    return (0.8 * sound / np.abs(sound).max()).astype(np.float32)


@functools.cache
def vocabulary():
    path = MODELS / "minilm_vocab.txt"
    return {word: number for number, word in enumerate(path.read_text(encoding="utf-8").split("\n")[:-1])}


def word_pieces(word, words):
    """The longest piece that is known, then the longest that goes on, as BERT's tokenizer does."""
    pieces, begin = [], 0
    while begin < len(word):
        for end in range(len(word), begin, -1):
            piece = ("##" if begin else "") + word[begin:end]
            if piece in words:
                pieces.append(words[piece])
                begin = end
                break
        else:
            return [words["[UNK]"]]
    return pieces


def tokens(sentence):
    words = vocabulary()
    pieces = [number for word in re.findall(r"\w+|[^\w\s]", sentence.lower()) for number in word_pieces(word, words)]
    return [words["[CLS]"], *pieces, words["[SEP]"]]


def token_batch(sentences, length):
    """Inputs of a BERT encoder: sentences cut or filled up to `length`, with the mask that says so."""
    ids, mask = np.zeros((2, len(sentences), length), np.int64)
    for row, sentence in enumerate(sentences):
        numbers = tokens(sentence)[:length]
        ids[row, :len(numbers)], mask[row, :len(numbers)] = numbers, 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


def long_text(length):
    """One row of `length` words without padding: all the sentences, again and again."""
    text = " ".join(SENTENCES * (1 + length // 60))
    return token_batch([text], length)


def file_bytes(path, size=1024, padding=256):
    """The beginning and the end of a file, as Magika takes it."""
    data = np.frombuffer((ROOT / path).read_bytes().strip(), np.uint8).astype(np.int32)
    row = np.full(2 * size, padding, np.int32)
    row[:min(size, len(data))] = data[:size]
    row[2 * size - min(size, len(data)):] = data[-size:]
    return row[None]


def seeded(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
