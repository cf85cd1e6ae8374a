"""What a text, or a pair of texts, says of an item, as numbers: features for `features.join_features`."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from reputation.truth.run import Floats

SEPARATOR = " ||| "  # between the two texts of an item that asks about a pair
_WORD = re.compile(r"\w+")

Encode = Callable[[Sequence[str]], NDArray[np.float32]]


def text_features(texts: Sequence[str], encode: Encode) -> Floats:
    """[I, D] features of the items' texts.

    A single text is its sentence vector. Where every item is a pair (`SEPARATOR` between two texts), what
    counts is how the two relate: the vectors' distance along each axis, their product and their cosine
    (Conneau et al., EMNLP 2017), and how far the words themselves agree (`overlap`), which a sentence vector
    forgets: a model number, a date, a name.

    Args:
        texts: one per item.
        encode: texts to unit vectors [N, D'], as a sentence encoder makes them.
    """
    pairs = [text.split(SEPARATOR, 1) for text in texts]
    if not texts or any(len(pair) < 2 for pair in pairs):
        return np.asarray(encode(texts), dtype=np.float64)
    left, right = ([pair[side] for pair in pairs] for side in (0, 1))
    one, other = (np.asarray(encode(side), dtype=np.float64) for side in (left, right))
    product = one * other
    vectors = np.hstack([np.abs(one - other), product, product.sum(axis=1, keepdims=True)])
    return np.hstack([_balanced(vectors), _balanced(overlap(left, right))])


def overlap(left: Sequence[str], right: Sequence[str]) -> Floats:
    """[I, 9] how far the words of two texts agree, item by item.

    Words count by their rarity among all these texts (inverse document frequency). The columns: shared words
    over all words, the same by rarity, shared words over the shorter text by rarity, cosine of letter
    trigrams, shared over all words with digits, whether there is a shared one, rarity of the words with
    digits that are not shared, rarity of the rarest shared word, difference of the lengths.
    """
    words = [(_words(one), _words(other)) for one, other in zip(left, right, strict=True)]
    documents = Counter(word for pair in words for side in pair for word in side)
    rarity = {word: math.log(2 * len(words) / count) for word, count in documents.items()}
    rows = [
        (*_shared(one, other, rarity), _trigram_cosine(text, counterpart))
        for (one, other), text, counterpart in zip(words, left, right, strict=True)
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 9)


def _shared(one: frozenset[str], other: frozenset[str], rarity: dict[str, float]) -> tuple[float, ...]:
    both, either = one & other, one | other
    numbers = frozenset(word for word in either if any(sign.isdigit() for sign in word))

    def weigh(words: frozenset[str]) -> float:
        return math.fsum(rarity[word] for word in words)

    whole = weigh(either)
    return (
        _share(len(both), len(either)),
        _share(weigh(both), whole),
        _share(weigh(both), min(weigh(one), weigh(other))),
        _share(len(both & numbers), len(numbers)),
        float(bool(both & numbers)),
        _share(weigh(numbers - both), whole),
        max((rarity[word] for word in both), default=0.0),
        float(abs(len(one) - len(other))),
    )


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower()))


def _trigram_cosine(one: str, other: str) -> float:
    first, second = _trigrams(one), _trigrams(other)
    length = math.sqrt(_square(first) * _square(second))
    return _share(sum(count * second[trigram] for trigram, count in first.items()), length)


def _trigrams(text: str) -> Counter[str]:
    line = f"  {' '.join(_WORD.findall(text.lower()))}  "
    return Counter(line[at : at + 3] for at in range(len(line) - 2))


def _square(counts: Counter[str]) -> int:
    return sum(count * count for count in counts.values())


def _balanced(block: Floats) -> Floats:
    """Columns of mean 0 and one spread, so wide that the block weighs as much as any other."""
    spread = block.std(axis=0)
    out: Floats = (block - block.mean(axis=0)) / np.where(spread > 0, spread, 1) / math.sqrt(block.shape[1])
    return out
