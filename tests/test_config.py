"""Options from the environment and the command line: what is refused, and what never shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger_service.chain.deploy import Deployment
from ledger_service.config import Options, read_options, settle
from ledger_service.errors import BadInput
from ledger_service.local.keys import Keys

STATE = Path("/nowhere")
LOG, ESCROW, ARBITER, RIGHTS = ("0x" + digit * 40 for digit in "abcd")
KEYS = Keys(operator=b"\x01" * 32, log_seed=b"\x02" * 32, storage=b"\x03" * 32)
DEPLOYMENT = Deployment(7, LOG, ESCROW, RIGHTS, None, ARBITER, 1)


def test_the_command_line_wins_over_the_environment() -> None:
    environment = {"CROWDLEDGER_PORT": "1000", "CROWDLEDGER_FEE_BPS": "25", "HOME": "/"}
    options = read_options(environment, {"port": 0, "fee_bps": None, "state": STATE})
    assert (options.port, options.fee_bps, options.state) == (0, 25, STATE)


def test_everything_can_be_given_in_the_environment() -> None:
    environment = {
        "DATABASE_URL": "postgresql://u:p@db/x",
        "CROWDLEDGER_RPC_URL": "https://rpc.example.org/key",
        "CROWDLEDGER_HOST": "0.0.0.0",
        "CROWDLEDGER_DOMAINS": "a.example.org, b.example.org:8443",
        "CROWDLEDGER_ORIGIN": "ledger.example.org",
        "CROWDLEDGER_ARBITER": ARBITER.upper().replace("0X", "0x"),
        "CROWDLEDGER_CONFIRMATIONS": "12",
        "CROWDLEDGER_WITNESS_POLICY": "/etc/witnesses.policy",
        "CROWDLEDGER_COSIGN_SECONDS": "60",
        "CROWDLEDGER_POLL_SECONDS": "5",
    }
    options = read_options(environment, {"state": STATE})
    assert options == Options(
        state=STATE,
        database_url="postgresql://u:p@db/x",
        rpc_url="https://rpc.example.org/key",
        host="0.0.0.0",
        domains=("a.example.org", "b.example.org:8443"),
        origin="ledger.example.org",
        arbiter=ARBITER,
        confirmations=12,
        witness_policy=Path("/etc/witnesses.policy"),
        cosign_seconds=60,
        poll_seconds=5,
    )


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"CROWDLEDGER_PROT": "1"}, "nobody knows the variable CROWDLEDGER_PROT"),
        ({"CROWDLEDGER_PORT": "http"}, "CROWDLEDGER_PORT is a number"),
        ({"CROWDLEDGER_COSIGN_SECONDS": "0"}, "after a second or more"),
        ({"CROWDLEDGER_POLL_SECONDS": "61"}, "after 1 to 60 seconds"),
        ({"CROWDLEDGER_PORT": "-1"}, "CROWDLEDGER_PORT is a number"),
        ({"CROWDLEDGER_PORT": "65536"}, "from 0 to 65535"),
        ({"CROWDLEDGER_FEE_BPS": "2501"}, "0 to 2500 basis points"),
        ({"CROWDLEDGER_HOST": "0.0.0.0"}, "others can reach the API"),
        ({"CROWDLEDGER_DOMAINS": "https://a.example.org"}, "is not a domain"),
        ({"CROWDLEDGER_ARBITER": "0x12"}, "is not an address"),
        ({"CROWDLEDGER_TOKENS": "0x12"}, "is not an address"),
        ({"DATABASE_URL": "mysql://u:hunter2@db/x"}, "DATABASE_URL begins with postgresql://"),
        ({"CROWDLEDGER_RPC_URL": "ftp://hunter2"}, "the chain's address begins with http://"),
    ],
)
def test_what_makes_no_sense_is_refused_without_showing_secrets(
    environment: dict[str, str], reason: str
) -> None:
    with pytest.raises(BadInput, match=reason) as refused:
        read_options(environment, {"state": STATE})
    assert "hunter2" not in str(refused.value)


def test_no_secret_shows_in_the_text_of_options_and_settings() -> None:
    options = Options(STATE, database_url="postgresql://u:hunter2@db/x", rpc_url="https://rpc/hunter2")
    settings = settle(
        options,
        database_url="postgresql://u:hunter2@db/x",
        rpc_url="https://rpc/hunter2",
        port=1,
        arbiter=ARBITER,
        keys=KEYS,
        deployment=DEPLOYMENT,
    )
    shown = repr(options) + str(settings) + repr(settings.log_key())
    secrets = (
        "hunter2",
        *(part for key in (b"\x01", b"\x02", b"\x03") for part in (repr(key * 32), (key * 32).hex())),
    )
    assert not any(secret in shown for secret in secrets)


def test_settings_follow_from_options_and_contracts() -> None:
    settings = settle(
        Options(STATE),
        database_url="postgresql+psycopg://x",
        rpc_url="http://127.0.0.1:1",
        port=8421,
        arbiter=ARBITER,
        keys=KEYS,
        deployment=DEPLOYMENT,
    )
    assert settings.local
    assert settings.url == "http://127.0.0.1:8421"
    assert settings.domains == ("127.0.0.1:8421", "localhost:8421")
    assert settings.origin == f"crowdledger.local/7/{LOG}"
    assert settings.log_key().verifier.name == settings.origin
