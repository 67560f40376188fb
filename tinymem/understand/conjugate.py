"""English verbs: is this word one, in which form, and how does it end in the third person?

Word lists and spelling rules only; words outside the lists are recognised by their ending where that
is safe. It must never guess: a form that may be something else is not reported as a verb.
"""

from __future__ import annotations

from functools import lru_cache

from tinymem.understand.terms import word_set

IRREGULAR = """
be was been; become became become; begin began begun; bend bent bent; bet bet bet; bite bit bitten;
bleed bled bled; blow blew blown; break broke broken; breed bred bred; bring brought brought; build
built built; burn burnt burnt; buy bought bought; catch caught caught; choose chose chosen; come came
come; cost cost cost; cut cut cut; deal dealt dealt; dig dug dug; do did done; draw drew drawn; dream
dreamt dreamt; drink drank drunk; drive drove driven; eat ate eaten; fall fell fallen; feed fed fed;
feel felt felt; fight fought fought; find found found; fly flew flown; forget forgot forgotten; forgive
forgave forgiven; freeze froze frozen; get got got; give gave given; go went gone; grow grew grown; hang
hung hung; have had had; hear heard heard; hide hid hidden; hit hit hit; hold held held; hurt hurt hurt;
keep kept kept; know knew known; lay laid laid; lead led led; learn learnt learnt; leave left left; lend
lent lent; let let let; lie lay lain; light lit lit; lose lost lost; make made made; mean meant meant;
meet met met; pay paid paid; put put put; quit quit quit; read read read; rebuild rebuilt rebuilt; redo
redid redone; ride rode ridden; ring rang rung; rise rose risen; run ran run; say said said; see saw
seen; sell sold sold; send sent sent; set set set; sew sewed sewn; shake shook shaken; shoot shot shot;
show showed shown; shut shut shut; sing sang sung; sink sank sunk; sit sat sat; sleep slept slept; smell
smelt smelt; speak spoke spoken; spell spelt spelt; spend spent spent; spill spilt spilt; split split
split; spread spread spread; stand stood stood; steal stole stolen; stick stuck stuck; sting stung
stung; strike struck struck; swear swore sworn; swim swam swum; swing swung swung; take took taken;
teach taught taught; tear tore torn; tell told told; think thought thought; throw threw thrown;
understand understood understood; undo undid undone; upset upset upset; wake woke woken; wear wore worn;
weep wept wept; win won won; withdraw withdrew withdrawn; write wrote written; knit knitted knitted;
outgrow outgrew outgrown; oversleep overslept overslept
"""
REGULAR = """
accept ache act adapt add admire admit adopt adore advise afford age agree aim allow answer appear apply
appreciate argue arrange arrive ask assist attend avoid babysit bake bank bathe battle beat behave
belong bike bloom blog boil book borrow bother breathe breastfeed broadcast brew brush budget bully bump
cancel camp care carry cause celebrate change charge chat check chew chop circle claim clean clear climb
close coach code collect come combine commute compare compete complain complete compose concern confirm
connect consider consist consume contact contain continue contribute control cook copy correct cough
count cover crash crave create crochet cross cry curate customise cycle dance date deadlift debate
decide decline decorate delay delete deliver demand depend descend describe deserve design despise
detest develop dictate die diet direct disagree discover discuss dislike dive divide divorce donate
download draft drag dread dress drop dry dye earn edit email embroider employ encourage end enjoy enrol
enroll enter entertain escape establish exchange excuse exercise exist expand expect experience explain
explore export express face fail fancy farm fast fear fill film finance finish fish fit fix focus follow
force forage foster found frame freelance fry fund garden gather glue graduate grade greet guard guide
hand handle happen hate head heal heat help hike hire hoard host house hug hunt hurry identify ignore
imagine import improve include increase inherit injure inspect install insist intend interpret interview
invest invite invoice iron itch jog join joke juggle jump kayak kick knock lack land last laugh launch
lecture lift like limp listen live load loan loathe lock log look love lower maintain manage march mark
marry massage match matter measure meditate melt mentor message mind mine miss mix monitor move mow
multiply name need nurse obey object observe offer open operate oppose orbit order organise organize
overthink owe own pack paint park participate pass pause peel perform phone photograph pick place plan
plant play plug point post pour practice practise praise pray preach prefer prepare press print produce
program promise promote pronounce propose protect provide publish pull pump punch purchase push race
raise reach react realise realize receive recognise recommend record recover recycle reduce refinance
refund refuse register regret rehearse relax relocate rely remarry remember remind remove renew renovate
rent repair repeat replace reply report request require rescue research reserve resign respect respond
rest restore retire retrain return review revise roast roll row ruin rush sail save scan schedule score
scream search separate serve settle share shave shift ship shop shout shower skate sketch ski skip skype
smoke snack sneeze snore snowboard sort sound specialise specialize spray sprain squat stammer start
starve stay stop store stream stress stretch struggle study stutter sublet subscribe succeed suffer
suggest suit supervise supply support suppose surf survive sweat switch swap tackle talk tap taste tend
test text thank tidy tie tolerate touch tour trade train transcribe transfer translate transport travel
treat trust try turn tutor twist type undergo upgrade upload urge use vacation value vape visit vlog
volunteer vote wait walk want warm wash waste watch water weigh weld welcome whisper wipe wish wonder
work worry worship wrap wrestle yawn yell
"""
# Bases that are nouns or adjectives just as often: after "and" they prove nothing.
AMBIGUOUS = word_set("""
act age aim answer bank battle bike blog book brush budget bump camp care cause change charge chat check
claim clean clear climb close coach code concern contact control cook copy cost count cover crash cross
cry cut cycle dance date deadlift deal debate delay design diet dive dream dress drink drop dry dye edit
email end exercise experience export face fall farm fast fear feed fight film finance fish fit fix focus
force found frame fry fund garden grade guard guide hand head heat help hike hire host house hug hunt
import increase interview invoice iron itch jog joke jump kayak kick lack land last laugh lead lecture
lift light like limp load loan lock log look love march mark massage match matter measure mentor message
mind mine mix monitor move name need nurse object offer open order own pack paint park pass pause phone
photograph pick place plan plant play plug point post practice praise press print program promise pump
punch purchase race raise record refund regret rent repair reply report request rescue research reserve
respect rest return review ride ring roast roll row ruin run rush sail scan schedule score search
separate set shake share shift ship shop show shower sketch ski skip smell smoke snack sort sound split
spray sprain squat start stay stop store stream stress stretch study suit supply support surf sweat swim
swing switch talk tap taste test text tie touch tour trade train transfer transport travel treat trust
try turn tutor twist type upgrade upset use value visit vote wait wake walk warm wash waste watch water
welcome win wish work worry worship wrap
""")
AUXILIARY = {"am": "is", "are": "is", "is": "is", "was": "was", "were": "was", "have": "has", "has": "has"}
NOT_VERBS = word_set("""
a an the this that these those my your his her its our their one ones two three some any no every each
both all and or but so if when while because as than then there here very too more most less least much
many few lot in on at to for of with from by about into onto over under after before until since during
without within not never always usually often sometimes also just still only really actually i you he
she it we they me him us them who what which where why how new old good bad big small great own same
other another
""")


def _tables() -> tuple[dict[str, str], frozenset[str], frozenset[str]]:
    """Return base forms by irregular past form, all base forms, and irregular participles."""
    rows = [row.split() for row in IRREGULAR.split(";")]
    pasts = {row[1]: row[0] for row in rows}
    bases = frozenset([row[0] for row in rows]) | word_set(REGULAR)
    return pasts, bases, frozenset(row[2] for row in rows)


PASTS, BASES, PARTICIPLES = _tables()


def is_base(word: str) -> bool:
    """Return whether a lower-case word is the plain form of a verb of the lists."""
    return word in BASES


@lru_cache(maxsize=4096)
def third_person(base: str) -> str:
    """Return a verb's form after "she": live, lives; go, goes; have, has. Case is kept."""
    low = base.lower()
    if low in AUXILIARY:
        return AUXILIARY[low]
    if low == "be":
        return "is"
    if low.endswith(("s", "x", "z", "ch", "sh", "o")):
        return base + "es"
    if low.endswith("y") and low[-2:-1] not in ("a", "e", "i", "o", "u"):
        return base[:-1] + "ies"
    return base + "s"


@lru_cache(maxsize=4096)
def base_of_third(word: str) -> str | None:
    """Return the plain form of a lower-case third person form of the lists, or None: lives, live."""
    if word in ("is", "has"):
        return "be" if word == "is" else "have"
    if not word.endswith("s"):
        return None
    candidates = [word[:-1], word[:-2], word[:-3] + "y"]
    return next((each for each in candidates if each in BASES and third_person(each) == word), None)


@lru_cache(maxsize=4096)
def is_past(word: str) -> bool:
    """Return whether a lower-case word is a past form: irregular, or a known verb with -ed."""
    if word in PASTS or word == "were":
        return True
    if not word.endswith("ed"):
        return False
    stem = word[:-2]
    doubled = len(stem) > 2 and stem[-1] == stem[-2] and stem[:-1] in BASES
    return (
        stem in BASES or word[:-1] in BASES or doubled or (word.endswith("ied") and word[:-3] + "y" in BASES)
    )


def is_participle(word: str) -> bool:
    """Return whether a lower-case word can follow "have": an irregular participle or a form in -ed."""
    return word in PARTICIPLES or (word.endswith("ed") and len(word) > 3)


def is_progressive(word: str) -> bool:
    """Return whether a lower-case word is a known verb's form in -ing."""
    if not word.endswith("ing") or len(word) < 5:
        return False
    stem = word[:-3]
    doubled = stem[-1] == stem[-2] and stem[:-1] in BASES
    return (
        stem in BASES or stem + "e" in BASES or doubled or (stem.endswith("y") and stem[:-1] + "ie" in BASES)
    )


def past_tense(base: str) -> str:
    """Return a verb's past form: go, went; live, lived; stop, stopped."""
    if base == "be":
        return "was"
    irregular = next((past for past, plain in PASTS.items() if plain == base), None)
    if irregular:
        return irregular
    if base.endswith("e"):
        return base + "d"
    if base.endswith("y") and base[-2:-1] not in ("a", "e", "i", "o", "u"):
        return base[:-1] + "ied"
    return (
        base + base[-1] + "ed"
        if is_past(base + base[-1] + "ed")
        and len(base) < 5
        and base[-1] in "ptgbnm"
        and base[-2] in "aeiou"
        and base[-3:-2] not in tuple("aeiou")
        else base + "ed"
    )
