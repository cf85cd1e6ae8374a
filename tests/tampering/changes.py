"""Random changes of single bytes in what a verifier takes from a stranger; none may be accepted."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ledger_service.errors import VerificationError
from ledger_service.log.checkpoint import open_checkpoint, sign_checkpoint
from ledger_service.log.cosignature import WitnessKey
from ledger_service.log.hashing import HASH_BYTES, leaf_hash
from ledger_service.log.policy import Policy, open_under_policy, parse_policy
from ledger_service.log.proof import verify_consistency, verify_inclusion
from ledger_service.log.tlog_proof import format_proof, parse_proof
from ledger_service.verify.verdict import Memory
from ledger_service.verify.verifier import verify_bundle
from tests.verify.world import World, seeded

Check = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Target:
    """Bytes that hold, and what checks them: it raises for what does not hold."""

    name: str
    raw: bytes
    check: Check


def targets() -> list[Target]:
    """Bundles of both kinds, bare and witnessed; a proof with its entry; two heads with what joins them."""
    witnesses = tuple(WitnessKey(f"w{at}.example", seeded(f"witness {at}")) for at in range(2))
    bare, witnessed = World(), World(witnesses=witnesses)
    made = [
        Target("label", bare.label_bundle(), _bundle()),
        Target("payment", bare.payment_bundle(), _bundle()),
        Target("witnessed label", witnessed.label_bundle(), _bundle()),
        Target("witnessed payment", witnessed.payment_bundle(), _bundle()),
        _proof(witnessed, witnesses),
        _consistency(bare),
    ]
    for target in made:
        target.check(target.raw)
    return made


def accepted(target: Target, count: int, seed: int) -> tuple[list[tuple[int, int]], Counter[str]]:
    """Change a random byte to another one, `count` times.

    Returns:
        (place, byte) of the changes that were accepted, and how often each kind of refusal was given.
    """
    taken, refused = [], Counter[str]()
    for at, value in _draw(target.raw, count, seed):
        changed = target.raw[:at] + bytes([value]) + target.raw[at + 1 :]
        try:
            target.check(changed)
        except VerificationError as error:
            refused[f"step {error.step}" if error.step else "refused"] += 1
        else:
            taken.append((at, value))
    return taken, refused


def portion(task: tuple[int, int, int]) -> tuple[str, list[tuple[int, int]], Counter[str]]:
    """What one process does: the number of the target, how many changes, and the seed."""
    number, count, seed = task
    target = targets()[number]
    return target.name, *accepted(target, count, seed)


def _draw(raw: bytes, count: int, seed: int) -> Iterator[tuple[int, int]]:
    chance = random.Random(seed)
    for _ in range(count):
        at = chance.randrange(len(raw))
        yield at, (raw[at] + chance.randrange(1, 256)) % 256


def _bundle() -> Check:
    memory = Memory()
    return lambda raw: verify_bundle(raw, memory=memory)


def _proof(world: World, witnesses: tuple[WitnessKey, ...]) -> Target:
    """An entry, a zero byte, and its tlog-proof under a policy that wants every witness."""
    index, entry = world.indices["label"], world.entries["label"].raw
    path = world.tree.inclusion_proof(index, world.size)
    proof = format_proof(index, path, world.checkpoint)
    policy = _policy(world, witnesses)

    def check(raw: bytes) -> None:
        shown = parse_proof(_text(raw[len(entry) :]))
        head = open_under_policy(shown.checkpoint, policy).checkpoint
        verify_inclusion(leaf_hash(raw[: len(entry)]), shown.index, head.size, shown.path, head.root)

    return Target("proof", entry + proof.encode(), check)


def _consistency(world: World) -> Target:
    """Two signed heads of one log, and the hashes between them. (A root alone does not bind its size.)"""
    sizes, key = (4, world.size), world.log_key
    old, new = (sign_checkpoint(key.name, size, world.tree.root(size), key).encode() for size in sizes)
    hashes = b"".join(world.tree.consistency_proof(*sizes))

    def check(raw: bytes) -> None:
        cut = len(old), len(old) + len(new)
        first = open_checkpoint(_text(raw[: cut[0]]), key.verifier, only=True)
        second = open_checkpoint(_text(raw[cut[0] : cut[1]]), key.verifier, only=True)
        proof = [raw[at : at + HASH_BYTES] for at in range(cut[1], len(raw), HASH_BYTES)]
        verify_consistency(first.size, second.size, first.root, second.root, proof)

    return Target("consistency", old + new + hashes, check)


def _policy(world: World, witnesses: tuple[WitnessKey, ...]) -> Policy:
    lines = [f"log {world.log_key.verifier}"]
    lines += [f"witness w{at} {key.verifier}" for at, key in enumerate(witnesses)]
    lines += [f"group all-of-them all {' '.join(f'w{at}' for at in range(len(witnesses)))}"]
    return parse_policy("\n".join([*lines, "quorum all-of-them", ""]).encode())


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise VerificationError("a proof is UTF-8") from error
