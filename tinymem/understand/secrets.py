"""Secrets that nobody wants in a memory, found by their form: keys, tokens, passwords, card numbers, IBANs.

Only what shows by a known beginning, a checksum or its place what it is counts; a passphrase of plain words
does not, so that little else is found. Every pattern reads a text of any length in time proportional to it:
it begins at the edge of a word, and its repetitions end where the next part begins.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Secret:
    """A part of a text, in characters, and what it looks like."""

    kind: str
    start: int
    end: int


def find_secrets(text: str) -> list[Secret]:
    """Return what looks like secrets, in order, without overlaps; of two that overlap the kind listed first.

    Example:
        >>> [secret.kind for secret in find_secrets("My card is 4111 1111 1111 1111, my cat is 7")]
        ['card number']
    """
    found: list[Secret] = []
    for rank, (kind, find) in enumerate(_FINDERS):
        found += [Secret(f"{rank:03}{kind}", start, end) for start, end in find(text)]
    merged: list[Secret] = []
    for secret in sorted(found, key=lambda each: each.start):
        if merged and secret.start < merged[-1].end:
            last = merged.pop()
            secret = Secret(min(last.kind, secret.kind), last.start, max(last.end, secret.end))
        merged.append(secret)
    return [Secret(secret.kind[3:], secret.start, secret.end) for secret in merged]


def masked(text: str) -> str:
    """Return a text with every secret replaced by what it was.

    Example:
        >>> masked("psql postgres://ana:hunter2@localhost/shop")
        'psql postgres://ana:[password]@localhost/shop'
    """
    parts, done = [], 0
    for secret in find_secrets(text):
        parts += [text[done : secret.start], f"[{secret.kind}]"]
        done = secret.end
    return "".join([*parts, text[done:]])


# -- keys and tokens

Spans = Iterator[tuple[int, int]]
Finder = Callable[[str], Spans]

_EDGE = r"(?<![A-Za-z0-9])"
_END = r"(?![A-Za-z0-9])"

_KEYS = {
    "private key": (
        r"-----BEGIN (?:[A-Z]{1,10} ){0,3}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?"
        r"(?:-----END (?:[A-Z]{1,10} ){0,3}PRIVATE KEY(?: BLOCK)?-----|\Z)",
        r"PuTTY-User-Key-File-[23]:[\s\S]*?(?:Private-MAC: ?[0-9a-f]+|\Z)",
        _EDGE + r"AGE-SECRET-KEY-1[0-9A-Z]{58}" + _END,
    ),
    "AWS key": (
        _EDGE + r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}" + _END,
        r"(?i:aws|secret|access)[A-Za-z0-9_ .-]{0,30}?(?i:key)[\"']?\s{0,3}(?:=>|=|:|\bis\b)\s{0,3}[\"']?"
        r"(?P<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
    ),
    "GitHub token": (
        _EDGE + r"gh[pousr]_[A-Za-z0-9]{36,255}" + _END,
        _EDGE + r"github_pat_[A-Za-z0-9_]{22,255}" + _END,
    ),
    "Slack token": (
        _EDGE + r"xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,250}" + _END,
        _EDGE + r"xapp-[0-9]-[A-Za-z0-9-]{10,250}" + _END,
        r"hooks\.slack\.com/(?:services|workflows)/(?P<secret>[A-Za-z0-9/]{20,100})",
    ),
    "OpenAI key": (_EDGE + r"sk-(?!ant-)[A-Za-z0-9_-]{20,250}",),
    "Anthropic key": (_EDGE + r"sk-ant-[A-Za-z0-9_-]{20,250}",),
    "Google key": (
        _EDGE + r"AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])",
        _EDGE + r"GOCSPX-[A-Za-z0-9_-]{28}(?![A-Za-z0-9_-])",
        _EDGE + r"ya29\.[A-Za-z0-9_-]{20,500}",
    ),
    "API key": (
        _EDGE + r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,250}" + _END,  # Stripe
        _EDGE + r"whsec_[A-Za-z0-9+/]{24,100}",
        _EDGE + r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])",  # SendGrid
        _EDGE + r"hf_[A-Za-z0-9]{34,40}" + _END,  # Hugging Face
        _EDGE
        + r"(?:gsk|nvapi|xai|pplx|r8|lin_api|ntn|sbp|dop_v1|doo_v1|dor_v1|fw|tvly)[_-][A-Za-z0-9_-]{32,250}",
        _EDGE + r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}" + _END,  # Shopify
        _EDGE + r"dapi[0-9a-f]{32}" + _END,  # Databricks
        _EDGE + r"key-[0-9a-f]{32}" + _END,  # Mailgun
        _EDGE + r"SK[0-9a-f]{32}" + _END,  # Twilio
        _EDGE + r"sq0(?:atp|csp)-[A-Za-z0-9_-]{22,43}(?![A-Za-z0-9_-])",  # Square
        r"AccountKey=(?P<secret>[A-Za-z0-9+/]{86}==)",  # Azure
    ),
    "access token": (
        _EDGE + r"glpat-[A-Za-z0-9_-]{20,100}",  # GitLab
        _EDGE + r"npm_[A-Za-z0-9]{36}" + _END,
        _EDGE + r"pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,500}",
        _EDGE + r"(?:hvs|hvb)\.[A-Za-z0-9_-]{24,300}",  # Vault
        _EDGE + r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}" + _END,  # Airtable
        r"(?<![0-9])[0-9]{8,10}:AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])",  # Telegram
        _EDGE
        + r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}(?![A-Za-z0-9_-])",  # Discord
        r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){2,4}",  # JSON web tokens
        r"(?i:\bbearer)\s{1,3}(?P<secret>[A-Za-z0-9._~+/-]{20,2000}={0,2})",
        r"(?i:\bauthorization:\s{0,3}basic)\s{1,3}(?P<secret>[A-Za-z0-9+/]{12,500}={0,2})",
    ),
}


def _pattern_finder(pattern: str, sound: Callable[[str], bool]) -> Finder:
    compiled = re.compile(pattern)
    group = "secret" if "secret" in compiled.groupindex else 0

    def find(text: str) -> Spans:
        for match in compiled.finditer(text):
            if sound(match[group]):
                yield match.span(group)

    return find


def looks_random(value: str) -> bool:
    """Tell whether letters and digits were thrown together: no word, no placeholder, no row of x."""
    longest = max(re.findall(r"[A-Za-z0-9]+", value), key=len, default="")
    if len(set(longest)) < 6 or not re.search(r"[A-Za-z]", longest):
        return False
    return bool(re.search(r"[0-9]", longest) or re.search(r"[a-z][A-Z]+[a-z]", longest))


# -- what stands behind a name that says it is secret

_PASSWORDS = r"passw(?:or)?d|passphrase|pwd"
_SECRETS = r"(?:api|access|secret|private|auth|client|refresh|session)?[_ -]?(?:key|token|secret)"
_NAMED = re.compile(
    rf"(?i)(?<![A-Za-z])(?:(?P<password>{_PASSWORDS})|{_SECRETS})[\"'`]?\s{{0,3}}(?:=>|[:=]|\bis\b)\s{{0,3}}[\"'`]?"
    r"(?P<secret>[^\s\"'`,;<>()\[\]{}]{6,250})"
)
_SHORTEST_TOKEN = 20
_IN_URL = re.compile(
    r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@\"'<>]{0,200}:(?P<secret>[^\s/\"'<>]{1,200})@"
)
_PLACEHOLDER = re.compile(
    r"(?i)[x*.•_-]+|[\[{<$%(].*|.*[\]}>)]|(?:your|my|the)?[_-]?(?:pass(?:word|wd|phrase)?|pwd|secret|token|key)"
)


def _named_secrets(text: str) -> Iterator[tuple[bool, tuple[int, int]]]:
    """Yield (is it a password, where) of what is called a secret and does not look like a word."""
    for match in _NAMED.finditer(text):
        is_password, start = match["password"] is not None, match.start("secret")
        value = match["secret"].rstrip(".!?")
        if not is_password or text[: match.start()].endswith(("?", "&")):  # in a URL, where others follow
            value = value.partition("&")[0]
        mixed = re.search(r"[A-Za-z]", value) and re.search(r"[0-9]", value)
        if not mixed or re.match(r"[A-Za-z]+://", value) or _PLACEHOLDER.fullmatch(value):
            continue
        if len(value) >= 6 if is_password else len(value) >= _SHORTEST_TOKEN and looks_random(value):
            yield is_password, (start, start + len(value))


def _named_passwords(text: str) -> Spans:
    return (span for is_password, span in _named_secrets(text) if is_password)


def _named_keys(text: str) -> Spans:
    return (span for is_password, span in _named_secrets(text) if not is_password)


def _url_passwords(text: str) -> Spans:
    for match in _IN_URL.finditer(text):
        if not _PLACEHOLDER.fullmatch(match["secret"]):
            yield match.span("secret")


# -- numbers with a checksum

_APART = "(?P<by>[ ._\u00a0-]{1,2}|\r?\n)"  # what stands between groups of digits
# A number goes on after a point, and after a hyphen, unless all that follows are the digits on the back.
_ENDED = r"(?:(?=(?i:exp)\W{0,2}[0-9])|(?![0-9A-Za-z_]))(?![.,][0-9])(?!-(?![0-9]{3,4}(?![0-9-]))[0-9])"
# As printed: all digits, or in groups of four (and three), or as American Express and Diners Club group them.
_CARD = tuple(
    re.compile(rf"(?<![0-9A-Za-z_])(?<![0-9][.,-])(?=(?P<number>{form}){_ENDED})")
    for form in (
        "[0-9]{14,19}",
        f"[0-9]{{4}}{_APART}[0-9]{{4}}(?P=by)[0-9]{{4}}(?P=by)[0-9]{{4}}",
        f"[0-9]{{4}}{_APART}[0-9]{{4}}(?P=by)[0-9]{{4}}(?P=by)[0-9]{{4}}(?P=by)[0-9]{{3}}",
        f"[0-9]{{4}}{_APART}[0-9]{{6}}(?P=by)[0-9]{{4,5}}",
    )
)
_LINE_BEFORE = re.compile(r"(?<![0-9])[0-9]{4}\r?\n\Z")
_LINE_AFTER = re.compile(r"\r?\n[0-9]{4}(?![0-9/])")
# The first digits and the lengths of the large issuers. Source: ISO/IEC 7812 and the issuers' own tables
_ISSUERS = (
    (re.compile("4"), (16, 19)),
    (re.compile("5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),
    (re.compile("3[47]"), (15,)),
    (re.compile("6011|64[4-9]|65"), (16, 19)),
    (re.compile("30[0-5]|36|38|39"), (14,)),
    (re.compile("35(2[89]|[3-8])"), (16,)),
    (re.compile("62"), (16, 17, 18, 19)),
    (re.compile("220[0-4]"), (16,)),
    (re.compile("5018|5020|5038|5893|6304|6759|676[1-3]"), (16, 19)),
)


def _card_numbers(text: str) -> Spans:
    for match in (match for form in _CARD for match in form.finditer(text)):
        digits = re.sub("[^0-9]", "", match["number"])
        issued = any(len(digits) in lengths and first.match(digits) for first, lengths in _ISSUERS)
        if issued and luhn_holds(digits) and not _is_in_a_column(text, *match.span("number")):
            yield match.span("number")


def _is_in_a_column(text: str, start: int, end: int) -> bool:
    """Tell whether groups of digits, a line each, are only some lines of a table."""
    if "\n" not in text[start:end]:
        return False
    return bool(_LINE_BEFORE.search(text[max(0, start - 7) : start]) or _LINE_AFTER.match(text, end))


def luhn_holds(digits: str) -> bool:
    """Tell whether a number's last digit is the check digit of the others. Source: ISO/IEC 7812-1

    Example:
        >>> luhn_holds("4111111111111111"), luhn_holds("4111111111111112")
        (True, False)
    """
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


_IBAN = re.compile(
    r"(?i)(?<![0-9A-Z])[A-Z]{2}[0-9]{2}"
    r"(?:[A-Z0-9]{11,30}|(?:[ \u00a0][A-Z0-9]{4}){2,7}(?:[ \u00a0][A-Z0-9]{1,4})?)",
    re.ASCII,
)
# The length of each country's. Source: the IBAN registry of SWIFT
_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH CR HR LI LV",
        22: "BG BH DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}


def _ibans(text: str) -> Spans:
    for match in _IBAN.finditer(text):
        length, found, end = _IBAN_LENGTHS.get(match[0][:2].upper(), 0), "", match.start()
        for character in match[0]:
            if len(found) == length:
                break
            end += 1
            found += character.strip()
        if len(found) == length and not text[end : end + 1].isalnum() and iban_holds(found):
            yield match.start(), end


def iban_holds(iban: str) -> bool:
    """Tell whether the two check digits of an IBAN without spaces are right. Source: ISO 13616

    Example:
        >>> iban_holds("DE89370400440532013000"), iban_holds("DE88370400440532013000")
        (True, False)
    """
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97 == 1


def _always(value: str) -> bool:
    return True


_FINDERS: tuple[tuple[str, Finder], ...] = (
    *(
        (kind, _pattern_finder(pattern, _always if kind == "private key" else looks_random))
        for kind, patterns in _KEYS.items()
        for pattern in patterns
    ),
    ("password", _url_passwords),
    ("password", _named_passwords),
    ("API key", _named_keys),
    ("card number", _card_numbers),
    ("IBAN", _ibans),
)
