"""Who is spoken of: the people and animals a message introduces, and whom a pronoun means.

"My sister Maya ... she" means "Sister Maya" when nobody else in the message could be meant. When two
could be, or none, there is no answer: a wrong name is worse than no fact.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tinymem.understand.conjugate import is_progressive
from tinymem.understand.terms import word_set

FEMALE = word_set("""
mother mum mom mam mama mummy mommy sister daughter wife girlfriend gf grandmother grandma granny gran
nan nana aunt auntie niece mother-in-law sister-in-law daughter-in-law stepmother stepmum stepmom
stepsister stepdaughter fiancée fiancee girl landlady goddaughter granddaughter ex-wife ex-girlfriend
mil sil godmother widow abuela oma nonna lola babushka ammi amma tía tia mamá
""")
MALE = word_set("""
father dad daddy papa brother son husband hubby boyfriend bf grandfather grandpa grandad granddad uncle
nephew father-in-law brother-in-law son-in-law stepfather stepdad stepbrother stepson fiancé fiance boy
godson grandson ex-husband ex-boyfriend fil bil godfather landlord widower abuelo opa nonno lolo appa
tío tio papá
""")
NEUTRAL = word_set("""
partner spouse ex baby toddler child kid teen teenager cousin friend bestie mate buddy boss manager
colleague coworker co-worker flatmate roommate housemate neighbour neighbor teacher tutor coach doctor
dentist therapist trainer sibling twin grandchild grandkid stepchild intern supervisor lawyer nanny
au-pair childminder client tenant lodger student bestfriend pal crush fiance fiancé midwife physio
mentor
""")
ANIMALS = word_set("""
dog cat puppy kitten horse pony rabbit bunny hamster parrot budgie tortoise turtle snake lizard gecko
fish goldfish guinea-pig rat mouse ferret chicken hen goat pup doggo kitty labrador greyhound retriever
terrier
""")
GROUPS = word_set("""
parents kids children grandparents grandkids grandchildren sisters brothers sons daughters twins boys
girls friends in-laws inlaws folks neighbours neighbors flatmates housemates roommates cats dogs rabbits
chickens hens goats colleagues students siblings nephews nieces cousins uncles aunts
""")
# Those who are so near that people leave out the "my": "mum is here".
FAMILY = word_set("""
mum mom mam mama mother dad daddy father papa husband hubby wife grandma granny gran nan grandpa grandad
granddad bf gf sister brother boyfriend girlfriend mil fil mother-in-law father-in-law boss parents kids
flatmate roommate
""")
PERSONS = FEMALE | MALE | NEUTRAL | ANIMALS | GROUPS
FULL = {
    "gf": "girlfriend",
    "bf": "boyfriend",
    "hubby": "husband",
    "mil": "mother-in-law",
    "fil": "father-in-law",
    "sil": "sister-in-law",
    "bil": "brother-in-law",
}
ADJECTIVES = word_set("""
little big older younger elder eldest oldest youngest middle baby twin late best good old new other
second first only former current adopted half great step ex-
""")
COMPLEMENT = word_set("""
a an the not in on at from called named allergic just also still always never only really very so more
due vegan vegetarian pregnant diabetic married getting got been had about like deaf blind autistic
coeliac ill sick dead retired
""")
CAPITAL = "[A-ZÀ-ÖØ-ÞĐĆČŠŽŁŚŹŻİŞĞŌ]"
NAME = (
    rf"(?:(?:Dr|Mr|Mrs|Ms|Prof)\.? )?{CAPITAL}[\w'’-]*"
    rf"(?: (?:(?:de|da|van|von|la|el|al|bin|dela) )?{CAPITAL}[\w'’-]+)?"
)
MENTION = re.compile(
    rf"\b(?:my|our|i have an?|we have an?|i had an?|we had an?|i've got an?|i have got an?|"
    rf"got an?|have an?|and an?)\s+"
    rf"((?:(?:{'|'.join(sorted(ADJECTIVES))})\s+){{0,2}})"
    rf"((?-i:[a-zé]+(?:-[a-zé]+){{0,3}}))(?:\s*,?\s+(?:called\s+|named\s+|"
    rf"is\s+)?((?-i:{NAME})))?(?P<of>['’]s\s+(?P<next>[\w-]+))?",
    re.IGNORECASE,
)
NAMED = re.compile(rf"(?<=[a-z,] )({NAME})")
PRONOUNS = {"he": MALE | NEUTRAL | ANIMALS, "she": FEMALE | NEUTRAL | ANIMALS, "they": GROUPS | NEUTRAL}
TOLD = re.compile(rf"({NAME})(?:,| is|['’]s) my ((?:\w+ )?[a-z-]+)\b(?!')")
POSSESSIVES = {"his": "he", "her": "she", "their": "they"}


@dataclass(frozen=True)
class Person:
    """Someone introduced: `label` in house style ("Sister Maya"), `noun` in lower case, perhaps a `name`."""

    label: str
    noun: str
    name: str | None


def introduced(text: str) -> list[Person]:
    """Return the people and animals that a text introduces as the speaker's, each once, in order."""
    found: dict[str, Person] = {}
    for match in MENTION.finditer(text):
        adjectives, noun, name = match.group(1).lower(), match.group(2).lower(), match.group(3)
        if noun not in PERSONS:
            continue
        following = (match.group("next") or "").lower()
        if following in PERSONS:
            owner = f"{FULL.get(noun, noun)}{' ' + name.rstrip('.') if name else ''}"
            label = f"{owner[0].upper()}{owner[1:]}'s {following}"
            found[label] = Person(label, following, None)
            continue
        if following and following not in COMPLEMENT and not is_progressive(following):
            continue
        if name:
            name = re.sub(r"['’]s$", "", name).rstrip(".'’")
            if name.lower() in NOT_NAMES:
                name = None
        full = FULL.get(noun, noun)
        label = f"{adjectives}{full}{' ' + name if name else ''}"
        person = Person(label[0].upper() + label[1:], noun, name)
        if full not in found or (name and not found[full].name):
            found[full] = person
    for told, noun in TOLD.findall(text):
        kind, name = noun.split()[-1], re.sub(r"['’]s$", "", told)
        if kind in PERSONS and name.lower() not in NOT_NAMES:
            full = FULL.get(kind, kind)
            found[full] = Person(f"{full[0].upper()}{full[1:]} {name}", kind, name)
    return list(found.values())


def meant(pronoun: str, earlier: str) -> str | None:
    """Return whom a pronoun (he, she, they) after `earlier` means, or None when that is not certain."""
    fitting = PRONOUNS.get(pronoun)
    if fitting is None:
        return None
    people = introduced(earlier)
    candidates = [person for person in people if person.noun in fitting]
    if len(candidates) != 1:
        return None
    own_names = {part for person in people if person.name for part in person.name.split()}
    strangers = {
        name
        for name in (re.sub(r"['’]s$", "", found) for found in NAMED.findall(earlier))
        if not own_names.intersection(name.split())
        and name.split()[0].lower() not in NOT_NAMES
        and not re.search(rf"\b(?:in|at|from|to|near|of|on|for|the|a|an) {re.escape(name)}", earlier)
    }
    return candidates[0].label if not strangers else None


def possessor(pronoun: str, earlier: str) -> str | None:
    """Return whose a possessive (his, her, their) after `earlier` means: "Sister Maya's", or None."""
    label = meant(POSSESSIVES.get(pronoun, ""), earlier)
    return f"{label}'s" if label else None


NOT_NAMES = word_set("""
he she it this that they there so also for sir not here what yes no but and i i'm i've i'd i'll monday
tuesday wednesday thursday friday saturday sunday january february march april may june july august
september october november december christmas easter english spanish french german italian
""")
