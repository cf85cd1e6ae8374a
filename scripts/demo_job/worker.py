"""A worker: joins with one grant, answers its tasks at its own pace, keeps the receipts, claims its pay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ledger_service import commitments, entries, signing
from ledger_service.entries import Label, SessionGrant
from ledger_service.errors import VerificationError
from ledger_service.log.receipts import MEMBERS, SignedReceipt, check_receipt
from scripts.demo_job.client import Session
from scripts.demo_job.commissioned import Commissioned
from scripts.demo_job.crowd import Crowd, Person, sampler
from scripts.demo_job.escrow import Due
from scripts.demo_job.info import Info
from scripts.demo_job.keys import Secrets

MOST_TASKS = 100
LABELS_A_REQUEST = 50
Json = Any


@dataclass(frozen=True, slots=True)
class Kept:
    """What a worker keeps of an acknowledged label: its entry's leaf hash and index, and the receipt.

    `given` is the receipt with its label, as the service gave it.
    """

    leaf: bytes
    index: int
    receipt: SignedReceipt
    given: Json


@dataclass(frozen=True, slots=True)
class Drafted:
    """A signed answer, ready to be sent: as JSON, and the leaf hash that its entry will have."""

    leaf: bytes
    body: Json


class Worker:
    """One person of the crowd, with its own wallet, session key and secrets."""

    def __init__(self, session: Session, secrets: Secrets, person: Person, info: Info, seed: str) -> None:
        self.person = person
        self.receipts: list[Kept] = []
        self._session, self._secrets, self._info = session, secrets, info
        self._key = secrets.session_key()
        self._pace = sampler(seed, f"pace of {person.name}")
        self._free_at = self._until = 0
        self._worked: set[bytes] = set()  # campaigns that have a label of ours
        self._answers: dict[bytes, str] = {}

    @property
    def address(self) -> str:
        """The worker's account."""
        return self._session.address

    @property
    def wallet(self) -> signing.Wallet:
        """The worker's own wallet: signs its claim."""
        return self._session.wallet

    def join(
        self, campaigns: Sequence[Commissioned], crowd: Crowd, items: Sequence[bytes], until: int
    ) -> None:
        """Log in, say what one can do, and for each campaign let the session key sign and offer to work.

        Args:
            items: ids (32 bytes) by position in the crowd.
            until: when the grants end, and by when receipts have to be due, in seconds.
        """
        self._until = until
        self._answers = {items[position]: label for position, label in self.person.answers.items()}
        self._session.login()
        skills = list(crowd.skills)
        profile = {"skills": skills, "languages": ["en"], "capacity": crowd.capacity(self.person)}
        self._session.put("/v1/workers/me", profile)
        for one in campaigns:
            self._grant(one.campaign, until)
            own = [opening.item for opening in one.share.items if opening.item in self._answers]
            offered = ["0x" + item.hex() for item in own] if crowd.restricted else None
            self._session.put(f"{one.path}/offers", {"items": offered})

    def fetch(self) -> list[Json]:
        """The open tasks of this worker."""
        tasks: list[Json] = self._session.get("/v1/tasks", limit=MOST_TASKS)["tasks"]
        strange = [task["item"] for task in tasks if bytes.fromhex(task["item"][2:]) not in self._answers]
        if strange:
            raise VerificationError(
                f"{self.person.name} was given an item that it did not offer", found=strange[0]
            )
        return tasks

    def work(self, tasks: list[Json], now: int) -> tuple[list[Drafted], int]:
        """Answer tasks one after the other, from `now` on; the signed answers, and when the last was made."""
        self._free_at = max(self._free_at, now, *(task["assigned_at"] for task in tasks))
        drafts = []
        for task in tasks:
            self._free_at += self._pace.randint(*self.person.seconds)
            drafts.append(self._draft(task, self._free_at))
        return drafts, self._free_at

    def submit(self, drafts: list[Drafted]) -> int:
        """Send signed answers and keep a checked receipt for each; how many.

        Raises:
            VerificationError: a receipt promises another entry than the one that was signed, or too late.
            BadSignature: a receipt that the operator did not sign.
        """
        reply = self._session.post("/v1/labels", {"labels": [draft.body for draft in drafts]})
        for draft, given in zip(drafts, reply["receipts"], strict=True):
            entry = given["entry"]
            receipt = SignedReceipt.from_json({name: given[name] for name in MEMBERS})
            if receipt.receipt.leaf != draft.leaf:
                raise VerificationError(
                    "entry in the receipt", expected=draft.leaf.hex(), found=receipt.receipt.leaf.hex()
                )
            if entries.leaf_hash(bytes.fromhex(entry[2:])) != draft.leaf:
                raise VerificationError("the entry beside the receipt is another", found=entry)
            if receipt.receipt.deadline > self._until:  # it could never be redeemed
                raise VerificationError(
                    "deadline of the receipt",
                    expected=f"at most {self._until}",
                    found=str(receipt.receipt.deadline),
                )
            check_receipt(receipt, self._info.domain, self._info.operator)
            self.receipts.append(Kept(draft.leaf, receipt.receipt.index, receipt, given))
            self._worked.add(bytes.fromhex(draft.body["campaign"][2:]))
        return len(drafts)

    def payout(self, one: Commissioned) -> Due | None:
        """What a payroll owes this worker and where it stands in it; None when nothing was earned."""
        if one.campaign not in self._worked:
            return None  # whoever was given nothing has no place in the payroll
        found: Mapping[str, Json] = self._session.get(f"{one.path}/payouts/me")
        if int(found["amount"]) == 0:
            return None
        siblings = tuple(bytes.fromhex(value[2:]) for value in found["path"])
        return Due(found["index"], self.address, int(found["amount"]), siblings)

    def _grant(self, campaign: bytes, until: int) -> None:
        grant = SessionGrant(
            worker=self.address,
            session_key=self._key.address,
            scope=campaign,
            valid_from=self._info.now,
            valid_until=until,
        )
        body = {
            "session_key": grant.session_key,
            "scope": "0x" + grant.scope.hex(),
            "valid_from": grant.valid_from,
            "valid_until": grant.valid_until,
            "signature": "0x" + self.wallet.sign(entries.digest(grant, self._info.domain)).hex(),
        }
        self._session.post("/v1/grants", body)

    def _draft(self, task: Json, made_at: int) -> Drafted:
        item = bytes.fromhex(task["item"][2:])
        content = {"label": self._answers[item]}
        salt = self._secrets.salt(f"answer to {task['item']}")
        label = Label(
            campaign=bytes.fromhex(task["campaign"][2:]),
            item=item,
            worker=self.address,
            answer=commitments.commit(content, salt),
            suggestion=entries.ZERO32,
            made_at=made_at,
        )
        signature = self._key.sign(entries.digest(label, self._info.domain))
        body = {
            "campaign": task["campaign"],
            "item": task["item"],
            "content": content,
            "salt": "0x" + salt.hex(),
            "made_at": made_at,
            "signature": "0x" + signature.hex(),
        }
        return Drafted(entries.encode(label, signature).leaf, body)
