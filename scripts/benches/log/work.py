"""A campaign whose items are given out to workers, and the answers that these sign: all real, made quickly.

The requester's part goes over HTTP, with a real deposit. Session grants are signed by wallets and handed in
over HTTP. Who does what is written by the flow's own step, with a matching that nobody has computed: the
matching engine is not what is measured here.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

import matching_engine
from ledger_service import commitments, entries
from ledger_service.entries import Domain, Label, SessionGrant
from ledger_service.errors import Unavailable
from ledger_service.flow import assign
from ledger_service.service import Service
from ledger_service.signing import Wallet
from ledger_service.store.workers import Candidate
from scripts.benches.log.ground import Ground
from scripts.demo_job.client import Session
from scripts.demo_job.commissioned import Commissioned
from scripts.demo_job.crowd import Crowd, Item
from scripts.demo_job.job import STATES
from scripts.demo_job.keys import Secrets
from scripts.demo_job.requester import Requester

SEED = "crowdledger bench"
CLASSES = ("cat", "dog", "eel")
A_RUN = 10_000  # assignments in one matching run, at most
PATIENCE = 300.0
SIGNERS = 2  # processes


@dataclass(frozen=True, slots=True)
class Labeller:
    """A worker that may label: its address, the secret of its session key, and the token of its session."""

    address: str
    key: bytes
    token: str


@dataclass(frozen=True, slots=True)
class Task:
    """One item that is assigned to one worker, and the answer that it will give."""

    labeller: Labeller
    item: bytes
    answer: str


@dataclass(frozen=True, slots=True)
class Signed:
    """A request that posts one label, and the leaf hash that its entry will have."""

    request: bytes
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Work:
    """An open campaign and its tasks: each worker in turn, so that neighbours are of different workers."""

    requester: Requester
    campaign: Commissioned
    labellers: tuple[Labeller, ...]
    tasks: tuple[Task, ...]


def give_out(ground: Ground, service: Service, items: int, workers: int) -> Work:
    """Publish and fund a campaign of `items`, let `workers` join, and assign every item to every worker.

    The campaign is asked for no further labels, so that the service does not match while it is measured.
    """
    own = Secrets(SEED, f"requester of {items} x {workers}")
    session = Session(ground.connection, own.wallet(), ground.info.domain.chain_id)
    requester = Requester(session, ground.chain, own, _crowd(items, workers), ground.info)
    ground.chain.endow([requester.address])
    requester.create(SEED)
    (campaign,) = requester.campaigns
    for _ in requester.upload(campaign):
        pass
    requester.publish(campaign)
    requester.fund(campaign)
    _await_state(requester, "open")
    ids = [opening.item for opening in requester.items]
    labellers = tuple(_join(ground, service, campaign.campaign, number) for number in range(workers))
    _assign(service, campaign.campaign, ids, labellers)
    requester.close()
    tasks = tuple(
        Task(labeller, item, CLASSES[position % len(CLASSES)])
        for position, item in enumerate(ids)
        for labeller in labellers
    )
    return Work(requester, campaign, labellers, tasks)


def sign(ground: Ground, work: Work, tasks: Sequence[Task]) -> Iterator[Signed]:
    """The requests that post the labels of these tasks, signed by several processes, in order."""
    made_at = int(ground.connection.get("/v1/info")["now"])
    authority = f"{ground.host}:{ground.port}"
    given = (work.campaign.campaign, ground.info.domain, made_at, authority)
    chunks = [(given, tasks[start : start + 500]) for start in range(0, len(tasks), 500)]
    if len(chunks) < SIGNERS:
        for chunk in chunks:
            yield from _sign_chunk(chunk)
        return
    with ProcessPoolExecutor(SIGNERS, mp_context=get_context("spawn")) as pool:
        for signed in pool.map(_sign_chunk, chunks):
            yield from signed


def judge(work: Work) -> None:
    """Wait until the service has reviewed every label and inferred every truth, which it does by itself."""
    _await_state(work.requester, "posted")


def bodies(signed: Sequence[Signed]) -> list[object]:
    """The labels of requests as they stand in the body of one."""
    return [json.loads(one.request.partition(b"\r\n\r\n")[2])["labels"][0] for one in signed]


def _crowd(items: int, workers: int) -> Crowd:
    """What the demo's requester publishes: texts, all of whose answers are known."""
    listed = tuple(
        Item(f"item {i}", {"text": f"an animal, the {i}th"}, CLASSES[i % len(CLASSES)]) for i in range(items)
    )
    return Crowd(
        title="Which animal?",
        instructions="Name the animal.",
        domain="text/animals",
        skills=("animals",),
        classes=CLASSES,
        items=listed,
        people=(),
        labels_per_item=workers,
        restricted=False,
    )


def _join(ground: Ground, service: Service, campaign: bytes, number: int) -> Labeller:
    own = Secrets(SEED, f"worker {number} of {campaign.hex()}")
    wallet, key = own.wallet(), own.session_key()
    with service.store.begin() as uow:
        token = uow.sessions.open(wallet.address).token
    now = ground.info.now
    grant = SessionGrant(wallet.address, key.address, campaign, now, now + 30 * 86_400)
    body = {
        "session_key": grant.session_key,
        "scope": "0x" + grant.scope.hex(),
        "valid_from": grant.valid_from,
        "valid_until": grant.valid_until,
        "signature": "0x" + wallet.sign(entries.digest(grant, ground.info.domain)).hex(),
    }
    ground.connection.send("POST", "/v1/grants", body=body, headers={"Authorization": f"Bearer {token}"})
    return Labeller(wallet.address, key.secret(), token)


def _assign(service: Service, campaign: bytes, items: Sequence[bytes], labellers: Sequence[Labeller]) -> None:
    at_once = max(1, A_RUN // len(labellers))
    for start in range(0, len(items), at_once):
        part = tuple(items[start : start + at_once])
        service.refresh_clock()
        with service.store.begin() as uow:
            row = uow.campaigns.get(campaign)
            wanted = assign.Request(
                campaign=campaign,
                spec=row.spec,
                items=part,
                texts=(),
                demand=(len(labellers),) * len(part),
                workers=tuple(Candidate(one.address, [], [], len(items), None) for one in labellers),
                taken=frozenset(),
                load=(),
                skill_ppm=(),
                error_ppm=(),
                seed=commitments.digest({"bench": start}),
            )
            assign.assign(uow, service.ledger, wanted, _everything(wanted))


def _everything(wanted: assign.Request) -> assign.Match:
    """Every item to every worker."""
    shape = len(wanted.items), len(wanted.workers)
    pairs = np.stack(np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij"), axis=-1)
    problem = matching_engine.Problem(
        values=np.zeros(shape, dtype=np.int64),
        eligible=np.ones(shape, dtype=np.bool_),
        demand=np.full(shape[0], shape[1], dtype=np.int64),
        capacity=np.full(shape[1], shape[0], dtype=np.int64),
        seed=wanted.seed,
    )
    prices = np.zeros(shape[1], dtype=np.int64)
    solution = matching_engine.Assignment(pairs.reshape(-1, 2), prices, primal=0, dual=0)
    return assign.Match(problem, solution, model=bytes(32))


_Given = tuple[bytes, Domain, int, str]  # campaign, domain, made at, authority of the service


def _sign_chunk(chunk: tuple[_Given, Sequence[Task]]) -> list[Signed]:
    given, tasks = chunk
    wallets = {task.labeller.key: Wallet(task.labeller.key) for task in tasks}
    return [_sign(given, task, wallets[task.labeller.key]) for task in tasks]


def _sign(given: _Given, task: Task, wallet: Wallet) -> Signed:
    campaign, domain, made_at, authority = given
    content, salt = {"label": task.answer}, secrets.token_bytes(commitments.SALT_BYTES)
    answer = commitments.commit(content, salt)
    label = Label(campaign, task.item, task.labeller.address, answer, entries.ZERO32, made_at)
    signature = wallet.sign(entries.digest(label, domain))
    body = {
        "campaign": "0x" + campaign.hex(),
        "item": "0x" + task.item.hex(),
        "content": content,
        "salt": "0x" + salt.hex(),
        "made_at": made_at,
        "signature": "0x" + signature.hex(),
    }
    raw = json.dumps({"labels": [body]}).encode()
    head = (
        f"POST /v1/labels HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Bearer {task.labeller.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n"
    )
    return Signed(head.encode() + raw, entries.encode(label, signature).leaf)


def _await_state(requester: Requester, wanted: str) -> None:
    give_up = time.monotonic() + PATIENCE
    while True:
        (status,) = requester.status()
        if STATES.index(status["state"]) >= STATES.index(wanted):
            return
        if time.monotonic() > give_up:
            raise Unavailable(f"the campaign is still {status['state']} and does not get to be {wanted}")
        time.sleep(0.1)
