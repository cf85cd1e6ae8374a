"""What the clients are given: the log as it is, and tampered with in one way each.

A case is a JSON object: `name`; `kind`, by which a client knows whether it can check it; `accept`, whether it
has to be accepted; and what the kind needs. Hashes and entries are in base64.

    checkpoint, inclusion   a signed checkpoint, and an entry with its path to it
    consistency             two signed checkpoints, and the proof between them
    entries                 all entries, and the heads they have to give
    reading                 a URL prefix to read everything from, an old checkpoint to compare it with
"""

from __future__ import annotations

import base64
import hashlib
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ledger_service.log import note, tiles
from ledger_service.log.checkpoint import Checkpoint, LogKey, VerifierKey, open_checkpoint, sign_checkpoint
from ledger_service.log.cosignature import CosignerKey, WitnessKey
from ledger_service.log.hashing import leaf_hash
from ledger_service.log.note import Note, NoteSignature, parse_note
from ledger_service.log.tree import Tree

Case = dict[str, Any]
NOBODY = WitnessKey("nobody.example", bytes([7]) * 32)


@dataclass(frozen=True)
class Material:
    """What was read from the log over HTTP: its cosigned checkpoint, an older one, and all its entries.

    `witness` is the third party's; `key` the log's own, which signs what an honest log would not.
    """

    checkpoint: str
    old: str
    entries: tuple[bytes, ...]
    key: LogKey
    witness: CosignerKey

    @property
    def head(self) -> Checkpoint:
        """The newest head."""
        return open_checkpoint(self.checkpoint, self.key.verifier)

    @property
    def older(self) -> Checkpoint:
        """The head of before."""
        return open_checkpoint(self.old, self.key.verifier)

    @property
    def bare(self) -> str:
        """The checkpoint with the log's signature alone."""
        signed = parse_note(self.checkpoint)
        return Note(signed.text, signed.signatures[:1]).to_text()


def fetch(url: str, old: str, key: LogKey, witness: CosignerKey) -> Material:
    """Read checkpoint and entries, as any reader of the log would."""
    checkpoint = _get(f"{url}/checkpoint").decode()
    size, found = open_checkpoint(checkpoint, key.verifier).size, []
    for index in range(-(-size // tiles.WIDTH)):
        width = min(tiles.WIDTH, size - index * tiles.WIDTH)
        found += tiles.parse_bundle(_get(f"{url}/{tiles.entries_path(index, width)}"))
    return Material(checkpoint, old, tuple(found), key, witness)


def build(material: Material) -> list[Case]:
    """All cases but the readings."""
    tree = Tree([leaf_hash(entry) for entry in material.entries])
    return [
        *checkpoint_cases(material, tree),
        *inclusion_cases(material, tree),
        *consistency_cases(material, tree),
        *entries_cases(material),
    ]


def common(material: Material, checkpoint: str) -> Case:
    """What every case says of the log."""
    verifier = material.key.verifier
    return {
        "checkpoint": checkpoint,
        "origin": verifier.name,
        "log_key": str(verifier),
        "log_id": b64(_whole_id(verifier)),
    }


def checkpoint_cases(material: Material, tree: Tree) -> list[Case]:
    """One entry that is included, under checkpoints of all kinds."""
    index = len(material.entries) - 1
    return [
        {**_inclusion(material, tree, index), **common(material, checkpoint), **asked}
        | {"kind": "checkpoint", "name": f"checkpoint: {name}", "accept": accept}
        for accept, made in ((True, _sound(material)), (False, _unsound(material)))
        for name, checkpoint, asked in made
    ]


_Checkpoints = list[tuple[str, str, Case]]


def _sound(material: Material) -> _Checkpoints:
    """(name, checkpoint, what is asked of it) of those that have to be accepted."""
    good, bare = material.checkpoint, material.bare
    body, lines = parse_note(good).text, parse_note(good).signatures
    asked = {"witness_keys": [str(material.witness)], "quorum": 1}
    return [
        ("as the log signed it", bare, {}),
        ("cosigned by a witness nobody asks for", good, {}),
        ("cosigned by a witness that is asked for", good, asked),
        ("a witness's line before the log's", _noted(body, *lines[::-1]), asked),
        ("16 lines of strangers before the log's", _noted(body, *_strangers(16), lines[0]), {}),
        ("a second line of the log's name, of an unknown key", bare + line_of(_stranger(material), body), {}),
    ]


def _unsound(material: Material) -> _Checkpoints:
    """As `_sound`, of those that have to be refused."""
    bare, key = material.bare, material.key
    body, (line, cosigned) = parse_note(bare).text, parse_note(material.checkpoint).signatures
    asked = {"witness_keys": [str(material.witness)], "quorum": 1}
    late = _as(cosigned, bytes([cosigned.signature[0] ^ 1]) + cosigned.signature[1:])
    return [
        ("not cosigned, though a witness is asked for", bare, asked),
        ("cosigned by another witness than is asked for", bare + NOBODY.cosign(bare, 1_770_000_000), asked),
        ("the time of the cosignature changed", _noted(body, line, late), asked),
        ("the cosignature of another checkpoint", bare + _moved(material), asked),
        ("the log's signature posing as a cosignature", bare + _posing(material.witness, bare), asked),
        ("a bit of the log's signature changed", _noted(body, _flipped(line)), {}),
        ("signed by another key of the same name", f"{body}\n{line_of(_stranger(material), body)}", {}),
        ("only the cosignature, without the log's line", _noted(body, cosigned), {}),
        ("no signature at all", body + "\n", {}),
        ("the key id of another key", _noted(body, line, key_id=bytes(4)), {}),
        ("another size, under the same signature", bare.replace(f"\n{tree_size(body)}\n", "\n1\n"), {}),
        ("another root, under the same signature", _other_root(bare), {}),
        *[(f"signed without its {name}", _without(at, body, key), {}) for at, name in LINES],
    ]


LINES = ((0, "origin"), (1, "size"), (2, "root"))


def inclusion_cases(material: Material, tree: Tree) -> list[Case]:
    """Entries with their paths, and what is none."""
    size, cases = len(material.entries), []
    for index in (0, 255, 256, 511, size // 2, size - 1):
        good = _inclusion(material, tree, index)
        path, entry = good["hashes"], material.entries[index]
        tampered: dict[str, Case] = {
            "the entry's last byte changed": {"entry": b64(entry[:-1] + bytes([entry[-1] ^ 1]))},
            "another entry": {"entry": b64(material.entries[(index + 1) % size])},
            "another index": {"index": index + 1 if index + 1 < size else index - 1},
            "an index beyond the log": {"index": size},
            "a bit of the first hash changed": {"hashes": [b64(_flip(unb64(path[0]))), *path[1:]]},
            "a bit of the last hash changed": {"hashes": [*path[:-1], b64(_flip(unb64(path[-1])))]},
            "a hash missing": {"hashes": path[:-1]},
            "a hash too many": {"hashes": [*path, b64(bytes(32))]},
            "no hash": {"hashes": []},
        }
        cases.append({**good, "accept": True, "name": f"inclusion of entry {index}"})
        cases += [
            {**good, **change, "accept": False, "name": f"inclusion of entry {index}: {name}"}
            for name, change in tampered.items()
        ]
    return cases


def consistency_cases(material: Material, tree: Tree) -> list[Case]:
    """The log grew, from each of several heads; and what would be a fork."""
    cases, new = [], material.head
    for size in sorted({1, 256, material.older.size, 512, new.size - 1}):
        root, proof = tree.root(size), [b64(value) for value in tree.consistency_proof(size)]
        old = sign_checkpoint(material.key.name, size, root, material.key)
        fork = sign_checkpoint(material.key.name, size, _flip(root), material.key)
        good = {
            **common(material, material.checkpoint),
            "kind": "consistency",
            "old_checkpoint": old,
            "hashes": proof,
        }
        tampered: dict[str, Case] = {
            "a head of another history": {"old_checkpoint": fork},
            "a bit of the first hash changed": {"hashes": [b64(_flip(unb64(proof[0]))), *proof[1:]]},
            "a hash missing": {"hashes": proof[1:]},
            "a hash too many": {"hashes": [*proof, b64(bytes(32))]},
            "no hash": {"hashes": []},
        }
        cases.append({**good, "accept": True, "name": f"consistency with {size} entries"})
        cases += [
            {**good, **change, "accept": False, "name": f"consistency with {size} entries: {name}"}
            for name, change in tampered.items()
        ]
    return cases


def entries_cases(material: Material) -> list[Case]:
    """All entries under the heads, and one of them changed."""
    heads = [(head.size, b64(head.root)) for head in (material.older, material.head)]
    entries, changed = list(material.entries), list(material.entries)
    changed[material.older.size] = _flip(changed[material.older.size])
    case = {"kind": "entries", "heads": heads}
    return [
        {**case, "name": "entries of the log", "accept": True, "entries": list(map(b64, entries))},
        {**case, "name": "entries: one changed", "accept": False, "entries": list(map(b64, changed))},
        {**case, "name": "entries: two swapped", "accept": False, "entries": _swapped(entries)},
    ]


def reading(material: Material, name: str, url: str, accept: bool) -> Case:
    """Reading everything from a URL prefix, with the old checkpoint to compare it with."""
    size = len(material.entries)
    leaves = [(index, b64(material.entries[index])) for index in (0, 256, size - 1)]
    return {
        **common(material, material.checkpoint),
        "kind": "reading",
        "name": f"reading {name}",
        "accept": accept,
        "url": url,
        "old_checkpoint": material.old,
        "leaves": leaves,
        "witness_keys": [str(material.witness)],
        "quorum": 1,
    }


def _inclusion(material: Material, tree: Tree, index: int) -> Case:
    head = material.head
    return {
        **common(material, material.checkpoint),
        "kind": "inclusion",
        "index": index,
        "entry": b64(material.entries[index]),
        "hashes": [b64(value) for value in tree.inclusion_proof(index)],
        "size": head.size,
        "root": b64(head.root),
    }


def tree_size(body: str) -> str:
    """The second line of a checkpoint."""
    return body.split("\n")[1]


def _first(checkpoint: str) -> NoteSignature:
    return parse_note(checkpoint).signatures[0]


def _as(line: NoteSignature, signature: bytes) -> NoteSignature:
    return NoteSignature(line.name, line.key_id, signature)


def _noted(body: str, *lines: NoteSignature, key_id: bytes | None = None) -> str:
    made = [NoteSignature(line.name, key_id or line.key_id, line.signature) for line in lines]
    return Note(body, tuple(made)).to_text()


def _flipped(line: NoteSignature) -> NoteSignature:
    return _as(line, _flip(line.signature))


def line_of(key: LogKey, body: str) -> str:
    """The signature line of a log's key under a text, whatever the text is."""
    return NoteSignature(key.name, key.verifier.key_id, key.sign(body.encode())).line


def forked(material: Material) -> str:
    """The old head as it would be in another history, signed by the log."""
    head = material.older
    return sign_checkpoint(head.origin, head.size, _flip(head.root), material.key)


def _stranger(material: Material) -> LogKey:
    """Another key of the log's name."""
    return LogKey(material.key.name, bytes(32))


def _strangers(count: int) -> list[NoteSignature]:
    return [NoteSignature(f"stranger-{at}.example", bytes([at] * 4), bytes(72)) for at in range(count)]


def _moved(material: Material) -> str:
    """A cosignature as the witness would have given it to another head: the old one's, on the new."""
    return parse_note(material.old).signatures[1].line


def _posing(witness: CosignerKey, bare: str) -> str:
    return NoteSignature(witness.name, witness.key_id, bytes(8) + _first(bare).signature).line


def _other_root(bare: str) -> str:
    root = bare.split("\n")[2]
    return bare.replace(root, b64(_flip(unb64(root))))


def _without(at: int, body: str, key: LogKey) -> str:
    lines = body.splitlines(keepends=True)
    left = "".join(lines[:at] + lines[at + 1 :])
    return f"{left}\n{line_of(key, left)}"


def _swapped(entries: Sequence[bytes]) -> list[str]:
    return [b64(entry) for entry in (entries[1], entries[0], *entries[2:])]


def _flip(raw: bytes) -> bytes:
    return raw[:-1] + bytes([raw[-1] ^ 1])


def _whole_id(key: VerifierKey) -> bytes:
    """The hash of which the key id is the beginning, as sigstore's trust roots name a log."""
    return hashlib.sha256(key.name.encode() + b"\n" + note.ED25519 + key.public).digest()


def b64(raw: bytes) -> str:
    """Base64, as all cases have bytes."""
    return base64.b64encode(raw).decode()


def unb64(text: str) -> bytes:
    """What `b64` made."""
    return base64.b64decode(text)


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310 - http to this machine
        found: bytes = answer.read()
    return found
