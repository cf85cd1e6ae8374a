"""The main job: the real service and all its users, from a funded campaign to an audited payment."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich.console import Console

from ledger_service.audit.report import AuditReport
from ledger_service.errors import BadInput, LedgerError, Unavailable
from ledger_service.local.services import undisturbed
from scripts.demo_job import checks, escrow, receipts
from scripts.demo_job.auditor import Auditor, Verified, accuracy, majority
from scripts.demo_job.client import Connection, Session, Stopping
from scripts.demo_job.crowd import Crowd
from scripts.demo_job.crowd_digits import simulate
from scripts.demo_job.crowd_files import read_crowd
from scripts.demo_job.gas import gas_of
from scripts.demo_job.info import Info
from scripts.demo_job.keys import Secrets
from scripts.demo_job.labelling import SIDE_BY_SIDE, Labelling
from scripts.demo_job.progress import Stages
from scripts.demo_job.requester import Requester
from scripts.demo_job.rpc import Chain, Order
from scripts.demo_job.service import Service
from scripts.demo_job.summary import Summary
from scripts.demo_job.worker import Worker

FAILED, INTERRUPTED = 1, 130
STATES = (
    "draft", "published", "open", "closed", "reviewed", "inferred", "payable", "posted", "settled",
    "finished",
)  # fmt: skip
PATIENCE_A_STATE = 300.0
PATIENCE_TO_MATCH = 1800.0
PATIENCE_FOR_FEE = 30.0
PAUSE = 0.3
SEED = "crowdledger demo"


@dataclass(frozen=True, slots=True)
class Options:
    """What `crowdledger demo` was asked for.

    Attributes:
        data: folder with a real crowd; None simulates one.
        items, labels_per_item: at most so many; None for all there are, or the simulation's default.
        keep: leave the service's state behind. json: one object on standard output.
        parts: how many campaigns of one specification share the items.
        state: folder in which the run makes a fresh state directory of its own.
        seed: what all keys and the simulated crowd are derived from.
    """

    data: Path | None
    items: int | None
    labels_per_item: int | None
    keep: bool
    json: bool
    state: Path
    parts: int = 1
    seed: str = SEED


def run(options: Options) -> int:
    """Run the demo; 0 when every check holds, 1 when one fails, 130 when interrupted.

    Raises:
        BadInput: the data cannot be used. Unavailable: the service or its chain cannot be reached.
    """
    console = Console(stderr=True)
    demo = Demo(options, console)
    try:
        with _interruptible():
            summary = demo.run()
    except (KeyboardInterrupt, Stopping):
        console.print("interrupted; everything is being ended")
        return INTERRUPTED
    except LedgerError:
        console.print(
            f"the last words of the service:\n{demo.service.last_words()}", markup=False, soft_wrap=True
        )
        raise
    finally:
        demo.end()
    if options.json:
        sys.stdout.write(json.dumps(summary.to_json()) + "\n")
    else:
        summary.show(Console())
    for check in summary.failed:
        console.print(f"FAILED: {check.name}: {check.detail}", markup=False)
    return FAILED if summary.failed else 0


class Demo:
    """One run. Its service is a real process (`service`), which may be killed and started again meanwhile."""

    def __init__(
        self, options: Options, console: Console, on_stage: Callable[[str], None] | None = None
    ) -> None:
        for name, value in (("--items", options.items), ("--labels-per-item", options.labels_per_item)):
            if value is not None and value < 1:
                raise BadInput(f"{name} is at least 1")
        self.crowd = _crowd(options)
        if not 1 <= options.parts <= len(self.crowd.items):
            raise BadInput(f"--parts is 1 to {len(self.crowd.items)}, the number of items")
        self.service = Service(_fresh(options.state))
        self.summary = Summary()
        self.workers: list[Worker] = []
        self.acknowledged = 0
        self._options, self._console = options, console
        self._stop = threading.Event()
        self._stages = Stages(console, on_stage)
        self._opened = contextlib.ExitStack()
        self._connection: Connection
        self._chain: Chain
        self._info: Info
        self._requester: Requester
        self._auditor: Auditor

    def run(self) -> Summary:
        """All stages, in order."""
        self._start()
        self._publish()
        self._join()
        self._match()
        self._label()
        self._judge()
        self._claim()
        self._refund()
        self._audit()
        self.summary.seconds = self._stages.seconds
        self.summary.notes = list(self.crowd.notes)
        return self.summary

    def end(self) -> None:
        """End the service and remove its state, or say how to serve it again. Safe at any time, and twice."""
        with undisturbed():
            self._stop.set()
            self._opened.close()
            orderly = self.service.stop()
            self.summary.check("the service ended in order", orderly, "it had to be killed")
            if self._options.keep and self.service.state.exists():
                self._console.print(f"kept: {' '.join(self.service.command)}", markup=False, soft_wrap=True)
            else:
                shutil.rmtree(self.service.state, ignore_errors=True)

    def _start(self) -> None:
        with self._stages.stage("start", "start the service", 1) as tick:
            self.service.start()
            self._connection = Connection(self.service.base, self._stop)
            self._opened.callback(self._connection.close)
            self._info = Info.from_json(self._connection.get("/v1/info"))
            self._chain = Chain(lambda: str(self._connection.get("/v1/info")["rpc_url"]), self._stop)
            self._opened.callback(self._chain.close)
            tick(1)

    def _publish(self) -> None:
        """The requester describes, publishes and funds its campaigns, and names an auditor."""
        secrets = Secrets(self._options.seed, "requester")
        with self._stages.stage("publish", "publish and fund the campaign", len(self.crowd.items)) as tick:
            self._auditor = Auditor(
                Secrets(self._options.seed, "auditor").wallet(), self.service.state / "audit", self._info
            )
            session = self._session(secrets)
            self._chain.endow([session.address])
            self._requester = Requester(
                session, self._chain, secrets, self.crowd, self._info, self._options.parts
            )
            self._requester.create(self._options.seed)
            for one in self._requester.campaigns:
                for count in self._requester.upload(one):
                    tick(count)
                self._requester.publish(one)
                self._requester.fund(one)
            self._requester.name_auditor(self._auditor.address)
            self.summary.parts = len(self._requester.campaigns)
            self.summary.items = len(self.crowd.items)
            self.summary.labels_per_item = self.crowd.labels_per_item
            self.summary.deposited = self._requester.budget

    def _join(self) -> None:
        """Workers log in, state what they can do, grant a session key and offer to work."""
        items = [opening.item for opening in self._requester.items]
        self.workers = [self._worker(number) for number in range(len(self.crowd.people))]
        with self._stages.stage("join", "workers join", len(self.workers)) as tick:
            self._chain.endow([worker.address for worker in self.workers])

            def join(worker: Worker) -> None:
                worker.join(self._requester.campaigns, self.crowd, items, self._requester.deadline)
                tick(1)

            with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
                list(pool.map(join, self.workers))
            self.summary.workers = len(self.workers)

    def _match(self) -> None:
        """The campaigns open, and the matching engine reads every item and gives out the first tasks."""
        with self._stages.stage("match", "match items to workers", 1) as tick:
            self._chain.advance_to(self._requester.opens_at)
            self._await_state("open")
            give_up = time.monotonic() + PATIENCE_TO_MATCH
            while not all(one["assignments_open"] for one in self._requester.status()):
                if time.monotonic() > give_up:
                    raise Unavailable("the matching engine gives nobody a task")
                if self._stop.wait(PAUSE):
                    raise Stopping
            tick(1)

    def _label(self) -> None:
        """Workers answer until there is nothing left to answer, then the campaigns are closed."""
        expected = self.crowd.expected_labels()
        with self._stages.stage("label", "workers label", expected) as tick:

            def acknowledge(count: int) -> None:
                self.acknowledged += count
                tick(count)

            labelling = Labelling(self.workers, self._chain, self._connection)
            labelling.run(expected, acknowledge, lambda: self._state() > STATES.index("open"))
            self._requester.close()
        self.summary.labels = sum(len(worker.receipts) for worker in self.workers)
        self.summary.check_equal("every item got the labels it could get", self.summary.labels, expected)

    def _judge(self) -> None:
        """The service reviews, infers, computes pay, anchors the log and posts the payrolls."""
        steps = STATES[STATES.index("closed") : STATES.index("posted") + 1]
        with self._stages.stage("judge", "review, infer, anchor, post the payroll", len(steps)) as tick:
            for state in steps:
                self._await_state(state)
                tick(1)

    def _claim(self) -> None:
        """After the dispute window every worker claims with its own key and reads its new balance."""
        campaigns = self._requester.campaigns
        steps = len(self.workers) * len(campaigns)
        with self._stages.stage("claim", "workers claim on chain", steps) as tick:
            self._chain.advance_to(self._chain.now() + campaigns[0].terms.window + 1)
            self._await_state("settled")
            for one in campaigns:
                due = [(worker, worker.payout(one)) for worker in self.workers]
                orders = [
                    Order(worker.wallet, self._info.escrow, escrow.claim(one.terms, position))
                    for worker, position in due
                    if position is not None
                ]
                tick(len(self.workers) - len(orders))
                for start in range(0, len(orders), SIDE_BY_SIDE):
                    chunk = orders[start : start + SIDE_BY_SIDE]
                    self._chain.send(chunk)
                    tick(len(chunk))

    def _refund(self) -> None:
        """After the deadline and its window: the operator's fee, and the rest back to the requester."""
        window = self._requester.campaigns[0].terms.window
        with self._stages.stage("refund", "fee and refund", 2) as tick:
            self._chain.advance_to(self._requester.deadline + window + 1)
            self.summary.fee = self._await_fee()
            tick(1)
            self.summary.refund = self._requester.take_rest()
            self._await_state("finished")
            tick(1)

    def _audit(self) -> None:
        """The auditor downloads all, proves each bundle offline, replays the log, compares the chain."""
        with self._stages.stage("download", "the auditor downloads the log", 1) as tick:
            self._auditor.download(self.service.base)
            tick(1)
        labels, payments = Verified(), Verified()
        with self._stages.stage("verify", "verify each bundle offline", self.summary.labels) as tick:
            for one in self._requester.campaigns:
                labels.add(self._auditor.verify(one.campaign, "label", tick))
                payments.add(self._auditor.verify(one.campaign, "payment", lambda _: None))
        with self._stages.stage("audit", "recompute inference and pay, compare", 1) as tick:
            report = self._auditor.audit(self._chain.url)
            tick(1)
        with self._stages.stage("conclude", "add up", 1) as tick:
            self._conclude(labels, payments, report)
            tick(1)

    def _conclude(self, labels: Verified, payments: Verified, report: AuditReport) -> None:
        summary, info, chain = self.summary, self._info, self._chain
        addresses = [worker.address for worker in self.workers]
        *held, left = escrow.balances(chain, info.token, [*addresses, info.escrow])
        checks.check_receipts(summary, self.workers, list(self._auditor.entries()))
        papers = self._auditor.folder.parent / "receipts"
        receipts.save_receipts(self.workers, papers)
        receipts.check_saved(summary, papers, self._auditor.saved, info)
        checks.check_bundles(summary, labels, payments)
        items = [opening.item for opening in self._requester.items]
        checks.check_answers(summary, self.workers, items, labels.facts)
        checks.check_money(summary, dict(zip(addresses, held, strict=True)), payments.facts, left)
        checks.check_transfers(summary, chain, info.token, info.escrow, addresses, payments.facts)
        checks.check_audit(summary, report)
        summary.anchors = checks.count_anchors(chain, info.domain.verifying_contract)
        self._measure_accuracy(labels)
        gas = gas_of(chain)
        summary.gas_total, summary.gas_deployment = gas.running, gas.deployment
        summary.transactions = gas.transactions
        summary.gas_per_label = round(gas.running / max(1, summary.labels), 1)

    def _measure_accuracy(self, labels: Verified) -> None:
        """Both over the items with a known truth: what a plain vote says, and what the service inferred."""
        truth = {
            "0x" + opening.item.hex(): known
            for opening, item in zip(self._requester.items, self.crowd.items, strict=True)
            if (known := item.truth) is not None
        }
        inferred = self._requester.results()
        self.summary.accuracy_majority = accuracy(majority(labels.facts, self.crowd.classes), truth)
        self.summary.accuracy_inferred = accuracy(inferred, truth)

    def _session(self, secrets: Secrets) -> Session:
        return Session(self._connection, secrets.wallet(), self._info.domain.chain_id)

    def _worker(self, number: int) -> Worker:
        secrets = Secrets(self._options.seed, f"worker {number}")
        person = self.crowd.people[number]
        return Worker(self._session(secrets), secrets, person, self._info, self._options.seed)

    def _await_fee(self) -> int:
        """What the operator has collected for itself, once it has all (none where nothing was earned)."""
        paid = [int(one["payroll"]["total"]) for one in self._requester.status() if one["payroll"]]
        due = sum(total * self._info.fee_bps // 10_000 for total in paid)
        give_up = time.monotonic() + PATIENCE_FOR_FEE
        while True:
            [fee] = escrow.balances(self._chain, self._info.token, [self._info.operator])
            if fee >= due or time.monotonic() > give_up:
                return fee
            if self._stop.wait(PAUSE):
                raise Stopping

    def _state(self) -> int:
        """Where the campaign stands that is behind the others."""
        return min(STATES.index(one["state"]) for one in self._requester.status())

    def _await_state(self, wanted: str) -> None:
        """Wait until every campaign is in this state or a later one.

        Raises:
            Unavailable: it does not get there.
        """
        give_up = time.monotonic() + PATIENCE_A_STATE
        while (state := self._state()) < STATES.index(wanted):
            if time.monotonic() > give_up:
                raise Unavailable(f"the campaign is still {STATES[state]} and does not get to be {wanted}")
            if self._stop.wait(PAUSE):
                raise Stopping


def _crowd(options: Options) -> Crowd:
    if options.data is None:
        return simulate(options.items, options.labels_per_item, options.seed)
    return read_crowd(options.data, options.items, options.labels_per_item)


def _fresh(parent: Path) -> Path:
    """The run's own state directory: a name that no other run has."""
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    return parent.expanduser().resolve() / name


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM and a lost terminal end the run as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
