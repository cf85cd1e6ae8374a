"""Writes entries of the list of mutants: those that it lacks, and the tests that were found to notice."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.contract_checks import project
from scripts.contract_checks.mutants import NEEDED, TEXTS, Mutant, positions
from scripts.contract_checks.sites import CONDITION, Site

MEMBER = re.compile(r"^\w+ = (?:'''.*?'''|.*?)$", re.MULTILINE | re.DOTALL)
BLOCK_FOLLOWS = re.compile(r"(\)|\belse|\bdo)\s*$")


def suggestions(places: Sequence[Site], taken: Sequence[str]) -> list[Mutant]:
    """A mutant for each place: a condition that never holds, a statement that is left out.

    Args:
        taken: names that are not free.
    """
    names = list(taken)
    made = []
    for place in places:
        text = (project.CONTRACTS / place.file).read_text("utf-8")
        name = free_name(place, names)
        names.append(name)
        made.append(mutant(place, text, name))
    return made


def mutant(place: Site, text: str, name: str) -> Mutant:
    """The mutant of a place: as few whole lines as occur once in their function."""
    start, end = line_start(text, place.start), text.index("\n", place.end)
    end = place.end + len(text[place.end : end].partition(" //")[0])
    while True:
        lead, tail = text[start : place.start].lstrip(), text[place.end : end]
        instead = "false" if place.shape == CONDITION else "{}" if BLOCK_FOLLOWS.search(lead) else ""
        before = text[end - len(lead) - len(tail) - (place.end - place.start) : end]
        after = (lead + instead + tail).rstrip()
        made = Mutant(
            name, sentence(place, text), place.file, place.function, before, after, False, "", False
        )
        if len(positions(made, text)) <= 1:
            return made
        start = line_start(text, start - 1)


def line_start(text: str, position: int) -> int:
    """Where the line of this position begins."""
    return text.rfind("\n", 0, position) + 1


def free_name(place: Site, taken: Sequence[str]) -> str:
    """A name made of where the place is and what it does, with a number where that is not enough."""
    words = f"{place.contract} {place.function} {'' if place.kind == 'refusal' else place.kind} {place.what}"
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", words)
    base = "-".join(re.findall(r"[a-z0-9]+", spaced.lower()))
    number = 1
    while (name := base if number == 1 else f"{base}-{number}") in taken:
        number += 1
    return name


def sentence(place: Site, text: str) -> str:
    """What is wrong with the mutant of a place."""
    function = ".".join(filter(None, (place.contract, place.function)))
    if place.shape == CONDITION:
        condition = " ".join(text[place.start : place.end].split())
        return f"{function} does not refuse with {place.what} when {condition}."
    if place.kind == "write":
        return f"{function} does not write {place.what}."
    return f"{function} does not call {place.what}."


def entry(listed: Mutant) -> str:
    """A mutant as it stands in the list."""
    lines = ["[[mutant]]"]
    for member in TEXTS:
        value = getattr(listed, member)
        if member in NEEDED or value:
            lines.append(f"{member} = {quoted(value)}")
    lines += [f"{member} = true" for member in ("every", "quick") if getattr(listed, member)]
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A text as TOML: as it is between three apostrophes where it has several lines."""
    if "\n" in text and "'''" not in text:
        return f"'''\n{text}'''"
    return json.dumps(text, ensure_ascii=False)


def record(path: Path, killers: Mapping[str, str]) -> int:
    """Write the tests that noticed into the list, and leave all else as it stands.

    Args:
        killers: name of a mutant -> `Contract.test`.

    Returns:
        how many entries changed.
    """
    blocks = re.split(r"^(?=\[\[mutant\]\])", path.read_text("utf-8"), flags=re.MULTILINE)
    changed = 0
    for i, block in enumerate(blocks):
        named = re.search(r'^name = "(.*)"$', block, re.MULTILINE)
        if named is None or named[1] not in killers:
            continue
        kept = re.sub(r"^killer = .*\n", "", block, flags=re.MULTILINE)
        *_, last = MEMBER.finditer(kept)
        blocks[i] = f'{kept[: last.end()]}\nkiller = "{killers[named[1]]}"{kept[last.end() :]}'
        changed += blocks[i] != block
    path.write_text("".join(blocks), "utf-8")
    return changed
