"""A mirror of a log that grows, lies, forgets and rewrites."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_service.audit.source import DirSource
from ledger_service.errors import BadInput, Unavailable, VerificationError
from ledger_service.log import tiles
from ledger_service.log.checkpoint import Checkpoint, LogKey, sign_checkpoint
from ledger_service.log.cosignature import WitnessKey, with_lines
from ledger_service.log.follow import Follower
from ledger_service.log.policy import parse_policy
from ledger_service.mirror.evidence import Evidence, check_fork
from ledger_service.mirror.folder import Folder
from ledger_service.mirror.mirroring import Mirrored, Refusal, mirror
from ledger_service.mirror.tile_copy import tiles_of
from scripts.cli import main
from tests.log.memory_log import KEY, Change, entry
from tests.mirror.plain import PlainLog, assert_whole, contents, logged, plain_log


def copy(log: PlainLog, folder: Path, *, recheck: bool = False) -> Mirrored:
    return mirror(log, folder, key=KEY.verifier, recheck=recheck)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 700, 66_000])
def test_a_log_of_any_size_is_whole_in_its_mirror(size: int, tmp_path: Path) -> None:
    done = copy(plain_log(size), tmp_path)
    assert done.head.size == size
    assert_whole(tmp_path, size)
    assert done.tiles.fetched == len(contents(tmp_path)) - len({"checkpoint", "log-key"})


@given(st.lists(st.integers(0, 900), min_size=2, max_size=5))
@settings(max_examples=15, deadline=None)
def test_however_a_log_grew_the_mirror_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int]
) -> None:
    log, folder = plain_log(0), tmp_path_factory.mktemp("grown")
    for step in steps:
        log.grow(len(log.entries_there) + step)
        copy(log, folder)
    at_once = tmp_path_factory.mktemp("at_once")
    copy(plain_log(sum(steps)), at_once)
    assert logged(folder) == logged(at_once)
    assert contents(folder).items() >= contents(at_once).items()
    assert_whole(folder, sum(steps))


def test_only_what_is_new_is_fetched(tmp_path: Path) -> None:
    log = plain_log(66_000)
    copy(log, tmp_path)
    log.grow(66_300)
    log.asked.clear()
    done = copy(log, tmp_path)
    assert done.before is not None
    assert done.before.size == 66_000
    full = {path for path in log.asked if ".p/" not in path}
    assert full == {"tile/0/257", "tile/entries/257"}
    log.asked.clear()
    again = copy(log, tmp_path)
    assert again.tiles.fetched == 3  # the partial tiles of the right edge, which prove the root
    assert not any(".p/" not in path for path in log.asked)


def test_partial_tiles_stay_until_the_full_one_is_there(tmp_path: Path) -> None:
    log = plain_log(10)
    copy(log, tmp_path)
    log.grow(20)
    copy(log, tmp_path)
    assert sorted(path.name for path in (tmp_path / "tile/0/000.p").iterdir()) == ["10", "20"]
    log.grow(256)
    copy(log, tmp_path)
    assert not list(tmp_path.rglob("000.p/10"))
    assert (tmp_path / "tile/0/000").is_file()
    assert (tmp_path / "tile/1/000.p/1").is_file()


def flipped(raw: bytes) -> bytes:
    return bytes([raw[0] ^ 1]) + raw[1:]


LIES: dict[str, Change] = {
    "a bit": flipped,
    "cut off": lambda raw: raw[:-1],
    "too long": lambda raw: raw + b"\0\0",
    "nothing": lambda raw: b"",
    "another order": lambda raw: raw[::-1],
}


def every_path(size: int) -> list[str]:
    paths = [tiles.tile_path(tile.level, tile.index, tile.width) for tile in tiles_of(size)]
    return paths + [tiles.entries_path(tile.index, tile.width) for tile in tiles_of(size) if tile.level == 0]


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
@pytest.mark.parametrize("path", every_path(700))
def test_no_lie_is_written(path: str, lie: Change, tmp_path: Path) -> None:
    log = plain_log(300)
    copy(log, tmp_path)
    old = (tmp_path / "checkpoint").read_bytes()
    log.grow(700)
    log.changes[path] = lie
    if path in ("tile/0/000", "tile/entries/000"):  # the mirror has them already, and does not ask
        copy(log, tmp_path)
    else:
        with pytest.raises(VerificationError):
            copy(log, tmp_path)
        assert (tmp_path / "checkpoint").read_bytes() == old
        assert_whole(tmp_path, 300)
    log.changes.clear()
    copy(log, tmp_path)
    fresh = tmp_path / "fresh"
    copy(plain_log(700), fresh)
    assert contents(fresh).items() <= contents(tmp_path).items()


@pytest.mark.parametrize("note", ["", "nonsense", "\n\n", "origin\n5\n\n"])
def test_what_is_no_signed_head_is_refused(note: str, tmp_path: Path) -> None:
    log = plain_log(5)
    log.note = note or "x"
    with pytest.raises(VerificationError):
        copy(log, tmp_path)
    assert contents(tmp_path) == {}


def rewritten(size: int) -> PlainLog:
    """Another history, of the same log."""
    return PlainLog([b"rewritten", *(entry(index) for index in range(1, size))])


@pytest.mark.parametrize("size", [600, 700, 300, 5000])
def test_a_fork_changes_nothing_and_is_kept_as_evidence(size: int, tmp_path: Path) -> None:
    copy(plain_log(300), tmp_path)
    before = contents(tmp_path)
    with pytest.raises(Refusal, match="forked") as caught:
        copy(rewritten(size), tmp_path)
    found = contents(tmp_path)
    kept = Evidence.from_json(json.loads(found.pop(caught.value.saved)))
    assert found == before
    check_fork(kept, KEY.verifier)
    assert kept.old.encode() == before["checkpoint"]


def test_the_evidence_convinces_whoever_knows_the_logs_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy(plain_log(300), tmp_path)
    with pytest.raises(Refusal) as caught:
        copy(rewritten(700), tmp_path)
    file, key = tmp_path / caught.value.saved, str(KEY.verifier)
    assert main(["fsck", "--fork", str(file), "--log-key", key, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "ok": True, "origin": KEY.name, "old_size": 300, "new_size": 700,
    }  # fmt: skip
    other = str(LogKey(KEY.name, bytes(32)).verifier)
    assert main(["fsck", "--fork", str(file), "--log-key", other]) == 1
    assert main(["fsck", "--fork", str(file)]) == 2, "whose fork?"
    found = json.loads(file.read_text())
    file.write_text(json.dumps(found | {"old": found["new"]}))
    assert main(["fsck", "--fork", str(file), "--log-key", key]) == 1, "a head and itself are no fork"


def test_evidence_of_no_fork_proves_none() -> None:
    old, new = plain_log(300), plain_log(700)
    proof = tuple(Follower(new, KEY.verifier).tree(new.head()).consistency_proof(300))
    honest = Evidence("fork", old.checkpoint(), new.checkpoint(), old.head().root, proof)
    with pytest.raises(VerificationError, match="two different roots"):
        check_fork(honest, KEY.verifier)
    with pytest.raises(VerificationError):
        check_fork(Evidence("fork", old.checkpoint(), new.checkpoint(), bytes(32), proof), KEY.verifier)
    with pytest.raises(VerificationError, match="not signed"):
        check_fork(honest, LogKey(KEY.name, bytes(32)).verifier)
    with pytest.raises(VerificationError, match="kind"):
        check_fork(Evidence("behind", old.checkpoint(), new.checkpoint()), KEY.verifier)


def test_a_log_that_goes_back_changes_nothing(tmp_path: Path) -> None:
    copy(plain_log(700), tmp_path)
    before = contents(tmp_path)
    with pytest.raises(Refusal, match="behind") as caught:
        copy(plain_log(300), tmp_path)
    found = contents(tmp_path)
    assert json.loads(found.pop(caught.value.saved))["kind"] == "behind"
    assert found == before


def test_a_log_is_held_to_the_head_that_it_showed_to_a_run_that_broke_off(tmp_path: Path) -> None:
    copy(plain_log(300), tmp_path)
    log = plain_log(700)
    log.gone |= {"tile/entries/001"}
    with pytest.raises(BadInput):
        copy(log, tmp_path)
    other = plain_log(300)
    other.entries_there += [b"another"] * 500
    with pytest.raises(Refusal, match="forked"):
        copy(other, tmp_path)
    with pytest.raises(Refusal, match="behind"):
        copy(plain_log(400), tmp_path)
    copy(plain_log(900), tmp_path)
    assert_whole(tmp_path, 900)


def test_a_source_that_breaks_off_leaves_the_old_copy_and_the_next_run_goes_on(tmp_path: Path) -> None:
    log = plain_log(300)
    copy(log, tmp_path)
    log.grow(66_000)
    log.gone.add("tile/entries/200")
    with pytest.raises(BadInput, match="tile/entries/200"):
        copy(log, tmp_path)
    assert_whole(tmp_path, 300)
    log.gone.clear()
    log.asked.clear()
    done = copy(log, tmp_path)
    assert done.tiles.kept > 300
    assert "tile/entries/003" not in log.asked
    assert_whole(tmp_path, 66_000)


def test_what_a_run_left_that_broke_off_is_proved_before_it_is_used(tmp_path: Path) -> None:
    log = plain_log(300)
    copy(log, tmp_path)
    log.grow(700)
    log.gone.add("tile/entries/002.p/188")
    with pytest.raises(BadInput):
        copy(log, tmp_path)
    for name in ("tile/0/001", "tile/entries/001"):
        (tmp_path / name).write_bytes(flipped((tmp_path / name).read_bytes()))
    log.gone.clear()
    copy(log, tmp_path)
    assert_whole(tmp_path, 700)


@pytest.mark.parametrize("name", ["tile/0/000", "tile/entries/000", "tile/0/001", "tile/1/000.p/2"])
@pytest.mark.parametrize("damage", [flipped, lambda raw: raw[:-1], None])
def test_damage_is_found_and_healed_by_a_recheck(
    name: str, damage: Callable[[bytes], bytes] | None, tmp_path: Path
) -> None:
    log = plain_log(700)
    copy(log, tmp_path)
    path, good = tmp_path / name, (tmp_path / name).read_bytes()
    path.unlink() if damage is None else path.write_bytes(damage(good))
    copy(log, tmp_path, recheck=True)
    assert path.read_bytes() == good
    assert_whole(tmp_path, 700)


def test_another_key_or_another_log_is_refused_for_the_folder(tmp_path: Path) -> None:
    copy(plain_log(5), tmp_path)
    before = contents(tmp_path)
    stranger = LogKey("log.example/two", bytes(32))
    with pytest.raises(BadInput, match="choose another folder"):
        mirror(PlainLog([b"x"], stranger), tmp_path, key=stranger.verifier)
    with pytest.raises(VerificationError, match="not signed by the log"):
        mirror(PlainLog([b"x"], stranger), tmp_path)  # the folder knows whose log it holds
    assert contents(tmp_path) == before


def test_a_plain_log_needs_its_key_to_be_named_once(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="give --log-key"):
        mirror(plain_log(5), tmp_path)
    assert contents(tmp_path) == {}
    assert copy(plain_log(5), tmp_path).pinned
    assert mirror(plain_log(6), tmp_path).pinned


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(BadInput, match="choose another folder"):
        copy(plain_log(5), tmp_path)
    assert contents(tmp_path) == {"thesis.txt": b"years of work"}


def test_two_mirrors_do_not_write_to_one_folder(tmp_path: Path) -> None:
    with Folder(tmp_path).locked(), pytest.raises(BadInput, match="another program is writing"):
        copy(plain_log(5), tmp_path)
    copy(plain_log(5), tmp_path)


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot write to"):
        copy(plain_log(5), tmp_path / "file" / "below")


def test_without_the_witnesses_that_a_policy_names_nothing_is_copied(tmp_path: Path) -> None:
    log, witness = plain_log(5), WitnessKey("witness.example/w", bytes(32))
    policy = parse_policy(f"log {KEY.verifier}\nwitness w {witness.verifier}\nquorum w\n".encode())
    with pytest.raises(VerificationError, match="cosignatures"):
        mirror(log, tmp_path, policy=policy)
    assert contents(tmp_path) == {}
    log.note = with_lines(log.checkpoint(), [witness.cosign(log.checkpoint(), 1_770_000_000)])
    assert mirror(log, tmp_path, policy=policy).key == KEY.verifier
    assert DirSource(tmp_path).checkpoint() == log.note


def test_a_log_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    class Silent(PlainLog):
        def tile(self, level: int, index: int, width: int) -> bytes:
            raise Unavailable("no answer")

    with pytest.raises(Unavailable):
        mirror(Silent([b"x"]), tmp_path, key=KEY.verifier)


def test_a_root_that_was_signed_but_is_not_the_trees_is_refused(tmp_path: Path) -> None:
    log = plain_log(700)
    head = Checkpoint(KEY.name, 700, bytes(32))
    log.note = sign_checkpoint(head.origin, head.size, head.root, KEY)
    with pytest.raises(VerificationError, match="root over the tiles"):
        copy(log, tmp_path)
    assert "checkpoint" not in contents(tmp_path)
