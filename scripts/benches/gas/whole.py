"""The whole measurement: one chain, one token, ours and the peers one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger_service.chain.abi import load_artifacts
from ledger_service.chain.compile import compile_contracts, compiler_input
from ledger_service.chain.contracts import Artifacts, LocalToken, artifact
from scripts.benches import peers, surroundings
from scripts.benches.evm import Evm, local_evm
from scripts.benches.gas import campaign, eas, human, log
from scripts.programs import ROOT, STATE, say


@dataclass(frozen=True, slots=True)
class Found:
    """All figures of a run; the peers' are None where they were left out."""

    entries: int
    workers: int
    log: log.LogGas
    campaign: campaign.CampaignGas
    human: human.HumanGas | None
    eas: eas.EasGas | None


def measure(
    entries: int, workers: int, others: Sequence[int], *, with_peers: bool
) -> tuple[Found, dict[str, str]]:
    """Measure everything on one fresh chain; the figures, and the versions of what was measured."""
    if with_peers:
        peers.install()
    compiled = compile_contracts(ROOT, STATE / "artifacts")
    artifacts = load_artifacts(compiled)
    versions = surroundings.versions("hardhat", "solc", "@openzeppelin/contracts")
    versions["contracts (SHA-256 of the compiler's input)"] = compiled.stem.removeprefix("contracts-")
    versions["contracts' settings"] = _settings()
    if with_peers:
        versions |= _peers_versions()
    say("starting the chain")
    with local_evm() as evm:
        return _on(evm, artifacts, entries, workers, others, with_peers), versions


def _on(
    evm: Evm, artifacts: Artifacts, entries: int, workers: int, others: Sequence[int], with_peers: bool
) -> Found:
    token = LocalToken(artifacts, evm.create(evm.accounts[0], artifact(artifacts, LocalToken.name)))
    paid = campaign.measure(evm, artifacts, token, workers, others)
    of_human = of_eas = None
    if with_peers:
        say("HUMAN's escrow")
        of_human = human.measure(evm, token)
        say("EAS")
        of_eas = eas.measure(evm)
    return Found(entries, workers, log.measure(evm, artifacts, entries), paid, of_human, of_eas)


def _settings() -> str:
    settings = compiler_input(ROOT)["settings"]
    optimizer = settings["optimizer"]
    return f"optimizer {optimizer['runs']} runs, viaIR {settings['viaIR']}, {settings['evmVersion']}"


def _peers_versions() -> dict[str, str]:
    escrow = peers.artifact(peers.HUMAN, "contracts/Escrow.sol/Escrow.json")
    attester = peers.artifact(peers.EAS, "contracts/EAS.sol/EAS.json")
    return {peers.HUMAN: peers.version(peers.HUMAN, escrow), peers.EAS: peers.version(peers.EAS, attester)}
