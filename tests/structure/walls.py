"""The walls of the workspace: which crate may use which, and no files that import each other in a circle.

`python3 -m tests.structure.walls [FOLDER]` prints what is wrong in that workspace (default: this one), one line each,
and exits with 1 when there is anything. Standard library only: `make lint` runs it before any tool is installed.

A file uses another when a path in its code (`use`, or a qualified name) leads to something that the other defines, or
when it declares it as its module. A re-export is followed to where the thing is defined. A file that has nothing but
modules and re-exports is a face: nobody uses it, only what is behind it. Test modules are exempt, for a test may look
from below at what is above.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

# The allowed uses of each crate of the workspace, direct or indirect. ARCHITECTURE.md draws it.
MAY_USE = {
    "triage-model": set(),
    "triage-decode": {"triage-model"},
    "triage-decide": {"triage-model"},
    "triage-notify": {"triage-model", "triage-decide"},
    "triage-engine": {"triage-model", "triage-decode", "triage-decide", "triage-notify"},
}
EVERY_LOWER_CRATE = set(MAY_USE)
# What both programs ask of AWS beside the SDKs. The command line has it in releases only, by a feature.
MAY_USE["triage-aws"] = {"triage-model"}
MAY_USE["oidc-triage"] = EVERY_LOWER_CRATE | {"triage-aws"}
MAY_USE["oidc-triage-function"] = EVERY_LOWER_CRATE | {"triage-aws"}
# It tests every pure parser, and the command line's files. Nothing uses it.
MAY_USE["triage-fuzz"] = EVERY_LOWER_CRATE | {"oidc-triage"}
# Everything else that talks to AWS or speaks TLS belongs to these two alone.
OF_AWS = re.compile(r"aws-(config|sdk|smithy|lambda)|lambda_runtime|tokio|hyper|reqwest|rustls|ring$|openssl")
TALK_TO_AWS = {"oidc-triage-function", "triage-aws"}

# What a comment, string or character literal begins with, and how each but a block comment ends. `'a'` is one, and not the
# lifetime `'a`.
NO_CODE = re.compile(
    r"""//[^\n]* | /\*(?P<block>) | b?r(?P<hashes>\#*)".*?"(?P=hashes) | b?"(?:\\.|[^"\\])*" | b?'(?:\\[^\n]*?|[^\\'\n])'""",
    re.VERBOSE | re.DOTALL,
)
# A condition for tests or test helpers only.
TEST_ONLY = re.compile(r"#\[cfg\((?!not\b)[^\]]*\btest\b[^\]]*\)\]\s*(?:#\[[^\]]*\]\s*)*")
ITEM = re.compile(r"(?:pub|fn|mod|use|impl|struct|enum|union|const|static|type|trait|unsafe|async|extern|macro_rules)\b")
MODULE = re.compile(r"(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*([;{])")
USE = re.compile(r"(?P<public>pub(?:\([^)]*\))?\s+)?\buse\s+(?P<tree>[^;]+);")
# Not behind one dot, which is a method's: behind two it is a range's or a struct's rest.
PATH = re.compile(r"(?<![\w:])(?<![^.]\.)((?:\w+\s*::\s*)+\w*)")


def main(folder: Path) -> int:
    wrong = [*forbidden_arrows(folder), *circles(folder)]
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


def manifests(folder: Path) -> dict[str, Path]:
    """The folder of each crate of the workspace, by its name."""
    files = [folder / "Cargo.toml", *sorted(folder.glob("crates/*/Cargo.toml")), *folder.glob("fuzz/Cargo.toml")]
    return {tomllib.loads(file.read_text())["package"]["name"]: file.parent for file in files}


def forbidden_arrows(folder: Path) -> Iterator[str]:
    """Each dependency on a crate of the workspace that the crate may not have, and each on what only some may use."""
    crates = manifests(folder)
    for name, place in crates.items():
        if name not in MAY_USE:
            yield f"{name}: a crate that no arrow leads to or from; say in {Path(__file__).name} what it may use"
            continue
        for used in sorted(dependencies(folder, place)):
            if used in crates and used not in MAY_USE[name]:
                yield f"{name} uses {used}: an arrow that the house does not have"
            elif name not in TALK_TO_AWS and OF_AWS.match(used):
                yield f"{name} uses {used}: only {' and '.join(sorted(TALK_TO_AWS))} talk to AWS"


def dependencies(folder: Path, place: Path) -> set[str]:
    """Dependencies of all kinds: a crate must also be allowed to use those of its tests."""
    manifest = tomllib.loads((place / "Cargo.toml").read_text())
    shared = tomllib.loads((folder / "Cargo.toml").read_text())["workspace"].get("dependencies", {})
    tables = [manifest, *manifest.get("target", {}).values()]
    kinds = ("dependencies", "dev-dependencies", "build-dependencies")
    of_all_kinds = {
        package(name, shared.get(name) if is_shared(settings) else settings)
        for table in tables
        for kind in kinds
        for name, settings in table.get(kind, {}).items()
    }
    return of_all_kinds - {manifest["package"]["name"]}


def circles(folder: Path) -> Iterator[str]:
    """Each circle of files, as the shortest way round it."""
    for source in sources(folder):
        uses = uses_between_files(source)
        for members in strongly_connected(uses):
            way = shortest_circle(uses, members)
            names = " -> ".join(str(file.relative_to(folder)) for file in way)
            yield f"{len(members)} files use each other in a circle: {names}"


def sources(folder: Path) -> Iterator[Path]:
    """The folder of each crate's files: of a package, and of its tests, benches and examples that have several."""
    for place in manifests(folder).values():
        yield place / "src"
        yield from sorted(main.parent for kind in ("tests", "benches", "examples") for main in place.glob(f"{kind}/*/main.rs"))


def is_shared(settings: object) -> bool:
    return isinstance(settings, dict) and settings.get("workspace") is True


def package(name: str, settings: object) -> str:
    """A dependency's real name."""
    return settings.get("package", name) if isinstance(settings, dict) else name


@dataclass
class Module:
    """One file of a crate."""

    file: Path
    path: tuple[str, ...]
    code: str
    children: set[str] = field(default_factory=set)
    # Its imports and re-exports: the name here, and the path from the crate's root.
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    # Modules whose names it imports or re-exports as a whole.
    globs: list[tuple[str, ...]] = field(default_factory=list)
    # Modules written out within the file.
    inner: list[tuple[int, int]] = field(default_factory=list)


def uses_between_files(source: Path) -> dict[Path, set[Path]]:
    modules = {module.path: module for module in modules_of(source)}
    uses: dict[Path, set[Path]] = {module.file: set() for module in modules.values()}
    for module in modules.values():
        if not defines(module):
            continue
        named = [home for path in paths_in(module) for home in homes(modules, path)]
        declared = [modules[(*module.path, child)] for child in module.children if (*module.path, child) in modules]
        uses[module.file] = {target.file for target in named + declared if target is not module}
    return uses


def modules_of(source: Path) -> list[Module]:
    """The files of a crate, without those that only tests have. A library and a program in one folder are one crate."""
    tests: set[Path] = set()
    modules = []
    for file in sorted(source.rglob("*.rs")):
        below = file.relative_to(source).with_suffix("").parts
        path = () if below in {("lib",), ("main",)} else tuple(part for part in below if part != "mod")
        code, of_tests = without_tests(only_code(file.read_text()))
        home = source.joinpath(*path)
        tests |= {home / name for name in of_tests}
        module = Module(file, path, code)
        module.children = {name for name, end in MODULE.findall(code) if end == ";"}
        module.inner = [(found.end(), end_of_item(code, found.start())) for found in MODULE.finditer(code) if found[2] == "{"]
        modules.append(module)
    kept = [m for m in modules if not any(source.joinpath(*m.path).is_relative_to(test) for test in tests)]
    for module in kept:
        # Twice: what is imported through an imported name is known when that one is.
        for _ in range(2):
            for found in USE.finditer(module.code):
                for leaf, name in leaves(found["tree"]):
                    path = absolute(module, leaf, found.start())
                    if path is None:
                        continue
                    if path[-1:] == ("*",):
                        module.globs = [*{*module.globs, path[:-1]}]
                    else:
                        module.names[name] = path
    return merged_roots(kept)


def only_code(text: str) -> str:
    """Without comments, and with nothing in its strings."""
    kept = []
    at = 0
    while found := NO_CODE.search(text, at):
        kept.append(text[at : found.start()])
        if found["block"] is not None:
            at = end_of_comment(text, found.start())
            kept.append(" ")
        else:
            at = found.end()
            kept.append(" " if found[0].startswith("//") else '""')
    return "".join([*kept, text[at:]])


def end_of_comment(text: str, start: int) -> int:
    """Where a block comment ends: they nest."""
    depth = 0
    for found in re.compile(r"/\*|\*/").finditer(text, start):
        depth += 1 if found[0] == "/*" else -1
        if depth == 0:
            return found.end()
    return len(text)


def merged_roots(modules: list[Module]) -> list[Module]:
    """`main.rs` beside `lib.rs` names what the library has; nothing can name what is in `main.rs`."""
    roots = [module for module in modules if not module.path]
    if len(roots) == 2:
        for root in roots:
            if root.file.name == "main.rs":
                root.path = ("main.rs",)
    return modules


def without_tests(code: str) -> tuple[str, list[str]]:
    """The code without what only tests compile, and the names of its modules in files of their own that only they do."""
    files = []
    kept = []
    at = 0
    for found in TEST_ONLY.finditer(code):
        if found.start() < at:
            continue
        kept.append(code[at : found.start()])
        module = MODULE.match(code, found.end())
        if module and module[2] == ";":
            files.append(module[1])
        at = end_of_item(code, found.end())
    return "".join([*kept, code[at:]]), files


def end_of_item(code: str, start: int) -> int:
    """Where the item ends that begins there: after its `;`, or the brace that closes it; a field ends with a comma."""
    ends = ";" if ITEM.match(code, start) else ";,"
    depth = 0
    for at in range(start, len(code)):
        if code[at] in "{([":
            depth += 1
        elif code[at] in "})]":
            depth -= 1
            if depth == 0 and code[at] == "}":
                return at + 1
        elif code[at] in ends and depth == 0:
            return at + 1
    return len(code)


def paths_in(module: Module) -> Iterator[tuple[str, ...]]:
    """Each path in the code, from the crate's root."""
    uses = [(found.start(), found.end()) for found in USE.finditer(module.code)]
    for found in USE.finditer(module.code):
        for leaf, _ in leaves(found["tree"]):
            path = absolute(module, leaf, found.start())
            if path is not None:
                yield path
    for found in PATH.finditer(module.code):
        if any(start <= found.start() < end for start, end in uses):
            continue
        path = absolute(module, tuple(part.strip() for part in found[1].split("::") if part.strip()), found.start())
        if path is not None:
            yield path


def leaves(tree: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """`a::{b, c::d as e}` as `a::b` (`b`) and `a::c::d` (`e`)."""
    tree = tree.strip()
    brace = tree.find("{")
    if brace < 0:
        path, _, name = tree.partition(" as ")
        parts = tuple(part.strip() for part in path.split("::") if part.strip())
        if parts and parts[-1] == "self":
            parts = parts[:-1]
        if parts:
            yield parts, name.strip() or parts[-1]
        return
    head = tuple(part.strip() for part in tree[:brace].split("::") if part.strip())
    for branch in branches(tree[brace + 1 : tree.rfind("}")]):
        for parts, name in leaves(branch):
            yield head + parts, name
        if branch.strip() == "self":
            yield head, head[-1]


def branches(inside: str) -> Iterator[str]:
    depth, start = 0, 0
    for at, letter in enumerate(inside):
        depth += (letter == "{") - (letter == "}")
        if letter == "," and depth == 0:
            yield inside[start:at]
            start = at + 1
    if inside[start:].strip():
        yield inside[start:]


def absolute(module: Module, path: tuple[str, ...], at: int) -> tuple[str, ...] | None:
    """The path from the crate's root; None where it leads out of the crate. `at` is where it stands in the code."""
    if not path:
        return None
    here = module.path
    first, rest = path[0], path[1:]
    # Within a module that is written out in the file, `super` is this file, or a module around it there.
    depth = sum(start <= at < end for start, end in module.inner)
    if first == "crate":
        return rest
    if first == "self":
        return here + rest
    if first == "super":
        while first == "super":
            here, depth = (here, depth - 1) if depth else (here[:-1], 0)
            first, rest = rest[0] if rest else "", rest[1:]
        return here + ((first,) if first else ()) + rest
    if first in module.children:
        return here + path
    # Under a name that is imported.
    return module.names[first] + rest if first in module.names and module.names[first] != path else None


def homes(modules: dict[tuple[str, ...], Module], path: tuple[str, ...], seen: frozenset = frozenset()) -> list[Module]:
    """The files where what a path names is defined."""
    if path in seen:
        return []
    seen |= {path}
    length = max((n for n in range(len(path) + 1) if path[:n] in modules), default=None)
    if length is None:
        return []
    module, rest = modules[path[:length]], path[length:]
    if not rest:
        # The module itself: what is meant of it is written out where it is used.
        return [module] if defines(module) else []
    if rest[0] in module.names:
        return homes(modules, module.names[rest[0]] + rest[1:], seen)
    if rest[0] == "*" and not defines(module):
        return [home for face in module.names.values() for home in homes(modules, face, seen)]
    if module.globs and not defines(module):
        return [home for glob in module.globs for home in homes(modules, glob + rest, seen)]
    return [module]


def defines(module: Module) -> bool:
    """Whether a file defines anything: a face has only `mod` and `pub use`."""
    own = re.sub(r"#!?\[[^\]]*\]", "", USE.sub("", MODULE.sub("", module.code)))
    return bool(own.replace('""', "").strip())


def strongly_connected(uses: dict[Path, set[Path]]) -> list[set[Path]]:
    """The groups of two and more that can all reach each other."""
    reach = {file: reachable(uses, file) for file in uses}
    groups: list[set[Path]] = []
    for file in uses:
        group = {other for other in reach[file] if file in reach[other]}
        if len(group) > 1 and group not in groups:
            groups.append(group)
    return groups


def reachable(uses: dict[Path, set[Path]], start: Path) -> set[Path]:
    seen: set[Path] = set()
    waiting = [start]
    while waiting:
        for target in uses.get(waiting.pop(), ()):
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return seen


def shortest_circle(uses: dict[Path, set[Path]], members: Iterable[Path]) -> list[Path]:
    members = set(members)
    best: list[Path] = []
    for start in sorted(members):
        before: dict[Path, Path] = {}
        waiting = [start]
        for file in waiting:
            for target in sorted(uses[file] & members):
                if target == start:
                    way = [start]
                    while file != start:
                        way.append(file)
                        file = before[file]
                    way = [start, *reversed(way[1:]), start]
                    if not best or len(way) < len(best):
                        best = way
                    break
                if target not in before:
                    before[target] = file
                    waiting.append(target)
            else:
                continue
            break
    return best


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]))
