"""The words of relations: which wordings mean the same relation, and what can stand in its place.

Closed classes and one table, kept as text so that they can be read and extended; nothing is decided here. In
a table the name of a relation comes first, then how house style may word it besides: third person singular,
without adverbs.
"""

from __future__ import annotations

from tinymem.understand.lexicon import STATE
from tinymem.understand.terms import word_set

RELATIONS = """
likes: loves, enjoys, adores, is fond of, is into, is a fan of, is a big fan of, is a huge fan of, is keen on,
    is crazy about
dislikes: hates, detests, loathes, despises, cannot stand, cannot bear, does not like, does not enjoy,
    is not a fan of, is not a big fan of, is not fond of, is not into, is not keen on
prefers: is partial to
lives_in: resides in, is living in, is based in
lives_with: is living with
is_from: comes from, hails from
born_in: was born in, is born in
grew_up_in: was raised in, grows up in
works_as: is working as, is employed as, has a job as
works_at: works for, is working at, is working for, is employed at, is employed by, is employed with
works_in: is working in
works_with: is working with
studies: is studying
studies_at: is studying at
studies_in: is studying in
visited: has been to, has visited
is_named: is called, is named, goes by, wants to be called, prefers to be called, likes to be called
is_allergic_to: is allergic to
is_not_allergic_to: is not allergic to
is_intolerant_to: is intolerant to, is intolerant of
is_afraid_of: is scared of, is terrified of, is frightened of
is_married_to: is married to
is_engaged_to: is engaged to
is_marrying: is getting married to
is_related_to: is related to
is_friends_with: is friends with, is best friends with, is good friends with
is_interested_in: is interested in
is_good_at: is good at
is_bad_at: is bad at
is_responsible_for: is responsible for
is_addicted_to: is addicted to
is_obsessed_with: is obsessed with
is_diagnosed_with: was diagnosed with, has been diagnosed with
is_member_of: is a member of
wants: would like
"""
"""Wordings after which a thing follows."""

BEFORE_VERB = """
wants_to: wants to, would like to, wishes to
plans_to: plans to, is planning to, is going to, intends to, is intending to, aims to, is aiming to, will
hopes_to: hopes to, is hoping to
likes_to: likes to, loves to, enjoys to
prefers_to: prefers to
tries_to: tries to, is trying to
learns_to: learns to, is learning to
can: can, is able to, knows how to
cannot: cannot, can not, is unable to, is not able to
does_not: does not
does_not_want_to: does not want to
"""
"""Wordings after which another verb follows: its plain form is put behind the name ("plans_to_visit")."""

SECOND = {
    "works_as": {"at": "works_at", "for": "works_at", "in": "works_in"},
    "worked_as": {"at": "worked_at", "for": "worked_at", "in": "worked_in"},
    "studies": {"at": "studies_at", "in": "studies_in"},
    "studied": {"at": "studied_at", "in": "studied_in"},
    "lives_with": {"in": "lives_in"},
}
"""What a further preposition says after a relation's first target: "works as a nurse at ..."."""

STEADY = word_set("lives_in lived_in is_from born_in grew_up_in is_in")
"""Relations to a place: of "a flat in Leeds" Leeds is meant, and "Columbus, Ohio" is a place in another."""

PREPOSITIONS = word_set("in at to for with from on near about of into against under")
"""What may follow a verb as part of its relation: "sings in", "listens to"."""

TO_THINGS = word_set("""
go come move travel fly drive walk listen belong speak talk write return run cycle react object subscribe
apply respond stick switch lose commute contribute donate sell sing relate adapt convert propose pray stay
get head swim
""")
"""Verbs, in their plain form, after which "to" leads to a thing and not to another verb."""

PARTICLES = word_set("up out off back away over down along")

ENDS_PHRASE = word_set("""
aged ready such more most less least below above beneath past neither according regarding concerning
including starting beginning until in at on for to with from by near about after before during since till
without within through throughout than as via per around over under between behind beside into onto off out
up down back against despite across towards toward like plus except because so when while if unless although
though whereas and or but nor which who whom that where whose why how what not never no only just also too
very mostly especially together alone well badly there here anymore away instead regularly usually mainly
partly really next last this these those every each again ago already lately recently once twice currently
daily weekly monthly now soon tomorrow today tonight yesterday later both all any enough whenever wherever
yet still always often sometimes so-called upstairs downstairs abroad upfront meanwhile round outside inside
rather is are was were has have had can cannot could will would shall should may might must do does did
""")
"""Words, in lower case, that are in no phrase of a thing except "of"; see `phrases`."""

FINITE_AFTER = word_set("is are was were has have had can cannot could will would should may might must")
"""After a thing, these show that it is not what a verb does something to but a subject of its own."""

DETERMINERS = word_set("a an the his her their its own")
BEFORE_THING = DETERMINERS | word_set("some another all both few several many any more most various")
"""What is left out in front of a thing, as numbers are."""

CALENDAR = word_set("""
monday mondays tuesday tuesdays wednesday wednesdays thursday thursdays friday fridays saturday saturdays
sunday sundays january february march april may june july august september october november december mon tue
tues wed weds thu thurs fri sat sun jan feb mar apr jun jul aug sep sept oct nov dec
""")
TIMES = CALENDAR | word_set("""
christmas easter boxing eid diwali ramadan hanukkah passover thanksgiving halloween spring summer autumn
fall winter morning mornings afternoon afternoons evening evenings night nights noon midnight day days week
weeks weekend weekends weekday weekdays month months year years hour hours hrs minute minutes min mins
second seconds am pm o'clock time times while bit age
""")
"""Words that say when; a phrase of nothing else is no thing."""

MEASURES = word_set("""
year years unit units cup cups glass glasses bottle bottles pint pints litre litres liter liters gram grams
g kg kilo kilos mg mcg ml km miles mile spoon spoons teaspoon teaspoons slice slices piece pieces pair pairs
lot lots couple dozen hundreds thousands bunch kind kinds sort sorts tablet tablets dose doses euro euros
dollar dollars pounds reps set sets bit x quid bowl bowls cans bag bags box boxes pack packs plate plates
acre acres kr shillings rupees pesos lei yen grand
""")
"""Words that count what follows "of": "22 units of Lantus"."""

NO_THING = word_set("""
asleep awake itself himself herself themselves bit lot it him me you us them they he she i one ones
something anything nothing everything someone anyone everyone nobody somebody this that these those each
none what whatever
""")
"""Words with which no phrase of a thing begins."""

UNTOLD = NO_THING | word_set("""
more less most least much many few lot bit enough things thing stuff way rest half other others another such
same kind sort all both sure ok okay fine time self myself home only net gross
""")
"""Words that name nothing by themselves."""

ABOUT = word_set("about around over almost only exactly roughly nearly just")
"""What stands in front of a number that is not exact."""

LIGHT = word_set("""
getting going being having doing making taking putting keeping looking listening talking coming living
working
""")
"""Activities that are none without what follows them: "getting up"."""

INTRANSITIVE = word_set("work live go come stay sleep move look")
"""Verbs, in their plain form, that tie to a thing only with a preposition."""

NO_ADVERBS = word_set(
    "family assembly butterfly monopoly anomaly jewelry italy supply reply panoply firefly early elderly"
)
"""Words in -ly that do not say how."""

NO_PARTICIPLES = word_set("""
bed shed seed weed speed breed feed need reed seaweed hundred moped sled watershed bloodshed toolshed
""")
"""Things in -ed."""

NO_RELATION = word_set("""
give lend send show owe offer tell ask think say know mean find feel seem sound weigh measure cost sleep let
thank wonder wish believe hear mind understand forget remember decide happen last be
""")
"""Verbs, in their plain form, that tie to two things, or to a thought, or to none."""

NEVER = word_set("never hardly barely rarely seldom nearly almost maybe perhaps probably possibly")
"""Adverbs that leave no plain relation."""

NOT_DOING = word_set("""
thinking considering being getting having feeling doing wondering hoping dying trying supposed about
""")
"""Words after "is" that say nothing lasting by themselves."""

PLACES_OF_STUDY = word_set("student pupil undergraduate phd postgraduate freshman sophomore fresher")

NOT_NAMED = word_set("""
food school team company city land hood house car job phone number birthday name place room side group visit
""")
"""What may follow "sister" in lower case and is not her name."""

TOGETHER = frozenset(
    tuple(pair.split("+"))
    for pair in word_set("""
mac+cheese fish+chips marks+spencer salt+vinegar gin+tonic ham+cheese rock+roll arts+crafts bed+breakfast
dungeons+dragons black+white tom+jerry peanut-butter+jelly drum+bass
""")
)
"""Two words around "and" that are one thing."""

PEOPLES = word_set("""
french english german dutch american british irish scottish welsh italian spanish portuguese polish russian
ukrainian swedish norwegian danish finnish icelandic estonian latvian lithuanian czech slovak hungarian
romanian bulgarian serbian croatian bosnian albanian greek turkish armenian georgian iranian persian iraqi
syrian lebanese israeli palestinian egyptian moroccan algerian tunisian nigerian ghanaian kenyan ethiopian
somali ugandan tanzanian zimbabwean indian pakistani bangladeshi nepali tibetan chinese taiwanese japanese
korean vietnamese thai malaysian indonesian filipino australian mexican brazilian argentinian chilean
colombian peruvian cuban jamaican venezuelan canadian swiss austrian belgian sicilian catalan basque breton
kurdish maltese cypriot african asian european latina latino arab muslim christian catholic protestant
orthodox jewish hindu buddhist sikh jain mormon quaker anglican lutheran methodist baptist atheist latin
hebrew arabic hindi mandarin cantonese
""")
"""Peoples, religions and tongues: written with a capital, but no names of somebody."""

LASTING = (STATE | {"retired"}) - {"allergic", "intolerant", "lactose"}
"""What somebody is for long, in one word."""


def _table(text: str) -> dict[tuple[str, ...], str]:
    """Return wordings, word by word, with the relation that each means; the name itself is one of them."""
    found: dict[tuple[str, ...], str] = {}
    for row in " ".join(text.split("\n    ")).strip().splitlines():
        name, wordings = row.split(":")
        for wording in [name.replace("_", " "), *wordings.split(",")]:
            found[tuple(wording.split())] = name
    return found


WORDINGS = _table(RELATIONS)
LEADS = _table(BEFORE_VERB)
FIRST_WORDS = frozenset(words[0] for words in (*WORDINGS, *LEADS))
