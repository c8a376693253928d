"""What a model must not be able to repeat: keys, addresses, numbers.

The patterns of keys are detect-secrets', asked directly: its own scan would look some of them up on
the network.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from detect_secrets.plugins.artifactory import ArtifactoryDetector
from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.base import BasePlugin
from detect_secrets.plugins.basic_auth import BasicAuthDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.high_entropy_strings import Base64HighEntropyString
from detect_secrets.plugins.jwt import JwtTokenDetector
from detect_secrets.plugins.mailchimp import MailchimpDetector
from detect_secrets.plugins.npm import NpmDetector
from detect_secrets.plugins.openai import OpenAIDetector
from detect_secrets.plugins.private_key import PrivateKeyDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector
from detect_secrets.plugins.stripe import StripeDetector
from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
from detect_secrets.plugins.twilio import TwilioKeyDetector

_NAMED = (
    ArtifactoryDetector, AWSKeyDetector, AzureStorageKeyDetector, BasicAuthDetector,
    DiscordBotTokenDetector, GitHubTokenDetector, GitLabTokenDetector, JwtTokenDetector,
    MailchimpDetector, NpmDetector, OpenAIDetector, PrivateKeyDetector, PypiTokenDetector,
    SendGridDetector, SlackDetector, SquareOAuthDetector, StripeDetector, TelegramBotTokenDetector,
    TwilioKeyDetector,
)  # fmt: skip
_ENTROPY_BITS = 4.5
"""A character; detect-secrets' own limit for base64."""

_COULD_BE_KEY = re.compile(r"(?<!\S)(?=\S{16})\S*\d|PRIVATE KEY|://[^\s/]+:[^\s/]+@")
_RANDOM = re.compile(r"(?<![\w/+-])(?=[\w+/=-]*[0-9])(?=[\w+/=-]*[a-z])(?=[\w+/=-]*[A-Z])"
                     r"[A-Za-z0-9+/_=-]{24,}(?![\w/+-])")  # fmt: skip
_E_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}(?![\w-])")
_PHONE = re.compile(r"(?<![\w.,/+-])(?:\+|0|\(0?)\d[\d /().-]{7,20}\d(?![\w/-]|[.,]\d)")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")


@dataclass(frozen=True)
class Secrets:
    """How many of each a passage has."""

    n_keys: int = 0
    n_e_mails: int = 0
    n_phones: int = 0
    n_accounts: int = 0

    @property
    def n_contacts(self) -> int:
        """All but keys."""
        return self.n_e_mails + self.n_phones + self.n_accounts


_NONE = Secrets()


def find_secrets(text: str) -> Secrets:
    """Keys to services, e-mail addresses, telephone numbers with their area, and IBANs in a text.

    Passwords that are words can't be told from a story, and are not looked for.
    """
    has_digit = any(map(text.__contains__, "0123456789"))
    if not has_digit and "@" not in text and "PRIVATE KEY" not in text:
        return _NONE
    accounts = [found for found in _IBAN.findall(text) if _is_iban(found)] if has_digit else []
    others = _IBAN.sub("", text) if has_digit else ""
    return Secrets(
        n_keys=_n_keys(text),
        n_e_mails=len(_E_MAIL.findall(text)) if "@" in text else 0,
        n_phones=sum(map(_is_phone, _PHONE.findall(others))),
        n_accounts=len(accounts),
    )


def _n_keys(text: str) -> int:
    if not _COULD_BE_KEY.search(text):
        return 0
    keys: set[str] = set()
    for line in text.split("\n"):
        for plugin in _plugins():
            keys.update(plugin.analyze_string(line))
        for found in _RANDOM.findall(line):
            if _entropy().calculate_shannon_entropy(found) > _ENTROPY_BITS:
                keys.add(found)
    # One may hold another, as a token in an address does.
    return sum(not any(key != other and key in other for other in keys) for key in keys)


@cache
def _plugins() -> tuple[BasePlugin, ...]:
    return tuple(each() for each in _NAMED)


@cache
def _entropy() -> Base64HighEntropyString:
    return Base64HighEntropyString(_ENTROPY_BITS)


def _is_phone(found: str) -> bool:
    n_digits = sum(each.isdigit() for each in found)
    # Dates such as 01.02.2024 and years have fewer.
    return 9 <= n_digits <= 15


def _is_iban(found: str) -> bool:
    """Whether the check digits are right (ISO 7064, modulo 97)."""
    plain = found.replace(" ", "")
    return int("".join(str(int(each, 36)) for each in plain[4:] + plain[:4])) % 97 == 1
