"""Passages as numbers: pieces for MiniLM, the source's words, and the facts as choices among words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from scripts.train.writer_examples import Passage, Told
from tinymem.understand.passage import Passage as Seen
from tinymem.understand.passage import Source, source
from tinymem.understand.wording import FORMS, Word, formed, plain, words_of

END, NEXT = "<end>", "<next>"
LONGEST_FACTS = 48

Way = tuple[int, int]
"""How a word can be said: (-1, house word) or (form, place of the source's word)."""


@dataclass
class Row:
    """A passage as it is learned: what is read, what is fed at each step, and the ways to say the next."""

    ids: list[int]
    kinds: list[int]
    words: list[Word]
    places: list[int]
    fed: list[int]
    ways: list[list[Way]]


class Reader:
    """Turns passages into rows with MiniLM's tokenizer and a list of house words."""

    def __init__(self, tokenizer: Tokenizer, house: Sequence[str]) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.tokenizer, self.house = tokenizer, list(house)
        self.index = {plain(word): i for i, word in enumerate(self.house)}

    def pieces(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Return the ids of a text's word pieces, and the characters that each stands for."""
        encoding = self.tokenizer.encode(text, add_special_tokens=False)
        return encoding.ids, encoding.offsets

    def source(self, passage: Passage) -> Source:
        """Return what the model reads of a passage."""
        return source(Seen(passage.before, passage.text, passage.mark), self.pieces)

    def source_row(self, passage: Passage) -> Row:
        """Return the passage as a row that says nothing: for replies."""
        read = self.source(passage)
        return Row(
            read.ids, read.kinds, read.words, read.places, [self.index[END]], [[(-1, self.index[END])]]
        )

    def row(self, passage: Passage) -> Row | None:
        """Return the passage as a row; None if its facts have a word that can be said in no way."""
        read = self.source(passage)
        ids, kinds, words, places = read.ids, read.kinds, read.words, read.places
        by_form: dict[str, list[tuple[int, int]]] = {}
        for form in range(len(FORMS)):
            for place, word in enumerate(words):
                if form == 0 or (said := formed(word.surface, form)) != word.surface:
                    by_form.setdefault(plain(word.surface if form == 0 else said), []).append((form, place))
        fed, ways = [self.index[END]], []
        for number, fact in enumerate(passage.facts):
            if number:
                ways.append([(-1, self.index[NEXT])])
                fed.append(self.index[NEXT])
            last = -1
            for target in words_of(fact.text):
                copies = by_form.get(plain(target.surface), [])
                own = self.index.get(plain(target.surface))
                if not copies and own is None:
                    return None
                cited = [(f, p) for f, p in copies if carried(words[p], fact)]
                ways.append([*(cited or copies)[:8], *([(-1, own)] if own is not None else [])])
                if cited or own is None:
                    _, last = min(cited or copies, key=lambda c: (c[1] <= last, abs(c[1] - last - 1)))
                    fed.append(len(self.house) + last)
                else:
                    fed.append(own)
        ways.append([(-1, self.index[END])])
        return Row(ids, kinds, words, places, fed, ways) if len(fed) <= LONGEST_FACTS else None


def carried(word: Word, fact: Told) -> bool:
    """Return whether a source word lies in the evidence of a fact."""
    ranges = fact.own if word.text else fact.prior
    return any(a <= word.start and word.end <= b for a, b in ranges)
