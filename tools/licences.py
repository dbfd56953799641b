"""The licence texts of linked crates: each text once, with its crates."""

import pathlib
import re

from tools import linked

TEXT = re.compile(r"(licen[cs]e|copying|unlicense|notice|copyright)", re.IGNORECASE)

#: For crates that name the licence without its text.
MIT = """MIT License

Copyright (c) the authors of {name}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files
(the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify,
merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES
OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE
LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def texts(crate: linked.Crate) -> list[str]:
    found = [each.read_text(errors="replace").strip()
             for each in sorted(crate.folder.iterdir()) if each.is_file() and TEXT.match(each.name)]
    if found:
        return found
    choices = {part.strip(" ()") for part in re.split(r"\bOR\b", crate.licence)}
    if "Apache-2.0" in choices:
        return [(linked.ROOT / "LICENSE").read_text().strip()]
    if "MIT" in choices:
        return [MIT.format(name=crate.name).strip()]
    raise ValueError(f"{crate.ref} ({crate.licence}) brings no licence text, and there is none here for it")


def all_texts(crates: list[linked.Crate], rust: str) -> str:
    under: dict[str, list[str]] = {}
    for crate in crates:
        # Line ends and margins are no difference.
        for text in texts(crate):
            under.setdefault("\n".join(line.rstrip() for line in text.splitlines()), []).append(f"{crate.ref} ({crate.licence})")
    parts = [f"What others wrote and these programs have inside. With it comes the standard library of Rust {rust} (MIT OR "
             "Apache-2.0, The Rust Project Developers); both texts are among the following."]
    for text, refs in sorted(under.items(), key=lambda item: (-len(item[1]), item[1])):
        parts.append("\n".join([*sorted(refs), "", text]))
    return ("\n\n" + "=" * 80 + "\n\n").join(parts) + "\n"
