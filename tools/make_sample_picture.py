"""Draws examples/ocr_demo/sample.png, a page with lines of text, and sample.txt, what an error-free reader finds on it.

  make_sample_picture.py [OUT_DIR]

Needs Pillow and the DejaVu fonts. The page is clean on purpose: the demo shows that engines compute what the models
compute, not how good the models are. The lines in sample.txt are in reading order, top to bottom.
SPDX-License-Identifier: Apache-2.0
"""
import pathlib
import sys

from PIL import Image, ImageDraw, ImageFont

FONTS = pathlib.Path("/usr/share/fonts/truetype/dejavu")
SIZE = (960, 640)
PAPER, INK, ACCENT = (250, 249, 244), (30, 34, 42), (22, 78, 140)
# left, top, font, points, colour, text
LINES = [
    (60, 38, "DejaVuSans-Bold", 46, ACCENT, "Harbour Light Museum"),
    (60, 118, "DejaVuSans", 26, INK, "Open every day from 9:30 to 18:00"),
    (60, 180, "DejaVuSerif", 30, INK, "Two adults and one child"),
    (620, 180, "DejaVuSerif", 30, INK, "34.50"),
    (60, 246, "DejaVuSans", 22, INK, "Guided tour in the old engine room, deck 3"),
    (60, 306, "DejaVuSansMono", 28, INK, "Ticket 20481987"),
    (520, 306, "DejaVuSansMono", 28, INK, "Seat B12"),
    (60, 376, "DejaVuSerif-Bold", 34, ACCENT, "Please keep this page"),
    (60, 448, "DejaVuSans", 24, INK, "Printed on recycled paper, 2026"),
    (420, 540, "DejaVuSans", 36, INK, "Thank you for your visit"),
]


def draw_page():
    page = Image.new("RGB", SIZE, PAPER)
    pen = ImageDraw.Draw(page)
    for left, top, font, points, colour, text in LINES:
        pen.text((left, top), text, font=ImageFont.truetype(str(FONTS / f"{font}.ttf"), points), fill=colour)
    pen.line((60, 510, 900, 510), fill=(200, 198, 190), width=2)
    return page


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "examples" / "ocr_demo"
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    draw_page().save(out / "sample.png", optimize=True)
    (out / "sample.txt").write_text("".join(f"{line[5]}\n" for line in LINES))


if __name__ == "__main__":
    main()
