"""The pictures of the README are of the notices as they are, small, and all shown."""

import struct

import pytest

from tools import pictures

BYTES_MAX = 60_000


def test_the_pictures_are_of_the_present_notices():
    assert pictures.INPUTS.read_text() == pictures.inputs(), "run `make pictures`, and look at them"


@pytest.mark.parametrize("name", pictures.SOURCES)
def test_a_picture_is_small_and_of_a_phone(name):
    png = (pictures.FOLDER / f"{name}.png").read_bytes()
    assert png.startswith(b"\x89PNG\r\n\x1a\n") and len(png) <= BYTES_MAX
    size = struct.unpack(">II", png[16:24])
    assert size == (pictures.WIDTH * pictures.SCALE, pictures.HEIGHT * pictures.SCALE)
    assert f'src="docs/pictures/{name}.png"' in (pictures.ROOT / "README.md").read_text()


def test_another_text_is_another_input():
    text = (pictures.NOTICES / pictures.SOURCES["mail"]).read_text()
    assert pictures.mail(text) != pictures.mail(text.replace("eu-central-1", "eu-west-1"))


def test_texts_of_others_are_no_markup():
    assert "<img" not in pictures.mail("Subject: <img src=x>\n\n<img src=y>")
