"""Following a log that may lie."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_service.errors import BadInput, VerificationError
from ledger_service.log import follow
from ledger_service.log.checkpoint import Checkpoint, LogKey, sign_checkpoint
from ledger_service.log.cosignature import WitnessKey, with_lines
from ledger_service.log.follow import Behind, Follower, Fork
from ledger_service.log.hashing import EMPTY_ROOT, leaf_hash
from ledger_service.log.policy import parse_policy
from ledger_service.log.proof import verify_consistency, verify_inclusion
from tests.log.memory_log import KEY, Change, MemoryLog, entry, log_of

SIZES = [1, 2, 3, 255, 256, 257, 511, 512, 513, 700, 65_535, 65_536, 65_537, 70_000]
LARGE = log_of(70_000)


def following(log: MemoryLog) -> tuple[Follower, Checkpoint]:
    follower = Follower(log, KEY.verifier)
    return follower, follower.head()[0]


@pytest.mark.parametrize("size", [0, *SIZES])
def test_every_entry_of_a_log_is_followed(size: int) -> None:
    follower, head = following(log_of(size))
    assert list(follower.entries(head, 0, head.size)) == [(n, entry(n)) for n in range(size)]
    assert follower.tree(head).root() == head.root


@given(size=st.integers(1, 1200), data=st.data())
@settings(max_examples=50, deadline=None)
def test_any_span_and_any_proof_of_any_size_holds(size: int, data: st.DataObject) -> None:
    follower, head = following(log_of(size))
    start = data.draw(st.integers(0, size))
    end = data.draw(st.integers(start, size))
    assert list(follower.entries(head, start, end)) == [(n, entry(n)) for n in range(start, end)]
    index, smaller = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    tree = follower.tree(head)
    verify_inclusion(leaf_hash(entry(index)), index, size, tree.inclusion_proof(index), head.root)
    verify_consistency(smaller, size, tree.root(smaller), head.root, tree.consistency_proof(smaller))


@pytest.mark.parametrize("earlier", SIZES)
def test_a_head_extends_every_earlier_one(earlier: int) -> None:
    follower, head = following(LARGE)
    follower.check_extends(LARGE.head(earlier), head)
    follower.check_extends(Checkpoint(KEY.name, 0, EMPTY_ROOT), head)


@pytest.mark.parametrize("earlier", [1, 2, 255, 256, 257, 699, 700])
def test_a_rewritten_history_is_a_fork_with_both_heads(earlier: int) -> None:
    other = MemoryLog([b"rewritten", *(entry(n) for n in range(1, 700))])
    follower, head = following(other)
    old = log_of(700).head(earlier)
    with pytest.raises(Fork) as caught:
        follower.check_extends(old, head)
    assert (caught.value.old, caught.value.new) == (old, head)
    assert caught.value.root == other.head(earlier).root


def test_an_empty_log_with_a_root_is_no_beginning() -> None:
    follower, head = following(log_of(5))
    with pytest.raises(Fork):
        follower.check_extends(Checkpoint(KEY.name, 0, bytes(32)), head)


def test_a_smaller_head_is_behind_and_no_fork() -> None:
    follower, head = following(log_of(5))
    with pytest.raises(Behind) as caught:
        follower.check_extends(log_of(6).head(), head)
    assert (caught.value.old.size, caught.value.new.size) == (6, 5)


def test_a_head_of_another_log_is_compared_with_nothing() -> None:
    follower, head = following(log_of(5))
    with pytest.raises(VerificationError, match="origin"):
        follower.check_extends(Checkpoint("log.example/two", 5, head.root), head)


def test_tiles_that_do_not_prove_a_head_are_no_fork() -> None:
    log = log_of(700)
    follower, head = following(log)
    log.changes["tile/0/002.p/188"] = flipped
    with pytest.raises(VerificationError, match="root over the tiles") as caught:
        follower.check_extends(log.head(300), head)
    assert not isinstance(caught.value, Fork)


def flipped(raw: bytes) -> bytes:
    return bytes([raw[0] ^ 1]) + raw[1:]


def paths(log: MemoryLog) -> list[str]:
    """Everything that is asked for when a whole log is read."""
    follower, head = following(log)
    log.asked.clear()
    assert len(list(follower.entries(head, 0, head.size))) == head.size
    return list(log.asked)


PATHS = paths(log_of(66_000))


@pytest.mark.parametrize(
    "lie",
    [flipped, lambda raw: raw[:-1], lambda raw: raw + b"\0", lambda raw: b"", lambda raw: raw[::-1]],
    ids=["a bit", "shorter", "longer", "nothing", "another order"],
)
@pytest.mark.parametrize("path", [*PATHS[:4], *PATHS[-4:]])
def test_every_lie_about_a_tile_is_refused(path: str, lie: Change) -> None:
    log = MemoryLog(LARGE.entries_there[:66_000])
    follower, head = following(log)
    log.changes[path] = lie
    given: list[tuple[int, bytes]] = []
    with pytest.raises(VerificationError):
        given.extend(follower.entries(head, 0, head.size))
    assert all(raw == entry(index) for index, raw in given)  # what is not proved is never given


def test_a_tile_swapped_for_another_full_one_is_refused() -> None:
    log = log_of(700)
    follower, head = following(log)
    log.changes["tile/0/001"] = lambda _: log.tile(0, 0, 256)
    tree = follower.tree(head)
    with pytest.raises(VerificationError, match="tile 0/1"):
        tree.inclusion_proof(300)


@pytest.mark.parametrize(
    "bundle",
    [b"", b"\xff\xff", b"\0\0" * 300, b"\0\0" * 188, b"\0\5entr"],
)
def test_what_is_no_bundle_of_these_entries_is_refused(bundle: bytes) -> None:
    log = log_of(700)
    follower, head = following(log)
    log.changes["tile/entries/002.p/188"] = lambda _: bundle
    with pytest.raises(VerificationError, match=r"bundle 2|entry 512"):
        list(follower.entries(head, 512, 700))


def test_where_a_partial_tile_is_gone_the_full_one_does() -> None:
    log = log_of(1024)
    old = log.head(700)
    log.gone |= {"tile/0/002.p/188", "tile/entries/002.p/188"}
    follower = Follower(log, KEY.verifier)
    assert [raw for _, raw in follower.entries(old, 600, 700)] == [entry(n) for n in range(600, 700)]
    assert "tile/0/002" in log.asked


def test_where_both_are_gone_the_partial_one_is_named() -> None:
    log = log_of(1024)
    old = log.head(700)
    log.gone |= {"tile/0/002.p/188", "tile/0/002"}
    with pytest.raises(BadInput, match=r"002\.p/188 is not there"):
        Follower(log, KEY.verifier).tree(old)


def test_a_full_tile_that_is_gone_is_said_so() -> None:
    log = log_of(700)
    follower, head = following(log)
    log.gone.add("tile/0/000")
    with pytest.raises(BadInput, match="tile/0/000 is not there"):
        follower.tree(head).inclusion_proof(0)


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (3, 2), (0, 701)])
def test_entries_that_are_not_there_are_refused(start: int, end: int) -> None:
    follower, head = following(log_of(700))
    with pytest.raises(BadInput, match="there are no entries"):
        list(follower.entries(head, start, end))


def test_a_checkpoint_of_another_key_or_origin_is_refused() -> None:
    log = log_of(3)
    stranger = LogKey(KEY.name, bytes(32))
    log.note = sign_checkpoint(KEY.name, 3, log.head().root, stranger)
    with pytest.raises(VerificationError, match="not signed by the log"):
        following(log)
    other = LogKey("log.example/two", KEY.seed)
    log.note = sign_checkpoint(other.name, 3, log.head().root, other)
    with pytest.raises(VerificationError, match="not signed by the log"):
        following(log)


def test_a_signed_root_that_the_tiles_do_not_give_is_refused() -> None:
    log = log_of(700)
    log.note = sign_checkpoint(KEY.name, 700, bytes(32), KEY)
    follower, head = following(log)
    with pytest.raises(VerificationError, match="root over the tiles"):
        follower.tree(head)


@pytest.mark.parametrize("size", [1 << 40, (1 << 63) - 1, (1 << 56) + 7])
def test_a_signed_size_beyond_any_log_asks_for_a_few_tiles_only(size: int) -> None:
    log = log_of(700)
    log.note = sign_checkpoint(KEY.name, size, bytes(32), KEY)
    follower, head = following(log)
    with pytest.raises(BadInput):
        follower.tree(head)
    assert len(log.asked) < 20


def test_each_tile_is_fetched_once_while_it_is_remembered() -> None:
    log = MemoryLog(LARGE.entries_there[:66_000])
    assert len(paths(log)) == len(set(paths(log)))
    log.asked.clear()
    follower, head = following(log)
    old = log.head(65_900)
    list(follower.entries(old, 0, 1000))
    before = len(log.asked)
    list(follower.entries(head, 0, 1000))
    fetched = [path for path in log.asked[before:] if "entries" not in path and ".p/" not in path]
    assert fetched == []


def test_memory_stays_bounded_however_long_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "CACHED_TILES", 8)
    follower, head = following(LARGE)
    list(follower.entries(head, 0, 2560))
    tracemalloc.start()
    for _ in follower.entries(head, 0, head.size):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    LARGE.asked.clear()
    assert peak < 1_000_000  # the leaf hashes alone are 2.2 MB


def test_a_policy_is_asked_for_every_head() -> None:
    log, witness = log_of(700), WitnessKey("witness.example/w", bytes(32))
    text = f"log {KEY.verifier}\nwitness w {witness.verifier}\nquorum w\n"
    follower = Follower(log, KEY.verifier, parse_policy(text.encode()))
    with pytest.raises(VerificationError, match="cosignatures that the policy asks for"):
        follower.head()
    log.note = with_lines(log.checkpoint(), [witness.cosign(log.checkpoint(), 1_770_000_000)])
    assert follower.head() == (log.head(), log.note)
