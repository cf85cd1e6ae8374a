import numpy as np
import pytest

from reputation.gold.texts import overlap, text_features


def letters(texts: list[str]) -> np.ndarray:
    """A stand-in for an encoder: counts of three letters, scaled to length 1."""
    counts = np.array([[text.count(letter) + 0.1 for letter in "abc"] for text in texts])
    return (counts / np.linalg.norm(counts, axis=1, keepdims=True)).astype(np.float32)


def test_a_single_text_is_its_sentence_vector() -> None:
    texts = ["a b", "ccc"]
    np.testing.assert_array_equal(text_features(texts, letters), letters(texts).astype(np.float64))


def test_a_pair_is_described_by_how_its_texts_relate_whichever_comes_first() -> None:
    texts = ["a 1 ||| a 2", "b 7 ||| c 7", "a ||| c c"]
    turned = [" ||| ".join(reversed(text.split(" ||| "))) for text in texts]
    features = text_features(texts, letters)
    assert features.shape == (3, 3 + 3 + 1 + 9)
    np.testing.assert_allclose(features, text_features(turned, letters))


def test_a_text_without_a_counterpart_makes_all_of_them_single() -> None:
    assert text_features(["a ||| b", "c"], letters).shape == (2, 3)


def test_equal_texts_agree_in_full_and_strangers_not_at_all() -> None:
    same, apart, blank = overlap(["Canon SD880 red", "x1", ""], ["red canon, sd880!", "y2", ""])
    assert same[[0, 1, 2, 3, 4]].tolist() == [1.0, 1.0, 1.0, 1.0, 1.0]
    assert same[5] == same[7] == 0.0
    assert apart[[0, 1, 2, 3, 4, 6, 8]].tolist() == [0.0] * 7
    assert apart[5] == pytest.approx(1.0)
    assert blank.tolist() == [0.0] * 8 + [1.0]  # two times nothing is the same text


def test_a_rare_word_in_common_says_more_than_a_common_one() -> None:
    left = ["the zq81 lamp", "the big lamp", "the lamp"]
    right = ["the zq81 desk", "the red desk", "the desk"]
    rare, common, _ = overlap(left, right)
    assert rare[1] > common[1]
    assert rare[6] > common[6]
