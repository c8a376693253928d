from __future__ import annotations

import random
import string

import pytest

from studio.tuning.texts.sensitive import find_secrets


def _random(n: int, signs: str = string.ascii_letters + string.digits) -> str:
    dice = random.Random(n)
    return "".join(dice.choice(signs) for _ in range(n))


# Put together here, so that nobody who looks through this repository takes them for real ones.
KEYS = {
    "AWS": "AKIA" + _random(16, string.ascii_uppercase + string.digits),
    "GitHub": "ghp_" + _random(36),
    "private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "address with a password": "postgres://anna:" + "hunter22@db.example.org/novel",
    "random": _random(40),
}


@pytest.mark.parametrize("name", KEYS)
def test_a_key_is_found_and_counted_once(name: str) -> None:
    found = find_secrets(f"The line read {KEYS[name]} and nothing else.")
    assert found.n_keys == 1


def test_addresses_and_numbers_are_found() -> None:
    found = find_secrets(
        "Write to anna.meyer@example.org or ring +49 30 901820 or (030) 90 18 20 77; "
        "the account is DE89 3704 0044 0532 0130 00."
    )
    assert (found.n_e_mails, found.n_phones, found.n_accounts) == (1, 2, 1)
    assert found.n_contacts == 4


@pytest.mark.parametrize(
    "text",
    [
        "In 1914-1918 and on 01.02.2024 at 10:30 there were 1,200,000 of them, or 3.14159265.",
        "The password was swordfish. “The secret: = 'x',” he said.",
        "He was a well-known-never-before-seen-nineteenth-century man of 1,000 faces.",
        "ISBN 978-3-16-148410-0, page 12, DE89 3704 0044 0532 0130 01 is none",
        "Supercalifragilisticexpialidocious99",
        "Room 101, 24601, 867-5309",
    ],
)
def test_what_stories_hold_is_no_secret(text: str) -> None:
    found = find_secrets(text)
    assert (found.n_keys, found.n_contacts) == (0, 0)
