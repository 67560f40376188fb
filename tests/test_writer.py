"""The bundled writer, as it ships, and how replies are found: in words of the source and of the house."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymem.engines.catalog import model_folder
from tinymem.engines.onnx import OnnxModel
from tinymem.engines.onnx_writer import OnnxWriter
from tinymem.errors import ConfigError, ModelFileError
from tinymem.understand.passage import Passage
from tinymem.understand.wording import FORMS, formed, joined, plain, words_of
from tinymem.understand.writer import BEAM, END, NEXT, ROWS, STEPS, Draft, Writer

SHARED = Writer(OnnxWriter(model_folder("memory/writer"), threads=1))
HOUSE = frozenset(map(plain, SHARED.model.house))

SAID = [
    "I live in Oslo",
    "My sister Maya is allergic to walnuts",
    "I work as a nurse in Leeds",
    "I have two cats named Miso and Tofu",
    "I don't eat meat",
]


def whole(text: str, before: str = "user:") -> Passage:
    return Passage(before, text, (0, len(text)))


def facts(found: Sequence[Draft]) -> list[str]:
    return [draft.text for draft in found]


@pytest.mark.parametrize(
    ("said", "fact"),
    [
        (SAID[0], "Lives in Oslo"),
        (SAID[1], "Sister Maya is allergic to walnuts"),
        (SAID[2], "Works as a nurse in Leeds"),
        (SAID[3], "Has two cats named Miso and Tofu"),
    ],
)
def test_plain_statements_are_written_in_house_style(said: str, fact: str) -> None:
    (found,) = SHARED.write_many([whole(said)])
    assert facts(found)[-1] == fact  # "Sister is named Maya" may come first
    assert found[-1].probability >= SHARED.threshold


def test_no_passages_give_no_replies() -> None:
    assert SHARED.write_many([]) == []


def sayable(passage: Passage) -> set[str]:
    """Return all that may be said about a passage, as words are compared."""
    words = [*words_of(passage.before, 0), *words_of(passage.text)]
    copied = {plain(formed(word.surface, form)) for word in words for form in range(len(FORMS))}
    return copied | HOUSE


WORDS = (
    "I my sister Ana lives like tea and cake in Łódź 34 $5.50 it's C# cafe\u0301 漢字 😀 \ud800 [SEP] \x00 "
    ". , ! ? ( ) ' \" unbelievably"
)
TEXTS = st.lists(st.sampled_from(WORDS.split(" ")), max_size=30).map(" ".join) | st.text(
    "abcé漢😀 .\n'", max_size=60
)


@settings(max_examples=40, deadline=None)
@given(TEXTS, TEXTS)
def test_every_word_of_a_reply_is_one_of_the_source_or_of_the_house(before: str, text: str) -> None:
    passage = whole(text, f"assistant: {before} user:")
    (found,) = SHARED.write_many([passage])
    allowed = sayable(passage)
    for draft in found:
        assert 0 < draft.least <= draft.probability <= 1 + 1e-6
        assert {plain(word.surface) for word in words_of(draft.text)} <= allowed
    assert sum(len(words_of(draft.text)) for draft in found) < STEPS


def test_the_same_passages_get_the_same_replies_every_time() -> None:
    passages = [whole(said) for said in SAID]
    assert SHARED.write_many(passages) == SHARED.write_many(passages)


def test_a_reply_does_not_depend_on_what_else_is_written() -> None:
    passages = [whole(said) for said in [*SAID, "yes " * 400, "", "thanks!"]]
    together = SHARED.write_many(passages)
    alone = [SHARED.write_many([passage])[0] for passage in passages]
    assert list(map(facts, together))[: len(SAID)] == list(map(facts, alone))[: len(SAID)]
    for one, other in zip(together[: len(SAID)], alone[: len(SAID)], strict=True):
        assert [d.probability for d in one] == pytest.approx([d.probability for d in other], abs=0.03)


def test_many_passages_are_answered_in_order() -> None:
    names = ["Oslo", "Ghent", "Porto", "Leeds", "Lima", "Perth", "Turin"] * 6
    assert len(names) > 2 * (ROWS // BEAM)
    found = SHARED.write_many([whole(f"I live in {name}") for name in names])
    assert list(map(facts, found)) == [[f"Lives in {name}"] for name in names]


ODD_TEXTS = [
    "",
    " \n\t",
    "\x00\x01\x7f",
    "\ud800 I like \udfff tea",
    "🎉" * 300,
    "x" * 100_000,
    "word " * 100_000,
    " " * 50_000 + "I like tea",
    "[CLS] I like [SEP] tea [PAD] [MASK]",
    "\u202e\ufeff\u0301",
    "我住在北京，喜欢喝茶。" * 40,
    "!?.,;:'\"()[]{}" * 50,
]


def test_any_text_gets_a_reply_in_time() -> None:
    begin = perf_counter()
    passages = [whole(text, f"user: {text} user:") for text in ODD_TEXTS]
    for passage, found in zip(passages, SHARED.write_many(passages), strict=True):
        for draft in found:
            assert {plain(word.surface) for word in words_of(draft.text)} <= sayable(passage)
    assert perf_counter() - begin < 20


def test_two_threads_write_side_by_side() -> None:
    writer = Writer(OnnxWriter(model_folder("memory/writer"), threads=1))
    passages = [whole(said) for said in SAID]
    with ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(lambda _: writer.write_many(passages), range(4)))
    assert all(list(map(facts, reply)) == list(map(facts, replies[0])) for reply in replies)
    assert list(map(facts, replies[0])) == list(map(facts, SHARED.write_many(passages)))


def test_the_threshold_is_a_probability() -> None:
    assert 0 < SHARED.threshold < 1


def test_a_model_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="'judge'"):
        Writer(OnnxModel(model_folder("memory/judge")))  # type: ignore[arg-type]


# -- how a reply is found, with a model that says what it is told

Said = Mapping[int, float]


@dataclasses.dataclass
class Scripted:
    """Says what `script` tells it: the probability of each way, by the step and what was fed last."""

    script: Callable[[int, int], Said]
    house: Sequence[str] = ("<end>", "<next>", "is", "likes", "not")
    manifest: Mapping[str, Any] = dataclasses.field(default_factory=lambda: {"kind": "writer"})
    extra: int = 0

    def pieces(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        found = words_of(text)
        return [1000] * len(found), [(word.start, word.end) for word in found]

    def read(self, sources: Sequence[tuple[list[int], list[int], list[int]]]) -> list[Any]:
        return list(sources)

    def begin(self, reads: Sequence[Any]) -> dict[str, Any]:
        words = max(len(places) for _, _, places in reads)
        return {"keys": np.zeros((len(reads), words, 1)), "past": np.zeros((len(reads), 0))}

    def step(self, fed: Any, state: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        rows, steps = state["past"].shape
        said = np.full((rows, len(self.house) + len(FORMS) * state["keys"].shape[1] + self.extra), -800.0)
        for row, last in enumerate(fed):
            for way, probability in self.script(steps, int(last)).items():
                said[row, way] = np.log(probability)
        return said, {**state, "past": np.concatenate([state["past"], fed[:, None]], axis=1)}


HOUSE_SIZE = 5  # then the words of the passage: as said, in the third person, ...


def copied(place: int, form: int = 0, width: int = 3) -> int:
    return HOUSE_SIZE + form * width + place


def scripted(*steps: Said, text: str = "Not tea tea", beam: int = BEAM, **settings: Any) -> list[Draft]:
    model = Scripted(lambda step, _: steps[min(step, len(steps) - 1)], **settings)
    return Writer(model, beam=beam).write_many([Passage("", text, (0, len(text)))])[0]


def test_a_word_counts_with_all_the_ways_in_which_it_can_be_said() -> None:
    found = scripted({copied(1): 0.3, copied(2): 0.3, 3: 0.4}, {END: 1.0})
    assert facts(found) == ["Tea"]
    assert found[0].least == pytest.approx(0.6)
    assert found[0].probability == pytest.approx(0.6**0.5)


def test_what_was_copied_is_fed_as_its_place_in_whatever_form() -> None:
    seen: list[int] = []

    def script(step: int, last: int) -> Said:
        seen.append(last)
        return [{3: 1.0}, {copied(2, form=1): 1.0}, {END: 1.0}][step]

    Writer(Scripted(script), beam=1).write_many([whole("Not tea tea", "")])
    assert seen == [END, 3, HOUSE_SIZE + 2]


def test_facts_are_told_apart_and_each_has_its_own_probability() -> None:
    found = scripted({3: 0.5}, {copied(1): 0.5}, {NEXT: 1.0}, {2: 0.9}, {copied(0): 1.0}, {END: 1.0})
    assert facts(found) == ["Likes tea", "Is not"]
    assert [draft.least for draft in found] == [0.5, 0.9]
    assert found[0].probability == pytest.approx(0.25 ** (1 / 3))


def test_the_word_that_begins_a_sentence_is_spelt_as_inside_one_if_the_house_knows_it() -> None:
    copies = [{2: 1.0}, *({copied(place): 1.0} for place in range(3)), {END: 1.0}]
    assert facts(scripted(*copies, text="Not Tea Not")) == ["Is not Tea Not"]
    assert facts(scripted(*copies, text="Maya . Not")) == ["Is Maya. not"]


def test_a_reply_that_comes_to_no_end_loses_its_last_fact() -> None:
    assert scripted({2: 1.0}) == []
    assert facts(scripted({2: 1.0}, {NEXT: 1.0}, {3: 1.0})) == ["Is"]
    assert scripted({NEXT: 1.0}) == []


def test_nothing_to_say_is_no_fact() -> None:
    assert scripted({END: 1.0}) == []
    assert scripted({NEXT: 1.0}, {NEXT: 1.0}, {END: 1.0}) == []


def test_several_replies_are_followed_at_once() -> None:
    def script(step: int, last: int) -> Said:
        if step == 0:
            return {2: 0.6, 3: 0.4}
        return {END: 1.0} if last == 3 else {4: 0.35, END: 0.3, 2: 0.35}

    passage = whole("Not tea tea", "")
    assert facts(Writer(Scripted(script), beam=2).write_many([passage])[0]) == ["Likes"]
    assert facts(Writer(Scripted(script), beam=1).write_many([passage])[0]) != ["Likes"]


def test_house_words_of_another_model_are_found_out() -> None:
    with pytest.raises(ModelFileError, match="do not belong together"):
        scripted({END: 1.0}, extra=7)


def test_a_passage_without_words_can_be_written_with_others() -> None:
    writer = Writer(Scripted(lambda step, _: {3: 1.0} if step == 0 else {END: 1.0}))
    assert list(map(facts, writer.write_many([whole("", ""), whole("a b", "")]))) == [["Likes"], ["Likes"]]


def test_a_line_of_words_is_joined_as_it_is_said() -> None:
    found = scripted({2: 1.0}, {copied(0): 1.0}, {END: 1.0}, text="Not tea tea")
    assert facts(found) == [joined(["is", "not"])]
