"""What texts and images add to a crowd's answers. Part of `scripts/bench truth`."""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reputation.gold.infer import infer
from reputation.gold.texts import text_features
from reputation.truth.run import Floats
from scripts.benches.report import Bar, Row
from scripts.benches.truth.crowds import Crowd, read_crowd, wanted

FLOORS = {"labelme": 84.9, "sp": 91.9, "d_product": 94.3}  # % right
MOST_LOST = -0.35  # points

Say = Callable[[str], None]


def rows(arguments: argparse.Namespace, say: Say) -> list[Row]:
    """A row for each crowd whose items have features, and one for the worst of them."""
    made, changes = [], {}
    for name in wanted(arguments):
        crowd = read_crowd(arguments.data, name)
        features = item_features(crowd, say)
        if features is None:
            continue
        say(f"{name}: with {features.shape[1]} features")
        without, found = infer(crowd.votes), infer(crowd.votes, features=features)
        before = 100 * float((without.answer[crowd.item] == crowd.truth).mean())
        after = 100 * float((found.answer[crowd.item] == crowd.truth).mean())
        changes[name] = after - before
        bar = Bar(FLOORS[name], "floor") if name in FLOORS else None
        note = f"{before:.2f} without" + "".join(f"; {text}" for text in found.notes[:-1])
        sizes = crowd.sizes | {"features": features.shape[1]}
        made.append(Row(f"{name}, with features", sizes, after, "% right", None, bar, note))
    if changes:
        worst = min(changes, key=lambda name: changes[name])
        bar = Bar(MOST_LOST, "floor")
        least = Row(
            "least gained by features", {"crowds": len(changes)}, changes[worst], "points", None, bar, worst
        )
        made.insert(0, least)
    return made


def item_features(crowd: Crowd, say: Say) -> Floats | None:
    """The vectors that came with the items, or what an encoder makes of their texts; None without either."""
    vectors = crowd.vectors()
    if vectors is not None:
        return vectors
    texts = crowd.texts()
    if texts is None:
        return None
    say(f"{crowd.name}: encoding {len(texts):,} texts")
    return text_features(texts, encode)


def encode(texts: Sequence[str]) -> NDArray[np.float32]:
    """Sentence vectors, kept in the system's folder for temporary files for the next run."""
    from matching_engine.encoder import Encoder

    encoder = Encoder()
    digest = hashlib.sha256(encoder.digest)
    for text in texts:
        digest.update(len(text.encode()).to_bytes(8, "big") + text.encode())
    folder = Path(tempfile.gettempdir()) / f"crowdledger-encodings-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{digest.hexdigest()}.npy"
    if path.is_file():
        kept: NDArray[np.float32] = np.load(path)
        return kept
    made = encoder.encode(texts)
    part = path.with_suffix(f".{os.getpid()}.npy")
    np.save(part, made)
    part.rename(path)
    return made
