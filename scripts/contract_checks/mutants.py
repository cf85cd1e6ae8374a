"""The list of mutants, `contracts/mutants.toml`: small wrongs that the contracts' tests have to notice."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.contract_checks import project, suite
from scripts.programs import Stop

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
TEST = re.compile(r"\w+\.\w+")
TEXTS = ("name", "about", "file", "within", "before", "after", "killer")
NEEDED = ("name", "about", "file", "before", "after")


@dataclass(frozen=True)
class Mutant:
    """One wrong.

    Attributes:
        name: short, unique, lower case with hyphens.
        about: what is wrong with it, as a sentence about the contract.
        file: the source, from `contracts/` on.
        within: the function to look in; empty for the whole file.
        before: text that occurs there exactly once.
        after: what stands there instead.
        every: the text occurs twice or more and is replaced everywhere.
        killer: `Contract.test` that is tried first; empty where it is not known yet.
        quick: part of every run of the tests.
    """

    name: str
    about: str
    file: str
    within: str
    before: str
    after: str
    every: bool
    killer: str
    quick: bool


def kept() -> Path:
    """Where the list is."""
    return project.CONTRACTS / "mutants.toml"


def load(path: Path | None = None) -> list[Mutant]:
    """The list as it is kept.

    Raises:
        Stop: it cannot be read, or breaks one of its rules; the text names every entry that does.
    """
    path = path or kept()
    try:
        entries = tomllib.loads(path.read_text("utf-8")).get("mutant", [])
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise Stop(f"{path.name} cannot be read: {error}") from error
    wrong = [f"entry {i}: {fault}" for i, entry in enumerate(entries, 1) for fault in faults(entry)]
    names = [entry.get("name") for entry in entries]
    wrong += [f"{name}: this name occurs twice" for name in sorted({n for n in names if names.count(n) > 1})]
    if wrong:
        raise Stop(f"{path.name}:\n  " + "\n  ".join(wrong))
    return [
        Mutant(**{"within": "", "every": False, "killer": "", "quick": False, **entry}) for entry in entries
    ]


def faults(entry: dict[str, object]) -> list[str]:
    """What is wrong with one entry by itself."""
    kinds = {**dict.fromkeys(TEXTS, str), "every": bool, "quick": bool}
    found = [f"there is no {member} in a mutant" for member in entry if member not in kinds]
    found += [f"{member} is missing" for member in NEEDED if member not in entry]
    found += [
        f"{m} is not a {kinds[m].__name__}"
        for m, v in entry.items()
        if m in kinds and type(v) is not kinds[m]
    ]
    if found:
        return found
    texts = {member: str(entry.get(member, "")) for member in TEXTS}
    if not NAME.fullmatch(texts["name"]):
        found.append(f"the name {texts['name']!r} is not lower case with hyphens")
    if texts["killer"] and not TEST.fullmatch(texts["killer"]):
        found.append("the killer is not of the form Contract.test")
    if not texts["before"] or texts["before"] == texts["after"]:
        found.append("nothing changes")
    return found


def stale(mutants: Sequence[Mutant]) -> list[str]:
    """The entries that the sources and tests have left behind, one sentence each."""
    tests = suite.known_tests(project.CONTRACTS)
    found = [fault for mutant in mutants if (fault := misplaced(mutant, project.CONTRACTS))]
    return found + [
        f"{mutant.name}: there is no test {mutant.killer}"
        for mutant in mutants
        if mutant.killer and mutant.killer not in tests
    ]


def misplaced(mutant: Mutant, folder: Path) -> str | None:
    """Why the mutant cannot be put into a project, if it cannot."""
    path = folder / mutant.file
    if not path.is_file():
        return f"{mutant.name}: there is no {mutant.file}"
    count = len(positions(mutant, path.read_text("utf-8")))
    place = f"{mutant.within} of {mutant.file}" if mutant.within else mutant.file
    if mutant.every:
        return None if count > 1 else f"{mutant.name}: its text does not occur more than once in {place}"
    return None if count == 1 else f"{mutant.name}: its text occurs {count} times in {place}, not once"


def positions(mutant: Mutant, text: str) -> list[int]:
    """Where in the source the texts to be replaced begin."""
    found = re.finditer(re.escape(mutant.before), text)
    places = bodies(text, mutant.within) if mutant.within else [(0, len(text))]
    return [
        match.start() for match in found if any(a <= match.start() and match.end() <= b for a, b in places)
    ]


def bodies(text: str, function: str) -> list[tuple[int, int]]:
    """Where the functions of this name stand, by the indentation that `forge fmt` gives them."""
    head = (
        function
        if function in ("constructor", "receive", "fallback")
        else rf"(?:function|modifier) {function}"
    )
    shape = rf"^(?P<indent> *){head}\b.*?^(?P=indent)\}}$"
    return [match.span() for match in re.finditer(shape, text, re.MULTILINE | re.DOTALL)]


def apply(mutant: Mutant, folder: Path) -> None:
    """Put the mutant into a copy of the project.

    Raises:
        Stop: its text does not occur exactly once.
    """
    if fault := misplaced(mutant, folder):
        raise Stop(fault)
    path = folder / mutant.file
    text = path.read_text("utf-8")
    for start in reversed(positions(mutant, text)):
        text = text[:start] + mutant.after + text[start + len(mutant.before) :]
    path.write_text(text, "utf-8")


def changed(mutant: Mutant, text: str) -> list[tuple[int, int]]:
    """What the mutant changes of the source: first and last + 1 character, equal for what is inserted."""
    steps = difflib.SequenceMatcher(None, mutant.before, mutant.after, autojunk=False).get_opcodes()
    spans = [(a, b) for kind, a, b, _, _ in steps if kind != "equal"]
    return [(start + a, start + b) for start in positions(mutant, text) for a, b in spans]
