"""A log over HTTP that can be made to misbehave, a real chain beside it, and a monitor that looks at both."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ledger_service import entries
from ledger_service.chain.client import ChainClient
from ledger_service.log import tiles
from ledger_service.log.checkpoint import LogKey, sign_checkpoint
from ledger_service.log.tree import Tree
from ledger_service.monitor.anchors import Node
from ledger_service.monitor.look import Identity, Limits, Look, Me
from ledger_service.monitor.monitor import Monitor, Watch
from ledger_service.monitor.papers import HttpPapers
from ledger_service.monitor.state import State
from ledger_service.signing import Wallet
from ledger_service.verify import bundle
from tests.audit.builder import Builder, show
from tests.audit.chain_world import ChainWorld
from tests.audit.server import TOKEN, Answer, LogServer


class MonitorServer(LogServer):
    """As `LogServer`, with single campaigns, and label bundles for the account that may sign in."""

    bundles: dict[str, bytes]
    down = False

    def get(self, target: str, authorization: str) -> Answer:
        if self.down:
            return 503, {}, b"closed"
        path = target.split("?")[0]
        if path.startswith("/v1/campaigns/") and path.count("/") == 3:
            return self._campaign(path.rsplit("/", 1)[1])
        if path.startswith("/v1/labels/"):
            found = self.bundles.get(path.split("/")[3])
            may = found is not None and authorization == f"Bearer {TOKEN}"
            return (200, {}, found or b"") if may else (404, {}, b"")
        return super().get(target, authorization)

    def _campaign(self, name: str) -> Answer:
        listed = json.loads((self.folder / "campaigns.json").read_bytes())["campaigns"]
        for one in listed:
            if one["campaign"] == name:
                return 200, {}, json.dumps(one).encode()
        return 404, {}, b""


def publish(made: Builder, folder: Path, size: int | None = None, key: LogKey | None = None) -> Path:
    """Save the first `size` entries of a log as it serves them, in place of what was there."""
    shutil.rmtree(folder, ignore_errors=True)
    made.save(folder)
    if size is not None:
        shutil.rmtree(folder / "tile")
        write_log(folder, [entry.raw for entry in made.entries[:size]], key or made.log_key)
    return folder


def write_log(folder: Path, raws: Sequence[bytes], key: LogKey) -> None:
    """A log of any bytes, in good order: tiles, bundles, signed checkpoint."""
    tree = Tree(entries.leaf_hash(raw) for raw in raws)
    hashes, _ = tiles.append(tiles.MemoryTiles({}), 0, [entries.leaf_hash(raw) for raw in raws])
    for (level, index), row in hashes.items():
        _write(folder / tiles.tile_path(level, index, len(row) // 32), row)
    for start in range(0, len(raws), tiles.WIDTH):
        part = raws[start : start + tiles.WIDTH]
        _write(folder / tiles.entries_path(start // tiles.WIDTH, len(part)), tiles.encode_bundle(part))
    text = sign_checkpoint(key.name, len(raws), tree.root(), key)
    _write(folder / "checkpoint", text.encode())


def _write(path: Path, raw: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)


def label_bundles(made: Builder) -> dict[str, bytes]:
    """The bundle of every label, by its leaf, as the service shows it to the label's worker."""
    index = {entry.leaf: at for at, entry in enumerate(made.entries)}
    note = sign_checkpoint(made.log_key.name, len(made.tree), made.tree.root(), made.log_key)
    kept: dict[type, list[Any]] = {}
    for entry in made.entries:
        kept.setdefault(type(entry.struct), []).append(entry)
    reviews = {entry.struct.label: entry for entry in kept[entries.Review]}
    assigned = {(one.struct.item, one.struct.worker): one for one in kept[entries.Assignment]}
    truths = {entry.struct.item: entry for entry in kept.get(entries.Truth, [])}
    grants = {entry.struct.worker: entry for entry in kept[entries.SessionGrant]}
    openings = {line["leaf"]: line["openings"] for line in made.openings}
    found = {}
    for label in kept[entries.Label]:
        struct = label.struct
        if struct.campaign != made.campaign or label.leaf not in reviews or struct.item not in truths:
            continue
        roles = {
            "campaign": kept[entries.Campaign][-1],
            "grant": grants[struct.worker],
            "matching": kept[entries.Matching][-1],
            "assignment": assigned[struct.item, struct.worker],
            "label": label,
            "review": reviews[label.leaf],
            "run": kept[entries.InferenceRun][-1],
            "truth": truths[struct.item],
        }
        parts = {
            role: bundle.Logged(one.raw, index[one.leaf], made.tree.inclusion_proof(index[one.leaf]))
            for role, one in roles.items()
        }
        shown = {
            "specification": made.spec_document,
            "terms": made.terms.to_json(),
            "escrow": made.place.escrow,
            "answer": openings[show(label.leaf)]["answer"],
            "reason": openings[show(roles["review"].leaf)]["reason"],
            "truth": openings[show(roles["truth"].leaf)]["truth"],
        }
        made_bundle = bundle.build(bundle.LABEL, made.domain, str(made.log_key.verifier), note, parts, shown)
        found[show(label.leaf)] = made_bundle
    return found


@dataclass
class Watched:
    """A published log on a real chain, and the folder of one who watches it. Time is what `now` says."""

    world: ChainWorld
    node_url: str
    folder: Path
    server: MonitorServer
    state: Path
    now: int = 1_800_000_000
    me: Me = field(default_factory=Me)
    wallet: Wallet | None = None
    limits: Limits = field(default_factory=Limits)
    places: tuple[Any, ...] = ()
    policy: Any = None
    made: Builder | None = None
    escrow: str | None = None

    def publish(self, made: Builder, size: int | None = None) -> None:
        self.made = made
        publish(made, self.folder, size)
        self.server.bundles = label_bundles(made)

    @property
    def log(self) -> Builder:
        assert self.made is not None
        return self.made

    def look(self, later: int = 0, clock: Callable[[], float] | None = None) -> Look:
        """Look once, in a process of one's own as far as the folder can tell."""
        self.now += later
        node = Node(lambda: ChainClient.connect(self.node_url, finality_depth=0))
        own = self.wallet.address if self.wallet else None
        me = replace(self.me, addresses=self.me.addresses | ({own} if own else set()))
        with State(self.state) as state, HttpPapers(self.server.url, self.wallet) as source:
            assert isinstance(source, HttpPapers)
            key = self.log.log_key.verifier
            identity = Identity(key, self.world.client.chain_id, self.world.log, self.escrow)
            watch = Watch(
                source, node, identity, me, own, self.policy, self.places, self.limits, self.world.first
            )
            try:
                return Monitor(state, watch, clock or (lambda: float(self.now))).look()
            finally:
                node.close()

    def alarms(self) -> list[dict[str, Any]]:
        """Every alarm in the folder that is not over."""
        with State(self.state) as state:
            return [dict(kept.alarm) for kept in state.open()]

    def kinds(self) -> list[str]:
        return sorted(str(alarm["kind"]) for alarm in self.alarms())
