"""The values of the charts, in a real browser: by tap, by mouse and by keyboard, and what the colours are like."""

import pytest

DRAWING = ".incident .drawing"
PERIOD = ".period .drawing"

# What the chart's own data say of one bin, by its place.
DATA = """
const drawing = document.querySelector(arguments[0]);
return Array.from(drawing.querySelectorAll('[data-values]')).map((one) =>
  [one.dataset.name, Number(one.dataset.values.split(' ')[arguments[1]])]);
"""

# The bin below a place along the chart, as a part of its width.
PLACE = """
const { from, bin, axisFrom, axisTo } = document.querySelector(arguments[0]).dataset;
return Math.floor((Number(axisFrom) + (axisTo - axisFrom) * arguments[1] - from) / bin);
"""

# The luminance and contrast of WCAG 2, for the colours that a browser computed.
CONTRAST = """
const luminance = (colour) => {
  const [r, g, b] = colour.match(/[0-9.]+/g).slice(0, 3).map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const paper = luminance(getComputedStyle(document.body).backgroundColor);
return arguments[0].map(([selector, property]) => {
  const ink = luminance(getComputedStyle(document.querySelector(selector))[property]);
  return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
});
"""

TEXTS = ["body", ".verdict", ".answer .big", ".answer .quiet", "figcaption", "main a", ".incidents td", ".badge.warning",
         ".reasons li", ".sent time", ".values", ".legend li", ".facts dt"]
DRAWN = [("path.served", "fill"), ("path.failed", "stroke"), ("path.affected", "stroke"), ("svg text", "fill")]

# Machado, Oliveira and Fernandes (2009): how colours look to those who lack one kind of cones, in linear light.
BLIND = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
    "nothing": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
}


def linear(colour):
    shares = [part / 255 for part in colour]
    return [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]


def lab(light):
    to_xyz = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    white = (0.9505, 1.0, 1.089)
    xyz = [max(0, sum(a * b for a, b in zip(row, light))) / w for row, w in zip(to_xyz, white)]
    x, y, z = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def difference(one, other, matrix):
    seen = [lab([sum(a * b for a, b in zip(row, linear(colour))) for row in matrix]) for colour in (one, other)]
    return sum((a - b) ** 2 for a, b in zip(*seen)) ** 0.5


def values(browser, drawing):
    return browser.run("return document.querySelector(arguments[0]).closest('figure').querySelector('.values').textContent",
                       drawing)


def expected(browser, drawing, place):
    counts = browser.run(DATA, drawing, place)
    return ", ".join(f"{name}: {count:,}".replace(",", "\u202f") for name, count in counts)


@pytest.mark.parametrize("pointer", ["mouse", "touch"])
@pytest.mark.parametrize("drawing", [DRAWING, PERIOD])
def test_a_tap_into_a_chart_reads_out_what_is_there(browser, page, drawing, pointer):
    browser.open(page.as_uri())
    width = browser.run("return document.querySelector(arguments[0]).getBoundingClientRect().width", drawing)
    seen = set()
    for share in (0.3, 0.55, 0.8):
        browser.click(drawing, x=round((share - 0.5) * width), pointer=pointer)
        place = browser.run(PLACE, drawing, share)
        texts = [expected(browser, drawing, near) for near in (place - 1, place, place + 1)]
        assert values(browser, drawing).split(" \u2014 ", 1)[1] in texts
        seen.add(values(browser, drawing))
    assert len(seen) == 3


def test_the_keyboard_reads_out_one_bin_after_the_other(browser, page):
    browser.open(page.as_uri())
    slider = f"document.querySelector('{DRAWING}').closest('figure').querySelector('input')"
    browser.run(f"{slider}.focus()")
    count = int(browser.run(f"return document.querySelector('{DRAWING}').dataset.count"))
    browser.press("Home")
    assert values(browser, DRAWING).endswith(expected(browser, DRAWING, 0))
    for place in range(1, 6):
        browser.press("Right")
        assert values(browser, DRAWING).endswith(expected(browser, DRAWING, place)), place
    browser.press("Left")
    assert values(browser, DRAWING).endswith(expected(browser, DRAWING, 4))
    browser.press("End")
    assert values(browser, DRAWING).endswith(expected(browser, DRAWING, count - 1))
    # A screen reader says the same, and not a place among bins.
    assert browser.run(f"return {slider}.getAttribute('aria-valuetext')") == values(browser, DRAWING)
    assert browser.run(f"return {slider}.labels.length") == 1


def test_the_worst_time_is_read_out_before_anything_is_pressed(browser, page):
    browser.open(page.as_uri())
    failed = browser.run(f"""return document.querySelector('{DRAWING} [data-name="calls failed"]').dataset.values.split(' ')""")
    assert f"calls failed: {max(map(int, failed))}," in values(browser, DRAWING)


def test_the_tab_key_reaches_the_slider_of_every_chart(browser, page):
    browser.open(page.as_uri())
    assert browser.run("""const charts = Array.from(document.querySelectorAll('figure.chart'));
        return charts.every((chart) => chart.querySelectorAll('input[type=range]:not([tabindex="-1"])').length === 1)""")


def test_the_dark_scheme_is_dark_and_everything_can_be_seen_in_both(browser, page):
    browser.open(page.as_uri())
    papers = []
    for scheme in ("light", "dark"):
        browser.emulate(prefers_color_scheme=scheme)
        papers.append(browser.run("return getComputedStyle(document.body).backgroundColor"))
        texts = dict(zip(TEXTS, browser.run(CONTRAST, [(text, "color") for text in TEXTS])))
        assert min(texts.values()) >= 4.5, texts
        drawn = dict(zip(DRAWN, browser.run(CONTRAST, DRAWN)))
        assert min(drawn.values()) >= 3, drawn
    light, dark = ([int(part) for part in paper[4:-1].split(",")] for paper in papers)
    assert min(light) > 240 and max(dark) < 40


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", list(BLIND))
def test_what_worked_and_what_failed_differ_for_the_colour_blind_too(browser, page, scheme, kind):
    browser.emulate(prefers_color_scheme=scheme)
    browser.open(page.as_uri())
    colour = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]].match(/[0-9.]+/g).map(Number)"
    served, failed = browser.run(colour, "path.served", "fill"), browser.run(colour, "path.failed", "stroke")
    assert difference(served[:3], failed[:3], BLIND[kind]) > 30
    # And by more than colour: what failed is striped, and hangs from the line on which what worked stands.
    assert "the-stripes" in browser.run("return getComputedStyle(document.querySelector('path.failed')).fill")
    bottom, top = (browser.run("""const box = document.querySelector(arguments[0]).getBoundingClientRect();
        return [box.top, box.bottom]""", f"{DRAWING} path.{name}") for name in ("served", "failed"))
    assert bottom[1] <= top[0] + 2
