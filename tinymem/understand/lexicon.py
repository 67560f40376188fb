"""Word lists of the writing rules: closed classes, kept as text so that they can be read and extended.

A list says what its words have in common in the sentence above it. Nothing is decided here.
"""

from __future__ import annotations

from tinymem.understand.terms import word_set

FINITE = word_set("""
is are was were has have had can cannot will would does do did must might may should could
""")
"""Words that are always a verb, and the first one of a predicate."""

HEAD_ADVERBS = word_set("""
usually always never often sometimes still only mostly normally recently already rarely generally
regularly typically probably also just now currently finally both all mainly occasionally hardly barely
seldom once even
""")
"""Adverbs that may stand between "I" and its verb."""

SILENT_ADVERBS = word_set("also just now currently finally both all even actually really ever")
"""Those of them that a fact does without."""

STATE = word_set("""
vegan vegetarian pescatarian diabetic pregnant married single divorced widowed engaged retired
unemployed allergic intolerant coeliac celiac autistic dyslexic deaf blind colourblind colorblind
asthmatic anaemic anemic left-handed muslim jewish catholic christian hindu buddhist gay lesbian
bisexual trans nonbinary sober teetotal halal kosher freelance self-employed adopted bilingual
gluten-free lactose
""")
"""What somebody can be for long: a note of such a word is about its writer."""

MOMENTARY = word_set("""
sure sorry kidding joking wondering asking curious confused glad happy tired bored lost stuck okay ok
fine good done back here there ready late afraid aware able trying hoping guessing assuming freaking
dying dead desperate sad stressed nervous annoyed mad angry upset excited worried frustrated overwhelmed
anxious scared shocked driving leaning staying doing talking saying surprised impressed exhausted hungry
thirsty sleepy drunk confident right wrong serious grateful thankful struggling having seeing getting
feeling
""")
"""What somebody is just now: "I am ..." with these is nothing to remember."""

ASKS = word_set("""
guess mean think wonder hope suppose know see wish bet say ask swear believe assume hear understand
agree appreciate thank mind notice reckon promise admit imagine feel figure doubt expect recommend
suggest apologise apologize remember
""")
"""Verbs of talking and thinking: "I ..." with these leads into a conversation, not into a fact."""

ASKED = word_set("""
found realised realized discovered learnt guessed thought wondered hoped supposed knew saw wished said
asked swore believed assumed heard understood noticed felt figured meant told tried wanted needed
googled mentioned
""")
"""Their past forms."""

ASKED_FOR = word_set("""
help you your u advice ideas suggestions recipe recipes tips idea list plan explanation summary
suggestion translation
""")
"""What one wants from an assistant now."""

BEGINS = word_set("""
a an the to as in at for with on my our from two three four five six seven eight nine ten every no any
some about into by over up out off down near around through
""")
"""Words after which nothing but an object or a place follows: they show that the word before is a verb."""

PROVES_VERB = word_set("""
monday tuesday wednesday thursday friday saturday sunday today tomorrow tonight yesterday last next
during until a an the to at in on for as with from every each no not about up out off two three four his
her their me
""")
"""The same after a noun phrase."""

LITTLE_PROMISES = word_set("""
try check let see think ask give tell take do go look keep show send use make remember never
""")
"""Verbs after "I will" that say what happens in this conversation."""

LITTLE_SKILLS = word_set("""
be see tell say imagine think try find get remember believe wait decide help figure
""")
"""Verbs after "I can" that say nothing about skill or leave."""

REPORTS = word_set("says said thinks thought told tells asked asks wonders reckons suggested suggests")
"""Verbs of those whose words are only passed on."""

NOT_SUBJECT = word_set("""
that who which when where because if to so what how why and or but question point problem issue guess
bad way plan idea
""")
"""Words that end no subject that a fact can have."""

ARTICLES = word_set("the of and in at on for with from to")
NO_SUBJECT = word_set("""
it this that these those there here you your he she they his her their its not no in on at for with from
to of as about by like than then too very just also only even maybe what which who when where how why if
because or and but so all some any both each another other one ones same such i my we our me us more
most
""")
"""Words that begin no statement about a third person or a thing that stands for itself."""

LASTING = word_set("cannot never only always speak specialise specialize prefer love like hate enjoy")
LASTING_AM = word_set("a an the your from based made built called named")
"""How an assistant's "I ..." and "I am ..." begin when they are about itself."""

LACKED = word_set(
    "kids children pets allergies dog cat car siblings partner licence license garden oven microwave"
)
"""What a note "no ..." says that its writer does not have."""

SKILLS = word_set("swim drive cook sew read dance sing ski cycle")
"""What a note "can't ..." says that its writer is not able to do."""

GOING = word_set("""
moving working living studying training learning getting flying travelling traveling planning starting
renting saving expecting recovering selling building hosting
""")
"""Activities whose note is about the writer: "moving to Oslo in May"."""

PAST_ORDERS = word_set("""
set put cut let read hit shut cost split spread used based told said asked thought meant saw got
""")
"""Past forms that are orders just as well: a note may not begin with them."""

VAGUE = word_set("""
question problem issue goal concern matter point plan preference opinion idea thought request choice
answer situation favourite
""")
"""Nouns about which an answer says nothing lasting."""

PASSIVE = word_set("""
called named married divorced retired diagnosed pregnant engaged based born scheduled booked supposed
allowed interested scared terrified tired bored worried excited obsessed addicted used made done broken
gone
""")
"""Participles that follow "is" rather than "has" when the two are written 's."""
