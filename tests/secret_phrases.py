"""Secrets as people write them, and what only looks like one. Written for this project; nothing here is real.

Keys and tokens are put together when the tests run, from their known beginning and seeded noise, so that no
scanner takes this file for a leak.
"""

from __future__ import annotations

import random
import string

from tinymem.understand.secrets import luhn_holds

_LOWER, _UPPER, _DIGITS = string.ascii_lowercase, string.ascii_uppercase, string.digits
_ALNUM = _LOWER + _UPPER + _DIGITS
_URLSAFE = _ALNUM + "-_"
_noise = random.Random(2026)


def noise(length: int, alphabet: str = _ALNUM) -> str:
    """Return random characters, letters and digits among them."""
    body = [_noise.choice(alphabet) for _ in range(length)]
    for place, kind in enumerate((_UPPER, _LOWER, _DIGITS)):
        usable = [character for character in kind if character in alphabet]
        if usable and length > 8:
            body[2 + 2 * place] = _noise.choice(usable)
    return "".join(body)


def card(first: str, length: int) -> str:
    """Return a number of an issuer whose check digit is right."""
    body = first + "".join(_noise.choice(_DIGITS) for _ in range(length - len(first) - 1))
    return next(body + digit for digit in _DIGITS if luhn_holds(body + digit))


def in_fours(number: str, by: str = " ") -> str:
    """Return a number in groups of four."""
    return by.join(number[start : start + 4] for start in range(0, len(number), 4))


def amex(number: str) -> str:
    """Return fifteen digits as American Express prints them."""
    return f"{number[:4]} {number[4:10]} {number[10:]}"


def iban(country: str, account: str) -> str:
    """Return an account number with the check digits that are right."""
    digits = "".join(str(int(character, 36)) for character in f"{account}{country}00")
    return f"{country}{98 - int(digits) % 97:02}{account}"


def block(kind: str) -> str:
    """Return a private key as a file holds it."""
    lines = "\n".join(noise(64, _ALNUM + "+/") for _ in range(4))
    return f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----"


def jwt() -> str:
    """Return a JSON web token."""
    return f"eyJ{noise(17, _URLSAFE)}.eyJ{noise(40, _URLSAFE)}.{noise(43, _URLSAFE)}"


_HEX = "0123456789abcdef"
_CAPITALS = _UPPER + _DIGITS
_HOOK = f"T{noise(8, _CAPITALS)}/B{noise(8, _CAPITALS)}/{noise(24)}"
_APP = f"xapp-1-A{noise(10, _CAPITALS)}-{noise(13, _DIGITS)}-{noise(64, _HEX)}"

_TEMPLATES: tuple[tuple[str, str, str], ...] = (
    # keys of providers
    ("OpenAI key", "My OpenAI key is {}, keep it safe.", f"sk-{noise(48)}"),
    ("OpenAI key", "export OPENAI_API_KEY={}", f"sk-proj-{noise(120, _URLSAFE)}x{noise(20)}"),
    ("OpenAI key", "use '{}' for the service account", f"sk-svcacct-{noise(40)}"),
    ("OpenAI key", "openrouter: {}", f"sk-or-v1-{noise(64, _HEX)}"),
    ("Anthropic key", "ANTHROPIC_API_KEY={}", f"sk-ant-api03-{noise(40)}-{noise(50)}AA"),
    ("Anthropic key", "the claude key: {}.", f"sk-ant-{noise(60)}"),
    ("AWS key", "aws_access_key_id = {}", f"AKIA{noise(16, _CAPITALS)}"),
    ("AWS key", "My temporary AWS id: {}", f"ASIA{noise(16, _CAPITALS)}"),
    ("AWS key", "aws_secret_access_key = {}", noise(40, _ALNUM + "/+")),
    ("AWS key", 'AWS_SECRET_KEY="{}"', noise(40, _ALNUM + "/+")),
    ("AWS key", "my AWS secret access key is {} I think", noise(40)),
    ("GitHub token", "git clone with {} please", f"ghp_{noise(36)}"),
    ("GitHub token", "token: {}", f"gho_{noise(36)}"),
    ("GitHub token", "In CI it is {}", f"ghs_{noise(36)}"),
    ("GitHub token", "(fine-grained: {})", f"github_pat_{noise(22)}_{noise(59)}"),
    ("Slack token", "SLACK_BOT_TOKEN={}", f"xoxb-{noise(12, _DIGITS)}-{noise(12, _DIGITS)}-{noise(24)}"),
    ("Slack token", "the old one was {}", f"xoxp-{noise(12, _DIGITS)}-{noise(32, _HEX)}"),
    ("Slack token", "app level {}", _APP),
    ("Slack token", "post to https://hooks.slack.com/services/{}", _HOOK),
    ("Google key", "maps key {}", f"AIza{noise(35)}"),
    ("Google key", "client secret {}", f"GOCSPX-{noise(28)}"),
    ("Google key", "Authorization header {}", f"ya29.{noise(80, _URLSAFE)}"),
    ("API key", "Stripe live key: {}", f"sk_live_{noise(24)}"),
    ("API key", "restricted {}", f"rk_test_{noise(99)}"),
    ("API key", "webhook secret {}", f"whsec_{noise(32)}"),
    ("API key", "SendGrid wants {}", f"SG.{noise(22, _URLSAFE)}.{noise(43, _URLSAFE)}"),
    ("API key", "huggingface-cli login --token {}", f"hf_{noise(34)}"),
    ("API key", "groq {}", f"gsk_{noise(52)}"),
    ("API key", "Shopify said {}", f"shpat_{noise(32, _HEX)}"),
    ("API key", "databricks token {}", f"dapi{noise(32, _HEX)}"),
    ("API key", "Mailgun: {}", f"key-{noise(32, _HEX)}"),
    ("API key", "DigitalOcean {}", f"dop_v1_{noise(64, _HEX)}"),
    ("API key", "Linear {}", f"lin_api_{noise(40)}"),
    ("API key", "AccountName=shop;AccountKey={};", f"{noise(86)}=="),
    ("API key", "our internal api_key: {}", noise(32)),
    ("API key", '{{"client_secret": "{}"}}', noise(40)),
    ("API key", "https://api.example.com/v1/items?access_token={}&page=2", noise(40)),
    ("access token", "GitLab {}", f"glpat-{noise(20)}"),
    ("access token", "//registry.npmjs.org/:_authToken={}", f"npm_{noise(36)}"),
    ("access token", "twine upload -p {}", f"pypi-AgEIcHlwaS5vcmc{noise(90, _URLSAFE)}"),
    ("access token", "vault login {}", f"hvs.{noise(90)}"),
    ("access token", "my Telegram bot is {}", f"{noise(10, _DIGITS)}:AA{noise(33)}"),
    ("access token", "Discord bot token: {}", f"M{noise(25)}.{noise(6)}.{noise(38)}"),
    ("access token", "The session was {} all day", jwt()),
    ("access token", "curl -H 'Authorization: Bearer {}'", noise(60)),
    ("access token", "Authorization: Basic {}", f"{noise(26)}=="),
    # private keys
    ("private key", "Here is my ssh key:\n{}\nremember it", block("OPENSSH PRIVATE KEY")),
    ("private key", "{}", block("RSA PRIVATE KEY")),
    ("private key", "pem: {}", block("PRIVATE KEY")),
    ("private key", "gpg\n{}", block("PGP PRIVATE KEY BLOCK")),
    ("private key", "cut off: {}", block("EC PRIVATE KEY")[:150]),
    ("private key", "age key {}", f"AGE-SECRET-KEY-1{noise(58, _CAPITALS)}"),
    # passwords
    ("password", "DATABASE_URL=postgres://ana:{}@db.example.com:5432/shop", "s3cret/pw".replace("/", "%2F")),
    ("password", "mongodb+srv://admin:{}@cluster0.example.net/test", "P@ssw0rd!"),
    ("password", "clone https://ana:{}@git.example.com/repo.git", noise(20)),
    ("password", "ftp://files:{}@10.0.0.7", "hunter2"),
    ("password", "redis://:{}@localhost:6379/0", "fluffy"),
    ("password", "My wifi password is {}, the guests may know it.", "Blue42Tiger"),
    ("password", "DB_PASSWORD='{}'", "tr0ub4dor&3"),
    ("password", "user: ana\npassword: {}", "hunter2"),
    ("password", "passphrase = {}", "c0rrect-h0rse"),
    # cards and accounts
    ("card number", "My card is {}, exp 12/27.", in_fours(card("4", 16))),
    ("card number", "Visa {}", card("4539", 16)),
    ("card number", "charge {} please", in_fours(card("5425", 16), "-")),
    ("card number", "the new Mastercard: {}", card("2223", 16)),
    ("card number", "Amex {}, cvv 1234", amex(card("3782", 15))),
    ("card number", "amex {}", card("34", 15)),
    ("card number", "Discover {}", in_fours(card("6011", 16))),
    ("card number", "JCB: {}", card("3530", 16)),
    ("card number", "Diners Club {}", card("36", 14)),
    ("card number", "UnionPay {}", in_fours(card("62", 19))),
    ("card number", "exp 11/28 {} 123", in_fours(card("4000", 16))),
    ("card number", "The number is {}-123 with what is on the back", card("4", 16)),
    ("card number", "{}-1234 is my Amex", card("3782", 15)),
    ("card number", "it says {} on the front", in_fours(card("4", 16), ".")),
    ("card number", "card {}", in_fours(card("5425", 16), "  ")),
    ("card number", "my card:\n{}\n12/26", in_fours(card("4", 16), "\n")),
    ("card number", "ocr: {}.", in_fours(card("4", 16), "\r\n")),
    ("card number", "named {}", in_fours(card("4", 16), "_")),
    ("card number", "card:{}exp12/26", card("4", 16)),
    ("card number", "card:{}EXP 12/26", in_fours(card("4", 16))),
    ("IBAN", "Send it to {}", in_fours(iban("DE", "370400440532013000"))),
    ("IBAN", "IBAN: {}, thanks", iban("DE", "500105175407324931")),
    ("IBAN", "My account is {}.", in_fours(iban("GB", "NWBK60161331926819"))),
    ("IBAN", "rent goes to {} each month", in_fours(iban("FR", "20041010050500013M02606"))),
    ("IBAN", "{} is the savings account", iban("NL", "ABNA0417164300")),
    ("IBAN", "conto {}", iban("IT", "X0542811101000000123456")),
    ("IBAN", "cuenta {}", in_fours(iban("ES", "23100001180000012345"))),
    ("IBAN", "konto {}", iban("NO", "86011117947")),
    ("IBAN", "my iban is {}", iban("DE", "370400440532013000").lower()),
    ("IBAN", "transfer it to {} each time", in_fours(iban("GB", "NWBK60161331926819").lower())),
)  # fmt: skip

SECRETS: tuple[tuple[str, str, str], ...] = tuple(
    (kind, template.format(secret), secret) for kind, template, secret in _TEMPLATES
)
"""(kind, text, the secret in it)."""


def wrong(number: str) -> str:
    """Return a number with another last digit, so that its checksum fails."""
    return number[:-1] + str((int(number[-1]) + 1) % 10)


HARMLESS: tuple[str, ...] = (
    # numbers
    "My phone number is +49 30 901820 and the mobile 0171 2345678",
    "Call 1-800-555-0199 or (415) 555-2671 ext. 4",
    "+1 415 555 2671 4444 is the long one",
    "Order number 4539148803436468 has not arrived",
    f"Order {wrong(card('4', 16))} was cancelled",
    f"Booking {in_fours(wrong(card('5425', 16)))}",
    f"Booking {in_fours(wrong(card('5425', 16)), '.')}-123",
    f"Version {card('4', 16)}.1 of 1.{card('4', 16)}",
    f"Order {card('4', 16)}-12 and {card('4', 16)}-12345 and {card('4', 16)}-123-1",
    f"{card('4', 16)}experts, user_{card('4', 16)} and {card('4', 16)}_1",
    "The readings are\n4111\n1111\n1111\n1111\n2345\n1999",
    "1999\n4111\n1111\n1111\n1111",
    "article de89370400440532013001 and de89 3704 0044 0532 0130 01",
    "Invoice 2026-0004-5391-4880 is paid",
    "Tracking 1Z999AA10123456784 and 9400110200881234567890",
    "The parcel is JJD000390007812345678",
    "ISBN 978-3-16-148410-0 and 9780306406157",
    "IMEI 356938035643809 of the old phone",
    "EAN 4006381333931, article 4012345678901",
    "Unix time 1767225600000 in milliseconds, 1767225600000000 in microseconds",
    "Tweet 1212092628029698048 was the first",
    "Member since 2019, number 0000 1234 5678 9012",
    "Social insurance 65 170839 J 003",
    "The account balance is 4111.50 after 4,111,111,111,111 steps",
    "Pi is 3.14159265358979323846",
    "My licence plate is B-MW 4711 and the flight LH 0456 on 2026-01-12 14:35",
    "Room 4111 1111, floor 11",
    "Coordinates 52.5200066, 13.4049540",
    "4111111111111111111111111111 is a long number",
    "UUID-like 00000000-0000-4111-1111-111111111111",
    "The serial is SN4111111111111111",
    "Patient 4000 0000 0000 is in ward 7",
    "zip 10115, code 4711, pin 1234",
    # accounts that are none
    "DE88 3704 0044 0532 0130 00 was mistyped",
    "Flight DE89 and train IC2045 to GB82",
    "Article DE1234567890 in the German catalogue",
    "VAT number DE136695976 and ATU12345678",
    "Part FR76AB12 fits NL91",
    # identifiers and hashes
    "Fixed in commit 7baf1d6a3c9e4d2b8f01c5e6a7d8b9c0e1f2a3b4",
    "See 24fc25e and baf1d6c8 on main",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "md5 d41d8cd98f00b204e9800998ecf8427e",
    "The id is 550e8400-e29b-41d4-a716-446655440000",
    "run 01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "memory id 2f043b0a-6658-51b2-b3bc-b1a38f52912b",
    "Docker image python:3.12-slim@sha256:abc",
    "MAC 00:1B:44:11:3A:B7, IP 192.168.178.42, 2001:0db8:85a3:0000:0000:8a2e:0370:7334",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
    "arn:aws:iam::123456789012:role/reader",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ana@host",
    "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQ\n-----END PUBLIC KEY-----",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    f"pk_live_{'0a1b2c3d4e5f' * 2} is the publishable key",
    # words
    "My desk-side risk-assessment is task-oriented-and-very-long-indeed",
    "I use sk-learn and sk-image, and the Slovak locale sk-SK",
    "The model is called sk-something-with-many-hyphens-in-it",
    "Set it to sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx in the example",
    "AKIAXXXXXXXXXXXXXXXX is a placeholder, and so is ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "hf_transfer speeds it up; npm_config_registry is set",
    "I forgot my password, the password is too long",
    "password: see the note on the fridge",
    "The password is case-sensitive and the password is 12 characters long",
    "Password must have 8 characters",
    "password=os.environ['DB_PASSWORD']",
    "API key: ask Ben for it",
    "The key is under the mat, the secret is butter",
    "token=your_token, secret: <secret>, password: ********",
    "A token of my love: 10 red roses",
    "postgres://ana:password@localhost/shop and postgres://ana:${DB_PASSWORD}@db/shop",
    "https://example.com:8080/path?key=value&token=short",
    "http://user:<password>@host and https://example.com/a:b@c",
    "mail ana@example.com, meet at 12:30@the station",
    "bearer of bad news and Bearer tokens in general",
    "The bearer bond number-one-of-many-thousand-bonds",
    "eyJ is how such tokens begin, like eyJhbGciOi",
    "Slack channel xoxo-party, hooks.slack.com is down",
    "We live in Mariahilfer Strasse 123/4/56, 1060 Wien",
    "She keyed in 4 8 15 16 23 42 and waited",
    "The secret key to happiness: sleep",
    "Die Kundennummer ist 6011-0000, der Tarif 65 Plus",
    "私の電話番号は090-1234-5678です。",
)
"""Texts without a secret."""
