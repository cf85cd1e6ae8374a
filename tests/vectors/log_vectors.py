"""Checkpoints, cosignatures, policies, proofs and tiles."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from ledger_service.log import tiles
from ledger_service.log.checkpoint import Checkpoint, LogKey, sign_checkpoint
from ledger_service.log.cosignature import with_lines
from ledger_service.log.hashing import leaf_hash
from ledger_service.log.note import Note, NoteSignature, parse_note
from ledger_service.log.tlog_proof import format_proof
from ledger_service.log.tree import Tree
from tests.vectors.parts import LOG, OTHER_LOG, TIME, WITNESSES, Vector, b64, show, unreduced

SIZES = (1, 2, 3, 7, 8, 256, 257, 1000)


def tree_of(size: int) -> Tree:
    """A tree whose leaf `i` is the text `entry i`."""
    tree = Tree()
    for index in range(size):
        tree.append(leaf_hash(b"entry %d" % index))
    return tree


def checkpoint(size: int, key: LogKey = LOG) -> str:
    return sign_checkpoint(key.name, size, tree_of(size).root(size), key)


def signed(text: str, key: LogKey = LOG, change: bytes | None = None) -> str:
    """Any text, signed as a note by a log's key."""
    signature = key.sign(text.encode()) if change is None else change
    return Note(text, (NoteSignature(key.name, key.verifier.key_id, signature),)).to_text()


def checkpoint_vectors() -> Vector:
    holds = []
    for size in SIZES:
        text = checkpoint(size)
        root = show(tree_of(size).root(size))
        holds.append({"logKey": str(LOG.verifier), "checkpoint": text, "size": str(size), "root": root})
    return {
        "about": "Checkpoints (docs/formats.md, section 10; C2SP tlog-checkpoint). `refused` are not what the"
        " key signs, or have more on them than its line.",
        "holds": holds,
        "refused": [
            {"logKey": str(LOG.verifier), "checkpoint": text, "why": why} for text, why in _bad_notes()
        ],
    }


def _bad_notes() -> Iterator[tuple[str, str]]:
    good = checkpoint(1000)
    body, line = good.split("\n\n")
    lines = body.split("\n")
    signature = parse_note(good).signatures[0].signature
    whole = Checkpoint(LOG.name, 1000, tree_of(1000).root(1000))
    yield good.replace("\n1000\n", "\n1001\n"), "another size"
    yield good.replace(lines[2], b64(bytes(32))), "another root"
    yield good[:-1], "the last newline is missing"
    yield good + "\n", "an empty line too many"
    yield good.replace("\n", "\r\n"), "lines end in U+000A alone"
    yield body + "\n\n", "no signature"
    yield body + "\n\n" + line + line, "the line stands twice"
    yield body + "\n\n" + line.replace("—", "-"), "not an em dash"
    yield signed(whole.text(), OTHER_LOG), "signed by another log's key"
    yield signed(Checkpoint(OTHER_LOG.name, 1000, whole.root).text()), "the origin is not the key's name"
    yield signed(whole.text() + "extension\n"), "an extension line"
    yield signed(whole.text().replace("1000", "01000")), "a leading zero"
    yield signed(whole.text().replace("1000", str(2**64))), "a size beyond 2^64 - 1"
    yield signed(whole.text().replace(lines[2], b64(whole.root[:31]))), "a root of 31 bytes"
    yield signed(whole.text().replace(lines[2], lines[2].rstrip("="))), "base64 without padding"
    yield signed(whole.text(), change=unreduced(signature)), "S + L for S (RFC 8032, 5.1.7)"
    yield signed(whole.text(), change=signature[:63]), "63 bytes of signature"
    yield body + "\n\n" + line.replace(LOG.name, LOG.name + "x"), "a line under another name alone"
    yield good + checkpoint(1000, OTHER_LOG).split("\n\n")[1], "another key's line beside it"


def cosignature_vectors() -> Vector:
    plain = checkpoint(8)
    lines = [key.cosign(plain, TIME + at) for at, key in enumerate(WITNESSES)]
    common = {"logKey": str(LOG.verifier)}
    holds = []
    for count in (1, 2, 3):
        named = [str(key.verifier) for key in WITNESSES[:count]]
        text = with_lines(plain, lines[:count])
        times = [str(TIME + at) for at in range(count)]
        holds.append({**common, "witnesses": named, "checkpoint": text, "times": times})
    refused = [
        {**common, "witnesses": [str(WITNESSES[at].verifier) for at in named], "checkpoint": text, "why": why}
        for named, text, why in _bad_cosignatures(plain, lines)
    ]
    return {
        "about": "Checkpoints with exactly the log's line and then one of each witness named, in this order"
        " (docs/formats.md, sections 10 and 11; C2SP tlog-cosignature v1). `times` are seconds since 1970.",
        "holds": holds,
        "refused": refused,
    }


def _bad_cosignatures(plain: str, lines: list[str]) -> Iterator[tuple[list[int], str, str]]:
    first = parse_note(plain + lines[0]).signatures[1]
    time, signature = first.signature[:8], first.signature[8:]

    def changed(raw: bytes) -> str:
        return plain + NoteSignature(first.name, first.key_id, raw).line

    later = (int.from_bytes(time, "big") + 1).to_bytes(8, "big")
    other = WITNESSES[0].cosign(checkpoint(7), TIME)
    yield [0], plain, "the witness's line is missing"
    yield [], plain + lines[0], "a line of a witness that is not named"
    yield [0, 1], plain + lines[1] + lines[0], "the lines stand in another order"
    yield [0], plain + lines[1], "another witness's line"
    yield [0], plain + lines[0] + lines[0], "the line stands twice"
    yield [0], plain + other, "a cosignature of another checkpoint"
    yield [0], changed(later + signature), "another time than was signed"
    yield [0], changed(b"\x80" + time[1:] + signature), "a time beyond 2^63 - 1"
    yield [0], changed(time + unreduced(signature)), "S + L for S (RFC 8032, 5.1.7)"
    yield [0], changed(time + signature + b"\x00"), "a byte too many"
    yield [0], changed(signature), "the time is missing"


def policy_vectors() -> Vector:
    names = "".join(f"witness {name} {key.verifier}\n" for name, key in zip("XYZ", WITNESSES, strict=True))
    log = f"log {LOG.verifier}\n"
    groups = (
        ("quorum none\n", 0), ("quorum X\n", None), ("group g any X Y Z\nquorum g\n", 1),
        ("group g 2 X Y Z\nquorum g\n", 2), ("group g all X Y Z\nquorum g\n", 3),
        ("group g 3 X Y Z\nquorum g\n", 3),
        ("group a any X Y\n# a comment\n\n\tgroup\tb all a Z \nquorum b\n", None),
    )  # fmt: skip
    holds = []
    for text, _ in groups:
        for chosen in ((), (0,), (1,), (0, 1), (2,), (1, 2), (0, 1, 2)):
            keys = [str(WITNESSES[at].verifier) for at in chosen]
            holds.append(
                {"policy": log + names + text, "cosigned": keys, "satisfied": _satisfied(text, chosen)}
            )
    refused = [{"policy": text, "why": why} for text, why in _bad_policies(names, log)]
    return {
        "about": "Policies (C2SP tlog-policy): whether the quorum is reached when the keys in `cosigned` have"
        " cosigned. `refused` are no policies.",
        "holds": holds,
        "refused": refused,
    }


def _satisfied(quorum: str, chosen: tuple[int, ...]) -> bool:
    """By hand, of each quorum above."""
    x, y, z = (at in chosen for at in range(3))
    if "none" in quorum:
        return True
    if "group a" in quorum:
        return (x or y) and z
    if "group g" in quorum:
        return len(chosen) >= {"any": 1, "2": 2, "3": 3, "all": 3}[quorum.split()[2]]
    return x


def _bad_policies(names: str, log: str) -> Iterator[tuple[str, str]]:
    yield log + names, "no quorum line"
    yield log + names + "quorum X", "the last line does not end in a newline"
    yield log + names + "quorum X\nquorum X\n", "two quorum lines"
    yield "quorum X\n" + names, "the quorum is named before it is defined"
    yield names + "group g 4 X Y Z\nquorum g\n", "more than the group has"
    yield names + "group g 0 X Y Z\nquorum g\n", "fewer than one"
    yield names + "group g 02 X Y Z\nquorum g\n", "a leading zero"
    yield names + "group g all\nquorum g\n", "a group of none"
    yield names + "group g any X X\nquorum g\n", "a member twice"
    yield names + "group g any X\ngroup h any X\nquorum h\n", "a member of two groups"
    yield names + "group g any none\nquorum g\n", "none is no member"
    yield names + "group X any Y\nquorum X\n", "a name twice"
    yield names + names.replace("witness X", "witness V") + "quorum X\n", "a key twice"
    yield log + log + "quorum none\n", "a log twice"
    yield names.replace("\n", "\r\n", 1) + "quorum X\n", "U+000D"
    yield f"log {WITNESSES[0].verifier}\nquorum none\n", "a witness's key where a log's belongs"
    yield f"witness X {LOG.verifier}\nquorum X\n", "a log's key where a witness's belongs"
    yield "witness X name+00000000+AAAA\nquorum X\n", "no key"
    yield "# a comment\r\nquorum none\n", "U+000D, also in a comment"
    yield f"log {LOG.verifier} https://log.example more\nquorum none\n", "a log has no third item"
    yield names.replace("\n", " https://w.example more\n") + "quorum X\n", "a witness has no fourth item"
    yield names + "quorum X Y\n", "a quorum of two names"
    yield "notary X\nquorum none\n", "an unknown keyword"


def proof_vectors() -> Vector:
    """Inclusion proofs as texts, and consistency proofs."""
    holds, refused = [], []
    for size in SIZES:
        tree, text = tree_of(size), checkpoint(size)
        for index in sorted({0, size // 2, size - 1}):
            path = tree.inclusion_proof(index, size)
            found = {"leaf": show(leaf_hash(b"entry %d" % index)), "size": str(size)}
            found["root"] = show(tree.root(size))
            proof = format_proof(index, path, text)
            holds.append({"proof": proof, **found})
            if size in (1, 7, 257):
                refused += [
                    {"proof": bad, **found, "why": why} for bad, why in _bad_proofs(proof, index, size)
                ]
    return {
        "about": "Inclusion proofs (docs/formats.md, section 10; C2SP tlog-proof@v1, RFC 9162, 2.1.3.2): the"
        " leaf hash is under the root of the tree of `size` leaves. Leaf i is SHA-256(0x00 ‖ `entry i`).",
        "holds": holds,
        "refused": refused,
        "consistency": _consistency(),
    }


def _bad_proofs(proof: str, index: int, size: int) -> Iterator[tuple[str, str]]:
    head, _, text = proof.partition("\n\n")
    lines = head.split("\n")
    zero = b64(bytes(32))
    yield proof.replace(f"index {index}\n", f"index {index + 1}\n", 1), "another index"
    yield proof.replace(f"index {index}\n", f"index {size}\n", 1), "an index beyond the tree"
    yield proof.replace(f"index {index}\n", f"index 0{index}\n", 1), "a leading zero"
    if len(lines) > 2:
        yield "\n".join(lines[:-1]) + "\n\n" + text, "a hash is missing"
        yield "\n".join([*lines[:2], zero, *lines[3:]]) + "\n\n" + text, "another hash"
        yield head.rstrip("=") + "\n\n" + text, "base64 without padding"
    yield head + "\n" + zero + "\n\n" + text, "a hash too many"
    yield head + ("\n" + zero) * 65 + "\n\n" + text, "more than 64 hashes"
    yield (
        "\n".join([lines[0], "extra AAAA", *lines[1:]]) + "\n\n" + text,
        "an extra line, which nobody checks",
    )
    yield proof.replace("@v1", "@v2", 1), "another format"


def _consistency() -> list[Vector]:
    tree = tree_of(257)
    found = []
    for first, second in ((1, 2), (2, 3), (3, 7), (4, 7), (7, 257), (128, 257), (256, 257), (8, 8)):
        proof = [show(value) for value in tree.consistency_proof(first, second)]
        sizes = {"size1": str(first), "size2": str(second), "proof": proof}
        found.append({**sizes, "root1": show(tree.root(first)), "root2": show(tree.root(second))})
    return found


def tile_vectors() -> Vector:
    paths = [
        (0, 0, 256),
        (0, 0, 1),
        (1, 999, 255),
        (63, 1_234_067, 256),
        (None, 1_000_000_000, 7),
        (None, 0, 256),
    ]
    found = []
    for level, index, width in paths:
        path = tiles.entries_path(index, width) if level is None else tiles.tile_path(level, index, width)
        found.append({"path": path, "level": level, "index": str(index), "width": width})
    entries = [b"entry %d" % index for index in range(3)] + [b"", bytes(300)]
    bundle = tiles.encode_bundle(entries)
    return {
        "about": "Tiles (C2SP tlog-tiles): paths (level null: entries), the tiles of trees whose leaf i is"
        " SHA-256(0x00 ‖ `entry i`), and entry bundles (base64).",
        "paths": found,
        "notPaths": [{"path": path, "why": why} for path, why in BAD_PATHS],
        "tiles": [_tile(size, level, index) for size, level, index in ((3, 0, 0), (257, 0, 1), (257, 1, 0))],
        "entryBundles": [{"bundle": b64(bundle), "entries": [b64(entry) for entry in entries]}],
        "notEntryBundles": [
            {"bundle": b64(bundle[:-1]), "why": "it ends within an entry"},
            {"bundle": b64(bundle + b"\x00"), "why": "it ends within a length"},
            {"bundle": b64(b"\x00\x00" * 257), "why": "more than 256 entries"},
        ],
    }


BAD_PATHS = (
    ("tile/0/0", "three digits"), ("tile/0/1000", "groups of three digits, after an x"),
    ("tile/00/000", "a leading zero"), ("tile/0/x000/001", "a group of zeroes"),
    ("tile/64/000", "there are levels 0 to 63"), ("tile/0/000.p/256", "a full tile"),
    ("tile/0/000.p/0", "an empty tile"), ("tile/0/000.p/01", "a leading zero"), ("tile/-1/000", "no level"),
    ("tile/data/000", "entries are called entries"), ("/tile/0/000", "a slash too many"),
    ("tile/0/x001/234/", "a slash too many"),
)  # fmt: skip


def _tile(size: int, level: int, index: int) -> Vector:
    """A tile as the log serves it; the hashes are base64 together."""
    made, _ = tiles.append(tiles.MemoryTiles({}), 0, [leaf_hash(b"entry %d" % leaf) for leaf in range(size)])
    width = tiles.tile_width(level, index, size)
    raw = made[(level, index)]
    assert base64.b64decode(b64(raw)) == raw
    return {"size": str(size), "path": tiles.tile_path(level, index, width), "hashes": b64(raw)}
