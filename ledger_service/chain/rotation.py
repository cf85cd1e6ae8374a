"""Who may anchor in a log: the operator, and how it hands over to another key.

`proposeOperator` names the next one in public; ROTATION_DELAY later that one may `acceptOperator`, with the
new key, so that it is known to work. Until then the operator anchors as before. After twice the delay the
proposal has lapsed: nobody may remember it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger_service.chain.client import ChainClient
from ledger_service.chain.contracts import ProvenanceLog, Succession
from ledger_service.entries import ZERO_ADDRESS
from ledger_service.errors import Conflict
from ledger_service.times import utc


@dataclass(frozen=True, slots=True)
class Standing:
    """Who may anchor in `log`, who may take over, and the time of the chain's newest block (seconds).

    `delay` is what a proposed operator waits, and how long it has then.
    """

    log: str
    operator: str
    succession: Succession | None
    delay: int
    now: int

    @property
    def pending(self) -> Succession | None:
        """Who may still take over; None where nobody is proposed, or the proposal has lapsed."""
        lapsed = self.succession is None or self.now >= self.succession.since + self.delay
        return None if lapsed else self.succession

    def check(self, account: str) -> str | None:
        """Whether `account` may anchor; a sentence where it may not for much longer.

        Raises:
            Conflict: it may not, and what would help.
        """
        successor = self.pending
        if account == self.operator:
            if successor is None:
                return None
            return f"{successor.next} may replace {account} as the log's operator {self._since(successor)}"
        wrong = f"the key of this service is {account}'s, and only {self.operator} may anchor in {self.log}"
        if successor is not None and successor.next == account:
            raise Conflict(
                f"{wrong}: a rotation is pending, {account} may take over {self._since(successor)},"
                " with crowdledger operator accept"
            )
        raise Conflict(
            f"{wrong}: put the key of {self.operator} in its place, or have it hand over with"
            f" crowdledger operator propose {account}"
        )

    def check_propose(self, account: str, successor: str) -> bool:
        """Whether a proposal of `successor` by `account` is still to be made; the zero address withdraws.

        Raises:
            Conflict: `account` is not the operator, or `successor` is it.
        """
        if account != self.operator:
            raise Conflict(
                f"the key is {account}'s, and only the operator {self.operator} may propose another"
            )
        if successor == self.operator:
            raise Conflict(
                f"{successor} is the operator; crowdledger operator propose {ZERO_ADDRESS} withdraws"
            )
        if successor == ZERO_ADDRESS:
            return self.succession is not None
        return self.pending is None or self.pending.next != successor

    def check_accept(self, account: str) -> bool:
        """Whether `account` has still to take over, and may.

        Raises:
            Conflict: it was not proposed, it has to wait, or the proposal has lapsed.
        """
        if account == self.operator:
            return False
        if self.succession is None or self.succession.next != account:
            proposed = "nobody" if self.succession is None else self.succession.next
            raise Conflict(f"{account} was not proposed as operator of the log {self.log}: {proposed} was")
        if self.pending is None:
            lapsed = utc(self.succession.since + self.delay)
            raise Conflict(f"the proposal of {account} has lapsed at {lapsed}: it has to be proposed again")
        if self.now < self.succession.since:
            raise Conflict(f"{account} may take over {self._since(self.succession)}")
        return True

    def _since(self, successor: Succession) -> str:
        begins = "now" if successor.since <= self.now else f"from {utc(successor.since)} on"
        return f"{begins}, until {utc(successor.since + self.delay)}"


def standing(log: ProvenanceLog, client: ChainClient) -> Standing:
    """Who may anchor, in the chain's newest block."""
    return Standing(
        log=log.address,
        operator=log.operator(client),
        succession=log.succession(client),
        delay=log.rotation_delay(client),
        now=client.head().timestamp,
    )
