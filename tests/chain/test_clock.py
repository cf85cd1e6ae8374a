"""The ledger's time on a real local chain whose clock is moved."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ledger_service.chain.client import ChainClient
from ledger_service.chain.clock import ChainClock
from ledger_service.chain.rpc import Rpc
from tests.chain.world import Control

NOWHERE = "http://127.0.0.1:1"


@dataclass
class Machine:
    """The machine's clock, which the test sets."""

    seconds: float

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def machine(client: ChainClient) -> Machine:
    """A machine whose clock is a day behind the chain's."""
    return Machine(client.head().timestamp - 86_400)


def _clock(client: ChainClient, machine: Machine) -> ChainClock:
    clock = ChainClock(client, wall=machine, monotonic=machine)
    clock.refresh()
    return clock


def test_time_goes_on_between_the_blocks_of_a_chain_that_is_ahead(
    client: ChainClient, machine: Machine
) -> None:
    clock, block = _clock(client, machine), client.head().timestamp
    assert clock.now() == block
    for _ in range(3):
        machine.seconds += 1_000
        clock.refresh()  # the same old block each time
    assert clock.now() == block + 3_000


def test_a_new_block_says_how_far_the_chain_is_ahead_now(
    client: ChainClient, control: Control, machine: Machine
) -> None:
    clock = _clock(client, machine)
    control.node.ask("evm_increaseTime", 500)
    control.mine()
    machine.seconds += 1
    clock.refresh()
    block = client.head().timestamp
    assert clock.now() == block
    machine.seconds += 10
    assert clock.now() == block + 10


def test_time_never_goes_back(client: ChainClient, control: Control, machine: Machine) -> None:
    clock = _clock(client, machine)
    before = clock.now()
    machine.seconds -= 5_000
    assert clock.now() == before
    control.mine()
    clock.refresh()
    assert clock.now() >= before


def test_a_chain_that_is_behind_does_not_hold_the_clock_back(client: ChainClient, machine: Machine) -> None:
    machine.seconds += 2 * 86_400
    assert _clock(client, machine).now() == machine.seconds


def test_a_node_that_does_not_answer_leaves_the_machines_time(machine: Machine) -> None:
    nobody = ChainClient(Rpc(NOWHERE, 0.5), 31_337, bytes(32))
    clock = _clock(nobody, machine)
    nobody.close()
    assert clock.now() == machine.seconds
