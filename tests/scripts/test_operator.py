"""The log's key is changed: by the service's own chain writer, by a key file, and a service notices."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_service.config import Options
from ledger_service.errors import BadInput, Conflict
from ledger_service.local import chain as local_chain
from ledger_service.local.chain import LocalChain, Node
from ledger_service.local.state import prepare
from ledger_service.signing import Wallet
from scripts.cli import main, startup
from scripts.cli.operator import parser

NOBODY = "0x" + "00" * 20
WEEK = 7 * 86_400
NEXT = Wallet(bytes(range(1, 33)))
OTHER = Wallet(bytes(range(2, 34)))


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A chain that somebody else runs, where all accounts of these tests have money."""
    chain = LocalChain(prepare(tmp_path / "foreign"))
    node = chain.start()
    for wallet in (NEXT, OTHER):
        local_chain._ask(node.port, "hardhat_setBalance", wallet.address, hex(10**18))
    yield node
    chain.stop()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROWDLEDGER_CONFIRMATIONS", "0")


def key_file(folder: Path, wallet: Wallet) -> Path:
    path = folder / f"{wallet.address}.key"
    path.write_text(wallet.secret().hex())
    path.chmod(0o600)
    return path


class Told:
    """Runs `crowdledger operator … --json`."""

    def __init__(self, node: Node, capsys: pytest.CaptureFixture[str]) -> None:
        self.node, self._capsys = node, capsys
        self.log = ""

    def __call__(self, *arguments: str | Path, status: int = 0) -> dict[str, object] | str:
        self._capsys.readouterr()
        found = main(["operator", *map(str, arguments), "--rpc", self.node.url, "--json"])
        out, err = self._capsys.readouterr()
        assert found == status, err
        return json.loads(out) if status == 0 else err

    def show(self) -> dict[str, object]:
        found = self("show", "--log", self.log)
        assert isinstance(found, dict)
        return found

    def later(self, seconds: int) -> None:
        local_chain._ask(self.node.port, "evm_increaseTime", seconds)
        local_chain._ask(self.node.port, "evm_mine")


@pytest.fixture
def told(node: Node, capsys: pytest.CaptureFixture[str]) -> Told:
    return Told(node, capsys)


def deploy(state: Path, told: Told, capsys: pytest.CaptureFixture[str]) -> str:
    """Contracts of a service in `state`; its operator."""
    assert main(["deploy", "--rpc", told.node.url, "--state", str(state)]) == 2
    operator = capsys.readouterr().err.split("the operator ")[1].split(" ")[0]
    local_chain._ask(told.node.port, "hardhat_setBalance", operator, hex(10**18))
    assert main(["deploy", "--rpc", told.node.url, "--state", str(state), "--json"]) == 0
    told.log = json.loads(capsys.readouterr().out)["provenance_log"]
    return operator


def test_a_service_hands_its_log_over_and_serves_with_the_new_key(
    tmp_path: Path, told: Told, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    state = tmp_path / "state"
    first = deploy(state, told, capsys)
    options = Options(state, rpc_url=told.node.url, port=0, arbiter=OTHER.address, confirmations=0)
    with startup.running(options) as settings:
        deployment = settings.deployment
    assert told.show() | {"now": 0} == {
        "log": told.log, "operator": first, "next": None, "transaction": None, "now": 0,
    }  # fmt: skip

    found = told("propose", NEXT.address, "--state", state)
    assert isinstance(found, dict)
    assert found["operator"] == first
    assert isinstance(found["transaction"], str)
    proposed = found["next"]
    assert isinstance(proposed, dict)
    assert proposed["operator"] == NEXT.address
    assert isinstance(found["now"], int)
    assert (proposed["from"], proposed["until"]) == (found["now"] + WEEK, found["now"] + 2 * WEEK)
    again = told("propose", NEXT.address.upper().replace("X", "x"), "--state", state)
    assert isinstance(again, dict)
    assert (again["transaction"], again["next"]) == (None, proposed), "the delay does not begin anew"
    with caplog.at_level(logging.WARNING), startup.running(options):
        assert f"{NEXT.address} may replace {first} as the log's operator from 20" in caplog.text

    accept = ("accept", "--log", told.log, "--key", key_file(tmp_path, NEXT))
    assert f"{NEXT.address} may take over from 20" in told(*accept, status=2)
    operator_key = state / "keys" / "operator.key"
    old_key = operator_key.read_text()
    operator_key.write_text(NEXT.secret().hex())
    with pytest.raises(Conflict, match=r"a rotation is pending.*from 20.*accept"), startup.running(options):
        pass
    told.later(WEEK)
    with (
        pytest.raises(Conflict, match=r"a rotation is pending.*take over now, until 20.*accept"),
        startup.running(options),
    ):
        pass
    done = told(*accept)
    assert isinstance(done, dict)
    assert (done["operator"], done["next"]) == (NEXT.address, None)
    once_more = told(*accept)
    assert isinstance(once_more, dict)
    assert once_more["transaction"] is None

    with startup.running(options) as settings:
        assert settings.deployment == type(deployment)(
            **{name: getattr(deployment, name) for name in deployment.__slots__ if name != "operator"},
            operator=NEXT.address,
        )
    operator_key.write_text(old_key)
    with (
        pytest.raises(Conflict, match=f"{first}'s, and only {NEXT.address} may anchor"),
        startup.running(options),
    ):
        pass


def test_only_the_operator_proposes_and_can_take_it_back(
    tmp_path: Path, told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    first = deploy(state, told, capsys)
    stranger = ("--log", told.log, "--key", key_file(tmp_path, OTHER))
    assert f"only the operator {first} may propose" in told("propose", NEXT.address, *stranger, status=2)
    assert f"{OTHER.address} was not proposed" in told("accept", *stranger, status=2)
    assert f"{first} is the operator" in told("propose", first, "--state", state, status=2)
    with pytest.raises(SystemExit):
        told("propose", "0x12", "--state", state)
    assert "'0x12' is not an address" in capsys.readouterr().err
    assert "with --key, name the chain and the log" in told(
        "accept", "--key", key_file(tmp_path, OTHER), status=2
    )
    assert told.show()["next"] is None

    own = ("--log", told.log, "--key", state / "keys" / "operator.key")
    for successor in (NEXT.address, OTHER.address):
        found = told("propose", successor, *own)
        assert isinstance(found, dict)
        assert isinstance(found["next"], dict)
        assert found["next"]["operator"] == successor, "the last word counts"
    told.later(2 * WEEK)
    late = ("accept", *stranger)
    assert f"the proposal of {OTHER.address} has lapsed at 20" in told(*late, status=2)
    anew = told("propose", OTHER.address, *own)
    assert isinstance(anew, dict)
    assert anew["transaction"] is not None, "what has lapsed is proposed again"
    assert "was not proposed" in told(
        "accept", "--log", told.log, "--key", key_file(tmp_path, NEXT), status=2
    )
    withdrawn = told("propose", NOBODY, *own)
    assert isinstance(withdrawn, dict)
    assert (withdrawn["next"], withdrawn["operator"]) == (None, first)
    assert "was not proposed" in told("accept", *stranger, status=2)
    assert main(["operator", "show", "--rpc", told.node.url, "--log", told.log]) == 0
    assert f"operator  {first}\nnext      nobody is proposed\n" in capsys.readouterr().out


def test_a_log_that_is_not_there_is_said_to_be_missing(told: Told) -> None:
    assert "ProvenanceLog.operator" in told("show", "--log", "0x" + "12" * 20, status=2)


def test_the_help_says_what_happens_when(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["--help"])
    shown = capsys.readouterr().out
    assert "seven days" in shown
    assert "crowdledger operator accept --rpc" in shown
    with pytest.raises(SystemExit):
        parser().parse_args(["propose", "--help"])
    assert BadInput.__name__ not in shown
