"""What `crowdledger verify` runs: files in, a sentence or a JSON line per bundle and an exit status out.

Exit status: 0 when every bundle holds; 1 when any is refused; 2 when none is refused but some input could not
be used (no file, no bundle, no answer from the chain).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TextIO

from ledger_service.commitments import Json
from ledger_service.eip712 import encode_word
from ledger_service.errors import BadInput, Unavailable, VerificationError
from ledger_service.log.checkpoint import VerifierKey
from ledger_service.log.policy import read_policy
from ledger_service.verify import bundle as bundles
from ledger_service.verify.chain import AnchorReader, JsonRpcChain
from ledger_service.verify.verdict import Memory, Verdict
from ledger_service.verify.verifier import verify_bundle

HOLDS, REFUSED, UNUSABLE = 0, 1, 2
MAX_FILE_BYTES = 4 << 30


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller pins and asks for.

    `policy` is the path of a policy file (C2SP tlog-policy); `block` is where the chain is read, `finalized`
    or `latest`; `from_block` where its events begin.
    """

    rpc: str | None = None
    log_key: str | None = None
    log_address: str | None = None
    policy: str | None = None
    as_json: bool = False
    block: str = "finalized"
    from_block: int = 0


@dataclass
class Tally:
    """How many bundles held, were refused, or could not be used; and the notes, each once."""

    holds: int = 0
    refused: int = 0
    unusable: int = 0
    notes: dict[str, int] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The exit status: a refusal weighs more than an unusable file."""
        if self.refused:
            return REFUSED
        return UNUSABLE if self.unusable or not self.holds else HOLDS


def run(paths: Sequence[str], options: Options, out: TextIO | None = None, err: TextIO | None = None) -> int:
    """Verify every bundle in the files (`-` is standard input), one bundle per line; returns the exit status.

    With `as_json`, one JSON object per bundle and nothing else goes to `out`; otherwise a line per bundle and
    a summary. What is wrong with the input goes to `err`, and so does progress when `err` is a terminal.
    """
    report = _Report(options.as_json, out or sys.stdout, err or sys.stderr)
    try:
        chain = _prepare(options)
        policy = read_policy(Path(options.policy)) if options.policy is not None else None
    except BadInput as error:
        report.unusable("", 0, str(error))
        return report.tally.status
    check = partial(
        verify_bundle,
        log_key=options.log_key,
        log_address=options.log_address.lower() if options.log_address else None,
        policy=policy,
        chain=chain,
        memory=Memory(),
    )
    for path in paths:
        try:
            lines = bundles.split_lines(_read(path))
        except (BadInput, OSError) as error:
            report.unusable(path, 0, _sentence(error))
            continue
        for number, line in report.progress(lines):
            _check(report, check, line, path, number if len(lines) > 1 else 0)
    report.finish()
    return report.tally.status


def _prepare(options: Options) -> AnchorReader | None:
    """Refuse options that could never match before a single bundle is blamed for them."""
    if options.log_key is not None:
        VerifierKey.parse(options.log_key)
    if options.log_address is not None:
        encode_word("address", options.log_address.lower())
    if options.rpc is None:
        return None
    return JsonRpcChain(options.rpc, options.block, from_block=options.from_block)


def _read(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read(MAX_FILE_BYTES)
    if Path(path).is_dir():
        raise BadInput("this is a directory; name the bundle files in it")
    if Path(path).is_file() and Path(path).stat().st_size > MAX_FILE_BYTES:
        raise BadInput(f"the file is larger than {MAX_FILE_BYTES} bytes")
    return Path(path).read_bytes()


def _sentence(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _check(report: _Report, check: Callable[[bytes], Verdict], line: bytes, path: str, number: int) -> None:
    try:
        verdict = check(line)
    except VerificationError as error:
        report.refused(path, number, error)
    except (BadInput, Unavailable) as error:
        report.unusable(path, number, str(error))
    else:
        report.holds(path, number, verdict)


class _Report:
    """Says what came out, to people or to programs, and counts it."""

    def __init__(self, as_json: bool, out: TextIO, err: TextIO) -> None:
        self.tally = Tally()
        self._json, self._out, self._err = as_json, out, err
        self._bar = err.isatty() and not (out.isatty() and not as_json)

    def holds(self, path: str, number: int, verdict: Verdict) -> None:
        """A bundle holds."""
        self.tally.holds += 1
        for note in verdict.notes:
            self.tally.notes[note] = self.tally.notes.get(note, 0) + 1
        self._line(path, number, verdict.to_json(), f"OK: {summary(verdict)}")

    def refused(self, path: str, number: int, error: VerificationError) -> None:
        """A bundle does not hold."""
        self.tally.refused += 1
        found = {"what": error.what, "expected": error.expected, "found": error.found}
        self._line(path, number, {"ok": False, "step": error.step, **found}, f"REFUSED at {error}")

    def unusable(self, path: str, number: int, reason: str) -> None:
        """Something could not be checked at all."""
        self.tally.unusable += 1
        self._err.write(f"{_where(path, number)}{reason}\n")
        if self._json:
            self._line(path, number, {"ok": None, "error": reason}, "")

    def finish(self) -> None:
        """The summary, for people."""
        if self._json:
            return
        tally = self.tally
        for note, count in tally.notes.items():
            self._out.write(f"note: {note} ({count} of {tally.holds})\n")
        self._out.write(f"{tally.holds} hold, {tally.refused} refused, {tally.unusable} unusable\n")

    def progress(self, lines: list[bytes]) -> Iterator[tuple[int, bytes]]:
        """The lines, numbered from 1; on a terminal with a bar while there are many."""
        shown = self._bar and len(lines) >= 100
        for number, line in enumerate(lines, start=1):
            if shown and (number % 50 == 0 or number == len(lines)):
                filled = 40 * number // len(lines)
                self._err.write(f"\r[{'#' * filled:.<40}] {number}/{len(lines)}")
                self._err.flush()
            yield number, line
        if shown:
            self._err.write("\n")

    def _line(self, path: str, number: int, value: dict[str, Json], words: str) -> None:
        if self._json:
            where = {"file": path, "line": number} if number else {"file": path}
            text = json.dumps(where | value, ensure_ascii=False)
        else:
            text = _where(path, number) + words
        self._out.write(text + "\n")


def _where(path: str, number: int) -> str:
    return (f"{path}:{number}: " if number else f"{path}: ") if path else ""


def summary(verdict: Verdict) -> str:
    """One line for people: what is proved."""
    facts = verdict.facts
    head = f"entry {facts['index']} of {facts['log_size']}{_cosigners(facts['witnesses'])}"
    if verdict.kind == bundles.PAYMENT:
        return f"payment of {facts['amount']} to {facts['worker']}, {head}"
    judged = facts["verdict"] or "not judged yet"
    return f"label by {facts['worker']} on item {str(facts['item'])[:18]}…, {judged}, {head}"


def _cosigners(witnesses: Sequence[dict[str, Json]]) -> str:
    """Who cosigned the checkpoint, for people: of many a few, those that a policy names before others."""
    names = [str(found["key"]).split("+")[0] for found in sorted(witnesses, key=lambda w: not w["trusted"])]
    if not names:
        return ""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f", cosigned by {', '.join(names[:3])}{more}"
