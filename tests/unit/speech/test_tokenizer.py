"""The tiny tokenizer gives every word back as it was sent, and keeps the ids that moshi-server puts in itself."""

from __future__ import annotations

from typing import Any

import pytest

from provision.shipped import folder

sentencepiece = pytest.importorskip("sentencepiece", reason="only the maker of the tokenizer needs sentencepiece")
MODEL = folder("playbooks") / "roles/moshi_server/files/tone_tokenizer.model"
BOS, PAD = 1, 3


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return sentencepiece.SentencePieceProcessor(model_file=str(MODEL))


@pytest.mark.parametrize(
    "word",
    ["Hello,", "L'été", "naïve", "cœur", "ÇA!", "x~`|", "42%", "日本", "🎉", "a\u0301", "\ufeff", "<break", "A" * 200],
)
def test_a_word_comes_back_as_it_was_sent(tokenizer: Any, word: str) -> None:
    assert tokenizer.decode(tokenizer.encode(word)) == word


def test_every_printable_ascii_character_comes_back(tokenizer: Any) -> None:
    for code in range(0x21, 0x7F):
        assert tokenizer.decode(tokenizer.encode(chr(code))) == chr(code)


def test_no_word_makes_the_ids_with_a_meaning_of_their_own(tokenizer: Any) -> None:
    for word in ("Hello,", "日本", "<s>", "</s>", "<pad>", "<unk>", "▁"):
        assert not {0, BOS, 2, PAD} & set(tokenizer.encode(word))


def test_the_ids_are_those_of_the_real_model(tokenizer: Any) -> None:
    assert (tokenizer.unk_id(), tokenizer.bos_id(), tokenizer.pad_id()) == (0, BOS, PAD)
