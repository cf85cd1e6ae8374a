"""Policies (C2SP tlog-policy): which checkpoints are trusted."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_service.errors import BadInput, VerificationError
from ledger_service.log import note
from ledger_service.log.checkpoint import LogKey, sign_checkpoint
from ledger_service.log.cosignature import WitnessKey, with_lines
from ledger_service.log.note import NoteSignature
from ledger_service.log.policy import MAX_POLICY_BYTES, Policy, open_under_policy, parse_policy

LOG = LogKey("example.com/log", bytes(range(32)))
OTHER_LOG = LogKey("example.com/other", bytes(32))
X1, X2, X3, Y1, Y2, Y3 = WITNESSES = [
    WitnessKey(f"{name}.example", name.encode() * 16) for name in ("x1", "x2", "x3", "y1", "y2", "y3")
]
NAMES = dict(zip(("X1", "X2", "X3", "Y1", "Y2", "Y3"), WITNESSES, strict=True))
DEFINED = "".join(f"witness {name} {key.verifier}\n" for name, key in NAMES.items())
# The example of the specification, with keys.
EXAMPLE = f"""log {LOG.verifier}

{DEFINED}group X-witnesses 2 X1 X2 X3

group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def policy(text: str) -> Policy:
    return parse_policy(text.encode())


def reached(found: Policy, keys: Sequence[WitnessKey]) -> bool:
    return found.satisfied_by([key.verifier for key in keys])


@pytest.mark.parametrize(
    ("keys", "enough"),
    [
        ([], False),
        ([X1, X2], False),
        ([Y1, Y2, Y3], False),
        ([X1, Y1, Y2, Y3], False),
        ([X1, X2, Y3], True),
        ([X2, X3, Y1], True),
        (WITNESSES, True),
    ],
)
def test_the_specifications_example_asks_for_two_of_three_and_one_of_three(
    keys: list[WitnessKey], enough: bool
) -> None:
    assert reached(policy(EXAMPLE), keys) == enough


@pytest.mark.parametrize(
    ("rule", "enough", "too_few"),
    [
        ("quorum none", [], None),
        ("quorum X1", [X1], [X2]),
        ("group g all X1\nquorum g", [X1], [X2]),
        ("group g any X1 X2\nquorum g", [X2], [X3]),
        ("group g 1 X1 X2\nquorum g", [X2], [X3]),
        ("group g 2 X1 X2\nquorum g", [X1, X2], [X2]),
        ("group g all X1 X2 X3\nquorum g", [X1, X2, X3], [X1, X2]),
        ("group g any X1 X2\ngroup h 2 g X3 Y1\nquorum h", [X2, Y1], [X1, X2]),
        ("group g all X1 X2\nquorum X1", [X1], [X2]),
    ],
)
def test_groups_and_quorums(rule: str, enough: list[WitnessKey], too_few: list[WitnessKey] | None) -> None:
    found = policy(f"{DEFINED}{rule}\n")
    assert reached(found, enough)
    assert too_few is None or not reached(found, too_few)


def test_a_key_of_the_same_name_is_another_witness() -> None:
    found = policy(f"{DEFINED}quorum X1\n")
    assert not reached(found, [WitnessKey(X1.name, bytes(32))])
    assert not reached(found, [WitnessKey("other.example", X1.seed)])


def test_lines_may_be_indented_commented_and_empty() -> None:
    text = (
        "# a policy\n \t # another comment\n\n   \n"
        f"\tlog\t{LOG.verifier} \t https://log.example/  \n"
        f"  witness  X1 {X1.verifier}\thttps://witness.example/prefix\n"
        f"log {OTHER_LOG.verifier}\n\tquorum X1\t\nwitness X2 {X2.verifier}\n#"
    )
    found = policy(text + "\n")
    assert [(log.key, log.url) for log in found.logs] == [
        (LOG.verifier, "https://log.example/"),
        (OTHER_LOG.verifier, None),
    ]
    assert [(one.name, one.url) for one in found.witnesses] == [
        (b"X1", "https://witness.example/prefix"),
        (b"X2", None),
    ]
    assert found.cosigners == (X1.verifier, X2.verifier)


def test_names_are_opaque_octets() -> None:
    """A Kelvin sign is no K, and what is not UTF-8 is a name as well."""
    for name in ("K", "\u212a", "Ω"):
        raw = name.encode()
        lines = b"witness " + raw + f" {X1.verifier}\n".encode() + b"quorum " + raw + b"\n"
        assert reached(parse_policy(lines), [X1])
    lines = f"witness K {X1.verifier}\nwitness \u212a {X2.verifier}\nquorum \u212a\n".encode()
    assert not reached(parse_policy(lines), [X1])
    assert reached(parse_policy(lines), [X2])
    raw = b"witness \xff\x80 " + f"{X1.verifier}".encode() + b" https://\xfe/\n# \x80\nquorum \xff\x80\n"
    assert reached(parse_policy(raw), [X1])
    with pytest.raises(BadInput, match="line 2"):
        policy(f"witness K {X1.verifier}\nquorum \u212a\n")


def test_a_log_and_a_witness_may_share_a_public_key() -> None:
    same = LogKey("same.example", X1.seed)
    assert reached(policy(f"log {same.verifier}\nwitness X1 {X1.verifier}\nquorum X1\n"), [X1])


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("log\nquorum none\n", 1, "log <vkey>"),
        (f"log {LOG.verifier} u more\nquorum none\n", 1, "log <vkey>"),
        (f"log {X1.verifier}\nquorum none\n", 1, "0x04"),
        ("log nonsense\nquorum none\n", 1, "not a verifier key"),
        (f"log {LOG.verifier}\nlog {LOG.verifier}\nquorum none\n", 2, "public key"),
        (f"log {LOG.verifier}\nlog {LogKey('b', LOG.seed).verifier}\nquorum none\n", 2, "public key"),
        (f"witness {X1.verifier}\nquorum none\n", 1, "witness <name>"),
        (f"witness a {X1.verifier} u more\nquorum none\n", 1, "witness <name>"),
        (f"witness a {LOG.verifier}\nquorum a\n", 1, "0x01"),
        (f"witness a {note.format_vkey('a', bytes([6]), bytes(1312))}\nquorum a\n", 1, "ML-DSA-44"),
        (f"witness a {X1.verifier}\nwitness b {X1.verifier}\nquorum a\n", 2, "public key"),
        (f"witness a {X1.verifier}\nwitness a {X2.verifier}\nquorum a\n", 2, "taken"),
        (f"witness none {X1.verifier}\nquorum none\n", 1, "taken"),
        (f"{DEFINED}group g all\nquorum g\n", 7, "group <name>"),
        (f"{DEFINED}group g\nquorum g\n", 7, "group <name>"),
        (f"{DEFINED}group X1 all X2\nquorum X1\n", 7, "taken"),
        (f"{DEFINED}group none all X2\nquorum X1\n", 7, "taken"),
        (f"{DEFINED}group g all X1\ngroup g all X2\nquorum g\n", 8, "taken"),
        (f"{DEFINED}group g all Z\nquorum g\n", 7, "no line before"),
        (f"{DEFINED}group g all none\nquorum g\n", 7, "no line before"),
        (f"{DEFINED}group g all g\nquorum g\n", 7, "no line before"),
        (f"{DEFINED}group g all h\ngroup h all X1\nquorum g\n", 7, "no line before"),
        (f"{DEFINED}group g all X1 X1\nquorum g\n", 7, "member already"),
        (f"{DEFINED}group g all X1\ngroup h all X1 X2\nquorum g\n", 8, "member already"),
        (f"{DEFINED}group g all X1\ngroup h all g\ngroup i all g\nquorum g\n", 9, "member already"),
        (f"{DEFINED}group g 0 X1\nquorum g\n", 7, "from 1 to 1"),
        (f"{DEFINED}group g 3 X1 X2\nquorum g\n", 7, "from 1 to 2"),
        (f"{DEFINED}group g 01 X1 X2\nquorum g\n", 7, "from 1 to 2"),
        (f"{DEFINED}group g +1 X1 X2\nquorum g\n", 7, "from 1 to 2"),
        (f"{DEFINED}group g ALL X1 X2\nquorum g\n", 7, "none of all, any"),
        (f"{DEFINED}group g 99999999999 X1 X2\nquorum g\n", 7, "from 1 to 2"),
        (f"quorum X1\n{DEFINED}", 1, "no line before"),
        (f"{DEFINED}quorum\n", 7, "quorum <name>"),
        (f"{DEFINED}quorum X1 X2\n", 7, "quorum <name>"),
        (f"{DEFINED}quorum X1\nquorum X1\n", 8, "a second quorum"),
        (f"{DEFINED}quorum X1 # a comment\n", 7, "quorum <name>"),
        (f"{DEFINED}Quorum X1\n", 7, "none of log, witness"),
        (f"{DEFINED}quorum X1", 7, "newline"),
        (f"{DEFINED}quorum X1\r\n", 7, "0x0d"),
        ("# \x00\nquorum none\n", 1, "0x00"),
        ("# \x7f\nquorum none\n", 1, "0x7f"),
        ("# \x0b\nquorum none\n", 1, "0x0b"),
    ],
)
def test_what_is_no_policy_is_refused_at_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        policy(text)
    assert f"line {line} of the policy" in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n", f"log {LOG.verifier}\n", DEFINED])
def test_a_policy_has_a_quorum(text: str) -> None:
    with pytest.raises(BadInput, match="no quorum"):
        policy(text)


def test_a_key_name_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(BadInput, match="line 1 of the policy: a verifier key's name is UTF-8"):
        parse_policy(b"log \xff" + str(LOG.verifier).encode() + b"\nquorum none\n")


def test_large_policies_are_taken_and_huge_ones_are_not() -> None:
    keys = [WitnessKey(f"w{at}", at.to_bytes(32, "big")) for at in range(200)]
    logs = [LogKey(f"l{at}", at.to_bytes(32, "big")) for at in range(200)]
    lines = [f"log {log.verifier}" for log in logs]
    lines += [f"witness w{at} {key.verifier}" for at, key in enumerate(keys)]
    lines += ["group g0 all w0"] + [f"group g{at} all g{at - 1} w{at}" for at in range(1, 200)]
    found = policy("\n".join([*lines, "quorum g199", ""]))
    assert (len(found.logs), len(found.witnesses), len(found.groups)) == (200, 200, 200)
    assert reached(found, keys)
    assert not reached(found, keys[1:])
    with pytest.raises(BadInput, match="at most"):
        policy("#" * MAX_POLICY_BYTES + "\nquorum none\n")


CHECKPOINT = sign_checkpoint(LOG.name, 5, bytes(32), LOG)


def cosigned(*keys: WitnessKey) -> str:
    return with_lines(CHECKPOINT, [key.cosign(CHECKPOINT, 1000 + at) for at, key in enumerate(keys)])


def test_a_checkpoint_is_opened_under_a_policy() -> None:
    found = open_under_policy(cosigned(X1, X3, Y2), policy(EXAMPLE))
    assert (found.checkpoint.size, found.log) == (5, LOG.verifier)
    assert dict(found.cosigned) == {X1.verifier: 1000, X3.verifier: 1001, Y2.verifier: 1002}
    with pytest.raises(VerificationError, match=r"the quorum `X-and-Y`, found x1.example, x3.example"):
        open_under_policy(cosigned(X1, X3), policy(EXAMPLE))


def test_unknown_cosigners_are_ignored_and_known_ones_verified() -> None:
    asked = policy(f"log {LOG.verifier}\nwitness X1 {X1.verifier}\nwitness X2 {X2.verifier}\nquorum X1\n")
    unknown = NoteSignature("z.example", bytes(4), bytes(72)).line
    assert list(open_under_policy(cosigned(X1, Y1) + unknown, asked).cosigned) == [X1.verifier]
    wrong = NoteSignature(X2.name, X2.verifier.key_id, bytes(72)).line
    with pytest.raises(VerificationError, match="a witness's cosignature"):
        open_under_policy(cosigned(X1) + wrong, asked)


def test_the_log_is_one_of_the_policys_and_signs_under_its_own_name() -> None:
    both = policy(f"log {LOG.verifier}\nlog {OTHER_LOG.verifier}\nquorum none\n")
    assert open_under_policy(CHECKPOINT, both).log == LOG.verifier
    assert open_under_policy(CHECKPOINT, both, LOG.verifier).log == LOG.verifier
    with pytest.raises(VerificationError, match="signed by no log"):
        open_under_policy(CHECKPOINT, both, OTHER_LOG.verifier)
    with pytest.raises(VerificationError, match="signed by no log"):
        open_under_policy(CHECKPOINT, policy(f"log {OTHER_LOG.verifier}\nquorum none\n"))
    body = CHECKPOINT.split("\n\n")[0] + "\n"
    other = NoteSignature(OTHER_LOG.name, OTHER_LOG.verifier.key_id, OTHER_LOG.sign(body.encode()))
    with pytest.raises(VerificationError, match="signed by no log"):
        open_under_policy(f"{body}\n{other.line}", both)
    forged = NoteSignature(OTHER_LOG.name, OTHER_LOG.verifier.key_id, bytes(64))
    with pytest.raises(VerificationError, match="the log's signature"):
        open_under_policy(CHECKPOINT + forged.line, both)


def test_a_policy_without_logs_needs_one_from_elsewhere() -> None:
    asked = policy("quorum none\n")
    assert open_under_policy(CHECKPOINT, asked, LOG.verifier).log == LOG.verifier
    with pytest.raises(VerificationError, match="signed by no log"):
        open_under_policy(CHECKPOINT, asked)
    with pytest.raises(VerificationError, match="signed by no log"):
        open_under_policy(CHECKPOINT, asked, OTHER_LOG.verifier)


@st.composite
def random_policies(draw: st.DrawFn) -> tuple[str, dict[str, tuple[int, list[str]]], str]:
    """A policy's text, its groups (threshold and members), and its quorum."""
    free, groups, lines = list(NAMES), {}, []
    for at in range(draw(st.integers(0, 4))):
        members = draw(st.lists(st.sampled_from(free), min_size=1, unique=True)) if free else []
        if not members:
            break
        threshold = draw(st.integers(1, len(members)))
        word = draw(st.sampled_from([str(threshold)] + ["all"] * (threshold == len(members))))
        free = [name for name in free if name not in members] + [f"g{at}"]
        groups[f"g{at}"] = (threshold, members)
        lines.append(f"group g{at} {word} {' '.join(members)}\n")
    quorum = draw(st.sampled_from(["none", *NAMES, *groups]))
    return DEFINED + "".join(lines) + f"quorum {quorum}\n", groups, quorum


@given(random_policies(), st.sets(st.sampled_from(list(NAMES))))
@settings(max_examples=300)
def test_random_policies_mean_what_their_groups_say(
    made: tuple[str, dict[str, tuple[int, list[str]]], str], cosigners: set[str]
) -> None:
    text, groups, quorum = made

    def witnessed(name: str) -> bool:
        """The definition, as it is written, by recursion."""
        if name in groups:
            threshold, members = groups[name]
            return sum(witnessed(member) for member in members) >= threshold
        return name == "none" or name in cosigners

    assert reached(policy(text), [NAMES[name] for name in cosigners]) == witnessed(quorum)


KEYWORDS = ("log", "witness", "group", "quorum", "none", "all", "any", "1", "2", "#")
OTHERS = ("X1", "X2", "g", "\t", "\x00", "é", "https://x.example/")
words = st.sampled_from(
    [*KEYWORDS, *OTHERS, str(LOG.verifier), str(X1.verifier), str(X2.verifier)],
)


@given(st.lists(st.lists(words, max_size=5).map(" ".join), max_size=8).map("\n".join) | st.text(max_size=100))
@settings(max_examples=300)
def test_any_text_is_a_policy_or_refused(text: str) -> None:
    for raw in (text.encode(), text.encode() + b"\n"):
        try:
            found = parse_policy(raw)
        except BadInput:
            continue
        assert raw.endswith(b"\n")
        assert found.satisfied_by(found.cosigners)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_policy_or_refused(raw: bytes) -> None:
    try:
        parse_policy(raw)
    except BadInput:
        return
    raise AssertionError("no bytes of chance are a policy, which has a quorum line")
