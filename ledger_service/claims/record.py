"""What the chain has of one campaign: its terms, its payrolls and how they stand, from an untrusted node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ledger_service.chain import spans
from ledger_service.chain.client import Block, Call, ChainClient
from ledger_service.chain.escrow import CampaignEscrow
from ledger_service.chain.escrow_types import CampaignState, Stage
from ledger_service.chain.rpc import Reverted, RpcRefused
from ledger_service.claims.interface import interfaces
from ledger_service.claims.tables import Posted, Table, rebuild
from ledger_service.entries import ZERO_ADDRESS
from ledger_service.errors import Corrupt, NotYours, Unavailable, VerificationError
from ledger_service.signing import keccak256
from ledger_service.terms import TUPLE, Terms, campaign_id

OPENED = keccak256(f"Opened(bytes32,{TUPLE})".encode())
POSTED = keccak256(b"Posted(bytes32,uint32,bytes32,uint256,uint256,uint64)")
MOST_PAYROLLS = 10_000
# TIMESTAMP, MSTORE at 0, RETURN of 32 bytes: creation code that answers with the time of its block.
_TELL_TIME = bytes.fromhex("4260005260206000f3")
Progress = Callable[[str, int, int], None]
"""Told of a stage, how much of it is done, and of how much."""


@dataclass(frozen=True)
class Record:
    """A campaign on the chain, as of one block.

    Attributes:
        now: the time that a transaction sent now would see, seconds since 1970.
        posted: every payroll that was announced, in order.
        first: the block from which on events were read.
    """

    client: ChainClient
    escrow: CampaignEscrow
    campaign: bytes
    terms: Terms
    block: Block
    now: int
    state: CampaignState
    posted: tuple[Posted, ...]
    provenance: str
    first: int

    @property
    def settles_at(self) -> int | None:
        """When the pending payroll settles; None where none is pending."""
        return self.state.settles_at(self.terms.window)

    @property
    def due_now(self) -> bool:
        """Whether the pending payroll's time has come: whatever is called next settles it first."""
        return self.settles_at is not None and self.settles_at <= self.now

    @property
    def idle(self) -> bool:
        """Whether no payroll is pending, or none will be once something is called."""
        return self.state.stage is Stage.EMPTY or self.due_now

    @property
    def evidence(self) -> int:
        """How many entries of the log the payroll in force has judged."""
        return self.state.evidence if self.due_now else self.state.settled_evidence

    @property
    def silent_since(self) -> int | None:
        """R0: since when nothing is pending and nothing more is posted; None while a payroll is pending."""
        if not self.idle:
            return None
        idle_since = self.settles_at if self.due_now else self.state.idle_since
        return max(self.terms.deadline, idle_since or 0)

    def in_force(self) -> Table | None:
        """The payroll that claims are made under, rebuilt: settled, or settled by the next call.

        None where there is none.

        Raises as `table` does.
        """
        state = self.state
        if self.due_now:
            return self.table(state.pending_root, state.pending_total, state.pending_count)
        if state.settled_root == bytes(32):
            return None
        return self.table(state.settled_root, state.settled_total, state.settled_count)

    def waiting(self) -> Table | None:
        """The payroll that is pending and not due yet, rebuilt; None where there is none."""
        state = self.state
        if self.idle:
            return None
        return self.table(state.pending_root, state.pending_total, state.pending_count)

    def table(self, root: bytes, total: int, count: int) -> Table:
        """The payroll of a root that the escrow holds, rebuilt from the transaction that posted it.

        Raises:
            Unavailable: the node does not show that it was posted, or does not answer.
            VerificationError: what the node shows does not lead to this root.
        """
        found = next((posted for posted in reversed(self.posted) if posted.root == root), None)
        if found is None:
            raise Unavailable(
                f"the escrow holds a payroll with root 0x{root.hex()}, and the node shows no Posted event "
                "of it: ask another node, or give an earlier --from-block"
            )
        if (found.total, found.count) != (total, count):
            raise VerificationError(
                f"payroll {found.epoch}: total and positions",
                expected=f"{total} and {count}, as the escrow says",
                found=f"{found.total} and {found.count} in its event",
            )
        return rebuild(self.campaign, self.terms, found, self._calldatas(found.transaction))

    def _calldatas(self, transaction: bytes) -> Iterator[bytes]:
        """The calldata of a transaction, and if that is not enough, of each call that it led to."""
        yield self.client.calldata(transaction)
        with suppress(Unavailable):  # few nodes trace transactions
            yield from self.client.calls_in(transaction)


def read_record(
    client: ChainClient,
    address: str,
    campaign: bytes,
    first: int | None = None,
    progress: Progress | None = None,
) -> Record:
    """Read a campaign of the escrow at `address`, as of the newest block.

    Args:
        first: the block to look for events from; None looks for the escrow's creation.
    Raises:
        NotYours: the chain has no such campaign, or no such escrow.
        Unavailable: the node does not answer, or hides what it says exists.
        VerificationError: the terms do not hash to the campaign. Corrupt: answers without sense.
    """
    head = client.head()
    if not client.code(address, head.number):
        raise NotYours(f"chain {client.chain_id} has no contract at {address}: another chain's escrow?")
    escrow = CampaignEscrow(interfaces(), address)
    state = read_state(client, escrow, campaign, head.number)
    if not state.deposited:
        raise NotYours(
            f"the escrow {address} on chain {client.chain_id} knows no campaign 0x{campaign.hex()}: "
            "is it the right chain, escrow and campaign?"
        )
    since = spans.first_block(client, address, head.number) if first is None else first
    terms, posted = _events(client, escrow, campaign, since, head.number, progress)
    return Record(
        client=client,
        escrow=escrow,
        campaign=campaign,
        terms=terms,
        block=head,
        now=time_now(client, head),
        state=state,
        posted=posted,
        provenance=escrow.provenance(client),
        first=since,
    )


def read_state(client: ChainClient, escrow: CampaignEscrow, campaign: bytes, block: int) -> CampaignState:
    """The campaign in the escrow, as of a block.

    Raises:
        Unavailable: the node does not answer. Corrupt: not as this contract does.
    """
    try:
        return escrow.campaign(client, campaign, block)
    except ValueError as error:
        raise Corrupt(
            f"the escrow {escrow.address} says that the payroll is in a stage of no name"
        ) from error


def time_now(client: ChainClient, head: Block) -> int:
    """The time that the next transaction will see, as far as the node says; at least the newest block's."""
    try:
        answer = client.call(Call(ZERO_ADDRESS, None, _TELL_TIME), "pending")
    except (Reverted, RpcRefused):  # not every node knows pending blocks
        return head.timestamp
    return max(head.timestamp, int.from_bytes(answer, "big")) if len(answer) == 32 else head.timestamp


def _events(
    client: ChainClient,
    escrow: CampaignEscrow,
    campaign: bytes,
    first: int,
    last: int,
    progress: Progress | None,
) -> tuple[Terms, tuple[Posted, ...]]:
    """The terms that the campaign was opened with, and its payrolls."""
    terms: Terms | None = None
    posted: list[Posted] = []

    def tick(done: int, total: int) -> None:
        if progress:
            progress("read the chain", done, total)

    topics = [[OPENED, POSTED], [campaign]]
    for log in spans.events(client, escrow.address, topics, first, last, tick):
        event = escrow.artifact.event(log)
        if event is None:
            raise Corrupt(f"event {log.index} of block {log.block_number} is none of the escrow's")
        if event.name == "Opened":
            terms = _terms(event.args["terms"], campaign, client.chain_id, escrow.address)
        else:
            posted.append(_posted(event.args, log.transaction))
        if len(posted) > MOST_PAYROLLS:
            raise Corrupt(f"the node shows more than {MOST_PAYROLLS} payrolls of one campaign")
    if terms is None:
        raise Unavailable(
            f"the node shows no Opened event of campaign 0x{campaign.hex()} from block {first} on: "
            "ask another node, or give an earlier --from-block"
        )
    return terms, tuple(posted)


def _terms(values: tuple[Any, ...], campaign: bytes, chain_id: int, escrow: str) -> Terms:
    terms = Terms(*values)
    found = campaign_id(terms, chain_id, escrow)
    if found != campaign:
        raise VerificationError(
            f"campaign of the terms in the Opened event, on chain {chain_id} and the escrow {escrow}",
            expected="0x" + campaign.hex(),
            found="0x" + found.hex(),
        )
    return terms


def _posted(args: dict[str, Any], transaction: bytes) -> Posted:
    return Posted(args["epoch"], args["root"], args["total"], args["count"], args["evidence"], transaction)
