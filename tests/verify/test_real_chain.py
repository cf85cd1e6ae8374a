"""The step that reads a chain, on a real one: a head anchored, a payroll posted and settled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ledger_service.chain import abi
from ledger_service.chain.client import ChainClient
from ledger_service.chain.rpc import Rpc
from ledger_service.errors import Unavailable, VerificationError
from ledger_service.payroll import PayrollEntry, encode_entries
from ledger_service.signing import Wallet
from ledger_service.verify.anchors import PENDING_NOTE
from ledger_service.verify.chain import JsonRpcChain
from ledger_service.verify.verifier import KEY_NOTE, POLICY_NOTE, verify_bundle
from tests.audit.chain_world import DAY, ChainWorld
from tests.chains import node_url  # noqa: F401  a fixture
from tests.verify.test_label import change
from tests.verify.world import World, seeded

DEPOSIT = 400_000


@pytest.fixture(scope="module")
def contracts(node_url: str, artifacts: dict[str, abi.Artifact]) -> Iterator[ChainWorld]:  # noqa: F811
    client, node = ChainClient.connect(node_url, finality_depth=0), Rpc(node_url, 30)
    operator, requester = Wallet(seeded("operator")), Wallet(seeded("requester"))
    yield ChainWorld(node, client, artifacts, operator, requester)
    node.close()
    client.close()


@pytest.fixture(scope="module")
def chain(node_url: str) -> JsonRpcChain:  # noqa: F811
    return JsonRpcChain(node_url)


@pytest.fixture(scope="module")
def anchored(contracts: ChainWorld) -> World:
    """A campaign that is funded on the chain, and whose log is anchored there."""
    place = contracts.place
    made = World(log_address=place.log, escrow=place.escrow, token=place.token, now=place.now)
    token = contracts.artifacts["LocalToken"]
    contracts.send(contracts.requester, place.token, token.call("mint", contracts.requester.address, DEPOSIT))
    contracts.send(contracts.requester, place.token, token.call("approve", place.escrow, DEPOSIT))
    contracts.on_escrow(contracts.requester, "deposit", terms(made), DEPOSIT)
    log = contracts.artifacts["ProvenanceLog"]
    contracts.send(contracts.operator, place.log, log.call("anchor", made.size, made.tree.root(), []))
    return made


def terms(made: World) -> tuple[object, ...]:
    return tuple(getattr(made.terms, name) for name in made.terms.__slots__)


def test_an_anchored_label_and_its_payment_are_proved(
    contracts: ChainWorld, anchored: World, chain: JsonRpcChain
) -> None:
    """From anchor over posting to settlement, as an auditor would look in between."""
    label, payment = anchored.label_bundle(), anchored.payment_bundle()
    assert verify_bundle(label, chain=chain).notes == (KEY_NOTE, POLICY_NOTE)
    with pytest.raises(VerificationError, match="step 12: payroll of the escrow"):
        verify_bundle(payment, chain=chain)

    packed = encode_entries(PayrollEntry(account, 0, amount) for account, amount in anchored.owed())
    contracts.on_escrow(contracts.operator, "post", terms(anchored), packed, anchored.size)
    assert verify_bundle(payment, chain=chain).notes == (KEY_NOTE, POLICY_NOTE, PENDING_NOTE)

    contracts.later(DAY + 1)
    contracts.on_escrow(contracts.operator, "settle", terms(anchored))
    assert verify_bundle(payment, chain=chain).notes == (KEY_NOTE, POLICY_NOTE)


def test_a_head_that_is_not_on_the_chain_is_refused(anchored: World, chain: JsonRpcChain) -> None:
    """The log signed it, and the operator did not anchor it."""
    earlier = replace(anchored, checkpoint_size=anchored.size - 1)
    with pytest.raises(VerificationError, match="step 14: anchored head"):
        verify_bundle(earlier.label_bundle(), chain=chain)


def test_another_history_of_the_same_size_is_refused(anchored: World, chain: JsonRpcChain) -> None:
    """A split view: properly signed, and not what the chain holds."""
    other = replace(anchored, changes={"review": change(made_at=1)})
    verify_bundle(other.label_bundle())
    with pytest.raises(VerificationError, match="step 14: root of the anchored head"):
        verify_bundle(other.label_bundle(), chain=chain)


def test_a_log_contract_that_is_not_there_proves_nothing(anchored: World, chain: JsonRpcChain) -> None:
    elsewhere = replace(anchored, log_address="0x" + "12" * 20)
    with pytest.raises(Unavailable, match="there is no contract at 0x1212"):
        verify_bundle(elsewhere.label_bundle(), chain=chain)
