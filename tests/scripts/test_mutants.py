"""The mutant runner on a small project of its own, with the real compiler and the real forge."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.contract_checks import mutants, mutants_command, mutation, project, sites, suggest
from scripts.contract_checks.mutants import Mutant
from scripts.contract_checks.mutation import Verdict
from scripts.programs import Stop

TILL = """\
// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

contract Till {
    error TooMuch(uint256 amount, uint256 held);
    error Nobody();

    struct Book {
        uint256 held;
        uint256 taken;
    }

    address public immutable owner;
    mapping(address => Book) private _books;
    uint256[] public history;

    constructor(address owner_) {
        if (owner_ == address(0) || owner_ == address(this)) revert Nobody();
        owner = owner_;
    }

    function held() external view returns (uint256) {
        return _books[msg.sender].held;
    }

    function put(uint256 amount) external {
        Book storage book = _books[msg.sender];
        book.held += amount;
        history.push(amount); // a note
    }

    function take(uint256 amount) external {
        Book storage book = _books[msg.sender];
        _check(book.held, amount);
        book.held -= amount;
        uint256 count;
        while (count < 1) ++count;
        _note(amount);
    }

    function _check(uint256 most, uint256 amount) private pure {
        if (amount > most) revert TooMuch(amount, most);
    }

    function _note(uint256 amount) private {
        _books[msg.sender].taken += amount;
    }
}
"""
TEST = """\
// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Till} from "../src/Till.sol";

contract TillTest {
    bool public constant IS_TEST = true;
    Till internal till;

    function setUp() public virtual {
        till = new Till(msg.sender);
    }

    function test_what_was_put_is_held() public {
        till.put(3);
        till.take(1);
        require(till.held() == 2, "held");
    }

    function test_no_more_than_is_held_can_be_taken() public {
        try till.take(1) {
            revert("taken");
        } catch (bytes memory reason) {
            require(bytes4(reason) == Till.TooMuch.selector, "another error");
        }
    }
}

contract TillAgainTest is TillTest {}
"""
CHECK = "if (amount > most) revert TooMuch(amount, most);"


@pytest.fixture
def till(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose contracts are those above."""
    if not (project.HARDHAT / "node_modules" / "@foundry-rs").is_dir():
        pytest.skip("hardhat_local is not installed: run npm ci there")
    contracts = tmp_path / "contracts"
    for name, text in {"src/Till.sol": TILL, "test/Till.t.sol": TEST}.items():
        (contracts / name).parent.mkdir(parents=True, exist_ok=True)
        (contracts / name).write_text(text)
    (contracts / "foundry.toml").write_text((project.CONTRACTS / "foundry.toml").read_text("utf-8"))
    (tmp_path / "hardhat_local").symlink_to(project.HARDHAT)
    monkeypatch.setattr(project, "CONTRACTS", contracts)
    monkeypatch.setattr(project, "SCRATCH", tmp_path / "scratch")
    return tmp_path


def made(
    name: str, before: str, after: str, *, killer: str = "", within: str = "", every: bool = False
) -> Mutant:
    return Mutant(name, f"{name}.", "src/Till.sol", within, before, after, every, killer, False)


def run(*chosen: Mutant) -> list[Verdict]:
    return mutation.run(chosen, 2, lambda verdict: None)


def test_a_mutant_is_killed_survives_or_does_not_compile(till: Path) -> None:
    removed, same, broken = run(
        made("no-check", CHECK, "", killer="TillTest.test_no_more_than_is_held_can_be_taken"),
        made("same", "amount > most", "most < amount"),
        made("broken", "amount > most", "amount > nothing"),
    )
    assert (removed.result, removed.by) == ("killed", "TillTest.test_no_more_than_is_held_can_be_taken")
    assert (same.result, same.by) == ("survived", "")
    assert broken.result == "invalid"
    assert "Undeclared identifier" in broken.why
    assert (project.CONTRACTS / "src" / "Till.sol").read_text() == TILL
    assert list((till / "scratch" / "mutants").iterdir()) == [till / "scratch" / "mutants" / "clean"]


def test_a_killer_that_does_not_notice_leaves_it_to_the_others(till: Path) -> None:
    [verdict] = run(made("no-check", CHECK, "", killer="TillTest.test_what_was_put_is_held"))
    assert verdict.result == "killed"
    assert verdict.by == "TillTest.test_no_more_than_is_held_can_be_taken"


def test_a_loop_without_end_is_noticed(till: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killer = "TillTest.test_what_was_put_is_held"
    monkeypatch.setattr(mutation, "PATIENCE", 4.0)
    [verdict] = run(made("endless", "while (count < 1) ++count;", "while (count < 1) {}", killer=killer))
    assert (verdict.result, verdict.why) == ("killed", "the tests did not end")


def test_tests_that_fail_without_a_mutant_prove_nothing(till: Path) -> None:
    path = project.CONTRACTS / "src" / "Till.sol"
    path.write_text(TILL.replace("book.held += amount;", "book.held = 7;"))
    with pytest.raises(Stop, match="without any mutant, tests fail already"):
        run(made("no-check", CHECK, ""))


def test_a_stale_entry_is_refused_before_anything_runs(till: Path) -> None:
    with pytest.raises(Stop, match="gone: its text occurs 0 times in src"):
        run(made("gone", "amount >= most", ""))
    assert mutants.stale([made("twice", "amount", "")]) != []
    assert mutants.stale([made("inside", "held", "taken", within="held")]) != []
    assert mutants.stale([made("inside", "_books[msg.sender].held", "0", within="held")]) == []
    assert mutants.stale([made("every", "uint256 amount", "uint256", every=True)]) == []
    assert mutants.stale([made("once", CHECK, "", every=True)]) != []
    assert mutants.stale([made("killer", CHECK, "", killer="TillTest.test_gone")]) != []
    assert mutants.stale([made("killer", CHECK, "", killer="TillAgainTest.test_what_was_put_is_held")]) == []


def test_every_place_is_found(till: Path) -> None:
    found = [(place.function, place.kind, place.what) for place in sites.sites()]
    assert found == [
        ("constructor", "refusal", "Nobody"),
        ("constructor", "refusal", "Nobody"),
        ("constructor", "write", "owner"),
        ("put", "write", "book.held"),
        ("put", "write", "history.push"),
        ("take", "refusal", "_check"),
        ("take", "write", "book.held"),
        ("take", "call", "_note"),
        ("_check", "refusal", "TooMuch"),
        ("_note", "write", "_books[msg.sender].taken"),
    ]


def test_suggestions_cover_what_the_list_lacks(till: Path) -> None:
    listed = [made("no-check", CHECK, "")]
    places = sites.uncovered(listed)
    assert len(places) == 9
    suggested = suggest.suggestions(places, ["no-check"])
    mutants.kept().write_text("\n".join(map(suggest.entry, [*listed, *suggested])))
    loaded = mutants.load()
    assert loaded == [*listed, *suggested]
    assert mutants.stale(loaded) == []
    assert sites.uncovered(loaded) == []
    assert [mutant.name for mutant in suggested] == [
        "till-constructor-nobody",
        "till-constructor-nobody-2",
        "till-constructor-write-owner",
        "till-put-write-book-held",
        "till-put-write-history-push",
        "till-take-check",
        "till-take-write-book-held",
        "till-take-call-note",
        "till-note-write-books-msg-sender-taken",
    ]
    results = [verdict.result for verdict in run(*suggested[1:4])]
    assert results == ["survived", "survived", "killed"]


def test_the_command_says_who_survived_and_records_the_killers(
    till: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = [made("no-check", CHECK, ""), made("same", "amount > most", "most < amount")]
    mutants.kept().write_text("# Kept.\n" + "\n".join(map(suggest.entry, pair)) + "\n# The end.\n")
    assert mutants_command.main(["--json", "--record"]) == 1
    said = capsys.readouterr()
    summary = json.loads(said.out)
    assert (summary["killed"], summary["survived"], summary["invalid"]) == (1, ["same"], [])
    assert "SURVIVED same: same." in said.err
    text = mutants.kept().read_text()
    assert text.startswith("# Kept.\n[[mutant]]\n")
    assert text.endswith("# The end.\n")
    assert mutants.load()[0].killer == "TillTest.test_no_more_than_is_held_can_be_taken"
    assert mutants_command.main(["--only", "no-check"]) == 0
    assert mutants_command.main(["--only", "unheard-of"]) == 2


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ('name = "a"', "about is missing"),
        ('name = "A b"\nabout = "x"\nfile = "x"\nbefore = "x"\nafter = ""', "is not lower case"),
        ('name = "a"\nabout = "x"\nfile = "x"\nbefore = "x"\nafter = "x"', "nothing changes"),
        ('name = "a"\nabout = "x"\nfile = "x"\nbefore = "x"\nafter = 3', "after is not a str"),
        ('name = "a"\nabout = "x"\nfile = "x"\nbefore = "x"\nafter = ""\nkill = "x"', "there is no kill"),
        ('name = "a"\nabout = "x"\nfile = "x"\nbefore = "x"\nafter = ""\nkiller = "x"', "Contract.test"),
    ],
)
def test_an_entry_that_breaks_a_rule_is_named(tmp_path: Path, entry: str, fault: str) -> None:
    path = tmp_path / "mutants.toml"
    path.write_text(f"[[mutant]]\n{entry}\n")
    with pytest.raises(Stop, match=fault):
        mutants.load(path)


def test_a_name_occurs_once(tmp_path: Path) -> None:
    path = tmp_path / "mutants.toml"
    path.write_text("\n".join(suggest.entry(made("twice", "a", after)) for after in "bc"))
    with pytest.raises(Stop, match="twice: this name occurs twice"):
        mutants.load(path)
