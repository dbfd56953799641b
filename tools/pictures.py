"""The pictures of the README: one incident as a pager alert, a mail and a chat message, rendered in a real browser.

Their texts come from `tests/notices`, which a test compares with the code's output, so a picture shows what people get.
The frames around them are of no product. `INPUTS` names the sources of the pictures; a test compares it.

    python3 -m tools.pictures            # writes docs/pictures
    python3 -m tools.pictures --check    # says whether they are of the present texts
"""

import collections
import hashlib
import html
import json
import re
import struct
import sys
import tempfile
import zlib
from pathlib import Path

from tests.harness.browser import MISSING, Browser, Driver

ROOT = Path(__file__).resolve().parents[1]
NOTICES = ROOT / "tests" / "notices"
FOLDER = ROOT / "docs" / "pictures"
INPUTS = FOLDER / "inputs.txt"

#: The notices that are shown, of one incident: when it got worse, and when recovery was confirmed.
PAGED, OVER = "outage_3_changed", "outage_7_resolved"
SOURCES = {"mail": f"{PAGED}.mail.txt", "chat": f"{OVER}.chat.json", "pager": f"{PAGED}.pager.json"}

#: A phone's width in CSS pixels. Longer texts continue below the screen's edge, as for a reader.
WIDTH, HEIGHT, SCALE = 360, 640, 2
#: Enough for text with soft edges.
COLOURS = 32

STYLE = """
* { box-sizing: border-box; margin: 0 }
body { width: 360px; height: 640px; overflow: hidden; background: #fff; color: #1c1f23;
  font: 14.5px/1.38 "Liberation Sans", Arial, Helvetica, sans-serif }
.bar { display: flex; align-items: center; gap: 10px; padding: 10px 14px; font-size: 13px; color: #5b626b;
  border-bottom: 1px solid #e2e5e9 }
.from { display: flex; gap: 10px; align-items: center; padding: 10px 14px }
.face { flex: none; width: 34px; height: 34px; border-radius: 17px; background: #3d5a80; color: #fff; display: grid;
  place-items: center; font-weight: 600 }
.quiet { color: #5b626b; font-size: 12px }
h1 { font-size: 18px; line-height: 1.25; padding: 12px 14px 0 }
pre { font: inherit; white-space: pre-wrap; overflow-wrap: anywhere; padding: 4px 14px }
.message { padding: 12px 14px }
.chat .box { margin-top: 8px; border-left: 4px solid #aab2bb; padding: 2px 0 2px 10px }
.chat h2 { font-size: 15px; line-height: 1.3 }
.chat p, .chat li { margin-top: 5px; overflow-wrap: anywhere }
.chat ol { padding-left: 22px }
.region { white-space: nowrap }
.dot { display: inline-block; width: 12px; height: 12px; border-radius: 6px; vertical-align: -1px }
code { background: #e1e5ea; border-radius: 3px; padding: 0 3px; font: 12.5px "DejaVu Sans Mono", monospace }
body.pager { background: #14181d; color: #f2f4f6 }
.pager .clock { text-align: center; padding: 44px 0 22px; font-size: 56px; font-weight: 300; line-height: 1 }
.pager .clock small { display: block; font-size: 14px; padding-top: 8px; color: #aab2bb; font-weight: 400 }
.card { margin: 10px; border-radius: 14px; background: #2a3038; padding: 14px }
.card .top { display: flex; justify-content: space-between; font-size: 12px; color: #aab2bb }
.card .what { font-weight: 600; font-size: 17px; line-height: 1.3; padding: 8px 0 6px }
.card .why { font-size: 14px; color: #dde2e7; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 12;
  overflow: hidden }
.card .key { font: 11px "DejaVu Sans Mono", monospace; color: #aab2bb; padding-top: 8px }
.buttons { display: flex; gap: 8px; padding-top: 12px }
.buttons span { flex: 1; text-align: center; border-radius: 9px; padding: 9px 0; font-weight: 600; background: #c0392b }
.buttons span + span { background: #454d57 }
"""


def page(body, kind):
    return f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><style>{STYLE}</style><body class="{kind}">{body}</body></html>'


def escaped(text):
    """The text as it is, but for names of regions, which are not broken at their hyphens."""
    return re.sub(r"\b[a-z]{2}-[a-z]+-\d\b", r'<span class="region">\g<0></span>', html.escape(text))


def mail(text):
    head, _, body = text.partition("\n\n")
    subject = head.removeprefix("Subject: ")
    return page(f"""<div class="bar">‹ Inbox</div><h1>{escaped(subject)}</h1>
<div class="from"><div class="face">A</div><div><b>AWS Notifications</b><div class="quiet">to on-call</div></div></div>
<pre>{escaped(body)}</pre>""", "mail")


#: Drawn, because not every machine has a font with them.
DOTS = {"🔴": "#c0392b", "🟠": "#e67e22", "🟡": "#f1c40f", "🟢": "#27ae60", "🔵": "#2d7dd2", "⚪": "#aab2bb", "✅": "#27ae60"}


def marked(text):
    """The little of a chat's markdown that the code uses: code, bold, and lists."""
    text = escaped(text)
    for dot, colour in DOTS.items():
        text = text.replace(dot, f'<span class="dot" style="background:{colour}"></span>')
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    text = re.sub(r"\*\*?([^*]+)\*\*?", r"<b>\1</b>", text)
    return re.sub(r"^- ", "• ", text)


def chat(text):
    content = json.loads(text)["content"]
    lines = "".join(f"<p>{marked(line)}</p>" for line in content["description"].split("\n") if line)
    steps = "".join(f"<li>{marked(step)}</li>" for step in content.get("nextSteps", []))
    colour = next((colour for dot, colour in DOTS.items() if dot in content["title"]), "")
    return page(f"""<div class="bar"># identity-on-call</div><div class="message"><div class="from" style="padding:0">
<div class="face" style="border-radius:8px">N</div><div><b>Notifications</b> <span class="quiet">app</span></div></div>
<div class="box" style="border-color:{colour}"><h2>{marked(content["title"])}</h2>{lines}{f"<ol>{steps}</ol>" if steps else ""}</div></div>""", "chat")


def pager(text):
    alarm = json.loads(text)
    time = re.fullmatch(r"(\d+-\d+-\d+)T(\d+:\d+):.*", alarm["StateChangeTime"])
    return page(f"""<div class="clock">{time[2]}<small>{time[1]} UTC</small></div>
<div class="card"><div class="top"><span>PAGER</span><span>now</span></div><div class="what">{escaped(alarm["AlarmDescription"])}</div>
<div class="why">{escaped(alarm["NewStateReason"])}</div><div class="key">{html.escape(alarm["AlarmName"])}</div>
<div class="buttons"><span>Acknowledge</span><span>Open</span></div></div>""", "pager")


TEMPLATES = {"mail": mail, "chat": chat, "pager": pager}


def inputs():
    """The sources of the pictures: each page's hash, by the picture's name."""
    return "".join(f"{hashlib.sha256(TEMPLATES[name]((NOTICES / source).read_text()).encode()).hexdigest()}  {name}.png\n"
                   for name, source in SOURCES.items())


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def smaller(png):
    """The picture with a palette of so many colours at most: a third of the bytes."""
    at, packed, header = 8, b"", None
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at:at + 8])
        data = png[at + 8:at + 8 + length]
        at += length + 12
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", data)
        elif kind == b"IDAT":
            packed += data
    width, height, depth, colour, *_ = header
    wide = {2: 3, 6: 4}[colour]
    assert depth == 8
    raw, rows, before = zlib.decompress(packed), [], bytearray(width * wide)
    for y in range(height):
        start = y * (width * wide + 1)
        how, row = raw[start], bytearray(raw[start + 1:start + 1 + width * wide])
        for x in range(width * wide):
            left, up = row[x - wide] if x >= wide else 0, before[x]
            corner = before[x - wide] if x >= wide else 0
            if how == 1:
                row[x] = row[x] + left & 255
            elif how == 2:
                row[x] = row[x] + up & 255
            elif how == 3:
                row[x] = row[x] + (left + up) // 2 & 255
            elif how == 4:
                guess = left + up - corner
                row[x] = row[x] + min((left, up, corner), key=lambda near: abs(guess - near)) & 255
        rows.append(row)
        before = row
    pixels = [[tuple(row[x:x + 3]) for x in range(0, len(row), wide)] for row in rows]
    often = collections.Counter(pixel for row in pixels for pixel in row)
    # As many bits of each colour as there is room for.
    for bits in range(8, 1, -1):
        mask = 256 - (1 << 8 - bits)
        coarse = {pixel: tuple(value & mask for value in pixel) for pixel in often}
        colours = sorted(set(coarse.values()))
        if len(colours) <= COLOURS:
            break
    # A colour for several is shown as the most frequent of them: a background keeps its colour.
    shown = {}
    for pixel, _ in often.most_common():
        shown.setdefault(coarse[pixel], pixel)
    numbers = {to: number for number, to in enumerate(colours)}
    body = b"".join(b"\0" + bytes(numbers[coarse[pixel]] for pixel in row) for row in pixels)
    return (png[:8] + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
            + _chunk(b"PLTE", b"".join(bytes(shown[to]) for to in colours)) + _chunk(b"IDAT", zlib.compress(body, 9)) + _chunk(b"IEND", b""))


def render():
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Driver() as driver, Browser(driver) as browser:
        browser.devtools("Emulation.setDeviceMetricsOverride", width=WIDTH, height=HEIGHT, deviceScaleFactor=SCALE, mobile=False)
        for name, source in SOURCES.items():
            path = Path(folder) / f"{name}.html"
            path.write_text(TEMPLATES[name]((NOTICES / source).read_text()))
            browser.open(path.as_uri())
            browser.screenshot(FOLDER / f"{name}.png")
            picture = FOLDER / f"{name}.png"
            picture.write_bytes(smaller(picture.read_bytes()))
    INPUTS.write_text(inputs())


def main():
    if sys.argv[1:] == ["--check"]:
        if not INPUTS.exists() or INPUTS.read_text() != inputs():
            sys.exit("docs/pictures is of other texts; run: make pictures, and look at them")
        return
    if MISSING:
        sys.exit(MISSING)
    render()


if __name__ == "__main__":
    main()
