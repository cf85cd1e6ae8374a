"""Every method by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from reputation.truth.dawid_skene import dawid_skene
from reputation.truth.dawid_skene_ml import dawid_skene_ml
from reputation.truth.difficulty import difficulty
from reputation.truth.entropy import minimax_entropy, minimax_entropy_ordinal
from reputation.truth.glad import glad
from reputation.truth.hierarchical import hierarchical
from reputation.truth.majority import majority
from reputation.truth.one_coin import one_coin
from reputation.truth.run import Method
from reputation.truth.subtypes import subtypes

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "majority": majority,
        "dawid-skene-ml": dawid_skene_ml,
        "dawid-skene": dawid_skene,
        "hierarchical": hierarchical,
        "difficulty": difficulty,
        "one-coin": one_coin,
        "subtypes": subtypes,
        "minimax-entropy": minimax_entropy,
        "minimax-entropy-ordinal": minimax_entropy_ordinal,
        "glad": glad,
    }
)
