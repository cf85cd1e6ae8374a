"""How a service is set up: what its operator asked for, and what came of it.

`Options` come from the environment and the command line, before anything runs. `Settings` are the facts of
one running service. Nothing is guessed where a guess could cost money or open a door: a variable that nobody
knows is refused, and an address that others can reach needs a name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ledger_service.errors import BadInput
from ledger_service.local.keys import Keys
from ledger_service.local.state import default_state
from ledger_service.log.checkpoint import LogKey, default_origin

if TYPE_CHECKING:  # the chain's libraries are heavy, and these are only facts
    from ledger_service.chain.deploy import Deployment

PREFIX = "CROWDLEDGER_"
DEFAULT_PORT = 8420
MOST_WORKERS = 64
LOOPBACK = ("127.0.0.1", "::1", "localhost")
MOST_BASIS_POINTS = 2_500  # CampaignEscrow.MAX_FEE_BPS
# On a chain of our own nothing takes long; elsewhere finality, outages and people do.
LOCAL_JUDGING_SECONDS = 3_600
JUDGING_SECONDS = 86_400
COSIGN_SECONDS = 300
MOST_POLL_SECONDS = 60
# Read by others: the state directory's module, the set-up, the tests.
ELSEWHERE = ("STATE", "PYTHON", "SHARED")

_ADDRESS = re.compile(r"0x[0-9a-f]{40}")
_AUTHORITY = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9a-f:.]+\](:[0-9]{1,5})?")


@dataclass(frozen=True)
class Options:
    """What the operator asked for.

    Attributes:
        database_url: of a PostgreSQL server; None for the embedded one. May hold a password.
        rpc_url: of a chain's node; None for the local chain. May hold a key.
        domains: authorities under which people reach the API, for EIP-4361.
        origin: the log's name in its checkpoints; None for the one made of chain and contract.
        arbiter: who rules on disputes; None for a key of the state directory, on the local chain only.
        tokens: what campaigns may pay in; on the local chain its open token is one of them anyway.
        bond: what a dispute costs if it fails, token minor units.
        anchor_seconds: how long new entries wait for an anchor when no payroll does.
        confirmations: blocks until a block is final; None asks the chain (its `finalized` block).
        witness_policy: C2SP tlog-policy file: who is to cosign the log's heads; None for nobody.
        cosign_seconds: how old a witness's line gets, while nothing is appended, before it is asked again.
        poll_seconds: between two looks at the chain and the campaigns while nothing moves; None for half one.
        workers: processes that answer requests.
    """

    state: Path
    database_url: str | None = field(default=None, repr=False)
    rpc_url: str | None = field(default=None, repr=False)
    host: str = LOOPBACK[0]
    port: int = DEFAULT_PORT
    domains: tuple[str, ...] = ()
    origin: str | None = None
    fee_bps: int = 0
    arbiter: str | None = None
    tokens: tuple[str, ...] = ()
    bond: int = 1_000_000
    confirmations: int | None = None
    anchor_seconds: float = 15.0
    witness_policy: Path | None = None
    cosign_seconds: int = COSIGN_SECONDS
    poll_seconds: int | None = None
    workers: int = 1

    def __post_init__(self) -> None:
        self._check_numbers()
        if self.host not in LOOPBACK and not self.domains:
            raise BadInput(f"on {self.host} others can reach the API: name it with --domain, as they type it")
        for domain in self.domains:
            if not _AUTHORITY.fullmatch(domain):
                raise BadInput(f"{domain!r} is not a domain, with or without a port")
        for address in (*self.tokens, *((self.arbiter,) if self.arbiter is not None else ())):
            if not _ADDRESS.fullmatch(address):
                raise BadInput(f"{address!r} is not an address: 0x and 40 hexadecimal digits")
        _check_url(self.database_url, "DATABASE_URL", ("postgresql", "postgresql+psycopg"))
        _check_url(self.rpc_url, "the chain's address", ("http", "https"))

    def _check_numbers(self) -> None:
        if not 1 <= self.workers <= MOST_WORKERS:
            raise BadInput(f"1 to {MOST_WORKERS} processes can answer requests, not {self.workers}")
        if not 0 <= self.port < 1 << 16:
            raise BadInput(f"a port is a number from 0 to 65535, not {self.port}")
        if not 0 <= self.fee_bps <= MOST_BASIS_POINTS:
            raise BadInput(f"the fee is 0 to {MOST_BASIS_POINTS} basis points, not {self.fee_bps}")
        if self.confirmations is not None and self.confirmations < 0:
            raise BadInput("the number of confirmations is not negative")
        if self.cosign_seconds < 1:
            raise BadInput("witnesses are asked again after a second or more")
        if self.poll_seconds is not None and not 1 <= self.poll_seconds <= MOST_POLL_SECONDS:
            raise BadInput(f"the chain is looked at again after 1 to {MOST_POLL_SECONDS} seconds")


@dataclass(frozen=True)
class Settings:
    """The facts of one running service. Neither keys nor addresses that may hold secrets appear in `repr`.

    Attributes:
        local: the chain is our own: it has a token for everybody, and a clock that may be moved.
        port: where the API listens; never 0.
        confirmations, witness_policy, cosign_seconds, poll_seconds, workers: as in Options.
    """

    state: Path
    database_url: str = field(repr=False)
    rpc_url: str = field(repr=False)
    local: bool
    chain_id: int
    host: str
    port: int
    domains: tuple[str, ...]
    origin: str
    fee_bps: int
    arbiter: str
    tokens: tuple[str, ...]
    bond: int
    judging_seconds: int
    keys: Keys = field(repr=False)
    deployment: Deployment
    confirmations: int | None
    anchor_seconds: float
    witness_policy: Path | None = None
    cosign_seconds: int = COSIGN_SECONDS
    poll_seconds: int | None = None
    workers: int = 1

    @property
    def url(self) -> str:
        """The API's address on this machine."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def log_key(self) -> LogKey:
        """The key that signs checkpoints, under the log's name."""
        return LogKey(self.origin, self.keys.log_seed)


def settle(
    options: Options,
    *,
    database_url: str,
    rpc_url: str,
    port: int,
    arbiter: str,
    keys: Keys,
    deployment: Deployment,
) -> Settings:
    """The settings that options come to, once everything they name runs."""
    return Settings(
        state=options.state,
        database_url=database_url,
        rpc_url=rpc_url,
        local=options.rpc_url is None,
        chain_id=deployment.chain_id,
        host=options.host,
        port=port,
        domains=options.domains or (f"127.0.0.1:{port}", f"localhost:{port}"),
        origin=options.origin or default_origin(deployment.chain_id, deployment.provenance_log),
        fee_bps=options.fee_bps,
        arbiter=arbiter,
        tokens=options.tokens + ((deployment.token,) if deployment.token is not None else ()),
        bond=options.bond,
        judging_seconds=LOCAL_JUDGING_SECONDS if options.rpc_url is None else JUDGING_SECONDS,
        keys=keys,
        deployment=deployment,
        confirmations=options.confirmations,
        anchor_seconds=options.anchor_seconds,
        witness_policy=options.witness_policy,
        cosign_seconds=options.cosign_seconds,
        poll_seconds=options.poll_seconds,
        workers=options.workers,
    )


_TEXTS = {"RPC_URL": "rpc_url", "HOST": "host", "ORIGIN": "origin", "ARBITER": "arbiter"}
_NUMBERS = {
    "PORT": "port",
    "FEE_BPS": "fee_bps",
    "BOND": "bond",
    "CONFIRMATIONS": "confirmations",
    "COSIGN_SECONDS": "cosign_seconds",
    "POLL_SECONDS": "poll_seconds",
    "WORKERS": "workers",
}
_LISTS = {"DOMAINS": "domains", "TOKENS": "tokens"}
_FILES = {"WITNESS_POLICY": "witness_policy"}


def read_options(environment: Mapping[str, str], given: Mapping[str, object]) -> Options:
    """Options from the environment, over which what was `given` on the command line wins (None is not given).

    Raises:
        BadInput: a variable that nobody knows, or a value that is none; never with the value of a secret.
    """
    known = {*ELSEWHERE, *_TEXTS, *_NUMBERS, *_LISTS, *_FILES}
    for name in environment:
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in known:
            raise BadInput(
                f"nobody knows the variable {name}: {', '.join(sorted(PREFIX + k for k in known))}"
            )
    found: dict[str, Any] = {"state": default_state()} | _from(environment)
    found.update((name, value) for name, value in given.items() if value is not None)
    if "arbiter" in found:
        found["arbiter"] = str(found["arbiter"]).lower()
    if "tokens" in found:
        found["tokens"] = tuple(str(token).lower() for token in found["tokens"])
    return Options(**found)


def _from(environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if environment.get("DATABASE_URL"):
        found["database_url"] = environment["DATABASE_URL"]
    for name, attribute in {**_TEXTS, **_NUMBERS, **_LISTS, **_FILES}.items():
        text = environment.get(PREFIX + name)
        if not text:
            continue
        if name in _NUMBERS:
            found[attribute] = _number(PREFIX + name, text)
        elif name in _FILES:
            found[attribute] = Path(text)
        else:
            found[attribute] = text if name in _TEXTS else tuple(text.replace(",", " ").split())
    return found


def _number(name: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise BadInput(f"{name} is a number, not {text!r}")
    return int(text)


def _check_url(url: str | None, name: str, schemes: tuple[str, ...]) -> None:
    """Refuse an address of another kind, without repeating it: it may hold a password."""
    if url is None:
        return
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        scheme = ""
    if scheme not in schemes:
        raise BadInput(f"{name} begins with {' or '.join(known + '://' for known in schemes)}")
