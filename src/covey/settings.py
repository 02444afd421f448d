"""Settings of one server: from the environment (`COVEY_…`), else from `covey.toml` in its data
folder, else as written here. `docs/operating.md` lists them; a test compares."""

from __future__ import annotations

import ipaddress
import logging
import os
import tomllib
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from covey.limits import (
    MEDIA_PER_ACCOUNT,
    READS_PER_WINDOW,
    REGISTRATIONS_PER_ADDRESS,
    WRITES_PER_WINDOW,
)

FILE: Final = "covey.toml"
LIMIT_MAX: Final = 1_000_000_000
"""Of a setting that is a limit."""


class WrongSetting(Exception):
    """A setting has a value that can't be."""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may choose. Lists are comma-separated in the environment."""

    public_url: str = ""
    """Where people reach the server, as `https://example.org`. Every address that Covey writes is
    made from it, never from a request's Host. Empty: the address it listens on."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks whose X-Forwarded-For is believed."""
    title: str = "Covey"
    description: str = "A place to post, follow and read."
    contact_email: str = ""
    source_url: str = ""
    """Where the source of what runs here is: the licence asks for it where you changed any."""
    languages: tuple[str, ...] = ("en",)
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8420
    """Port to listen on; 0: any free one."""
    edges: int = 0
    """Edge processes; 0: one for each core beside the engine's, at least one."""
    kernel: str = "auto"
    """What delivers to home queues. auto: the compiled kernel where numba is installed; numpy."""
    limits: str = "on"
    """Of requests and attempts. off: none is counted, for tests and measurements."""
    limit_reads: int = READS_PER_WINDOW
    """Requests of one account, or of one network of strangers, in READ_WINDOW_SECONDS."""
    limit_writes: int = WRITES_PER_WINDOW
    """Of these, those that may change something."""
    limit_media: int = MEDIA_PER_ACCOUNT
    """Pictures, films and sounds of one account in MEDIA_WINDOW_SECONDS."""
    limit_sign_ups: int = REGISTRATIONS_PER_ADDRESS
    """New accounts of one network in REGISTRATION_WINDOW_SECONDS."""
    log_level: str = "info"

    @property
    def secure(self) -> bool:
        """People come by https, so cookies say so."""
        return self.public_url.startswith("https://")

    @property
    def are_counted(self) -> bool:
        """Requests and attempts have limits."""
        return self.limits == "on"

    @property
    def attempts(self) -> dict[str, int]:
        """Bucket of the engine's counters → how many attempts it lets through in its window."""
        return {
            "write": self.limit_writes,
            "media": self.limit_media,
            "registration": self.limit_sign_ups,
        }

    @property
    def domain(self) -> str:
        """Host, and port unless it is the usual one: what stands behind the @ of an address."""
        return self.public_url.partition("://")[2]


def load(folder: Path) -> Settings:
    """The settings of the server in `folder`. Raises WrongSetting, naming the setting."""
    values: dict[str, object] = {}
    path = folder / FILE
    if path.exists():
        try:
            values.update(tomllib.loads(path.read_text("utf-8")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise WrongSetting(f"{path} can't be read: {error}") from None
    for field in msgspec.structs.fields(Settings):
        found = os.environ.get(f"COVEY_{field.name.upper()}")
        if found is not None:
            values[field.name] = found
            if isinstance(field.default, tuple):
                values[field.name] = [v.strip() for v in found.split(",") if v.strip()]
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise WrongSetting(f"a setting of {folder} is wrong: {error}") from None
    _check(settings)
    return settings


def set_up_logging(level: str) -> None:
    """Of a child process: lines to stderr."""
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )


def _check(settings: Settings) -> None:
    url = settings.public_url
    if url and (not url.startswith(("http://", "https://")) or url.count("/") != 2):
        raise WrongSetting(f"public_url is {url!r}: it must be like https://example.org, no path")
    for network in settings.trusted_proxies:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            raise WrongSetting(f"trusted_proxies: {network!r} is no address or network") from None
    if not 0 <= settings.port <= 65_535:
        raise WrongSetting(f"port is {settings.port}: it must be 0 to 65535")
    if not 0 <= settings.edges <= 64:
        raise WrongSetting(f"edges is {settings.edges}: it must be 0 to 64")
    if settings.kernel not in ("auto", "numpy"):
        raise WrongSetting(f"kernel is {settings.kernel!r}: auto or numpy")
    if settings.limits not in ("on", "off"):
        raise WrongSetting(f"limits is {settings.limits!r}: on or off")
    for name in ("limit_reads", "limit_writes", "limit_media", "limit_sign_ups"):
        if not 1 <= (limit := getattr(settings, name)) <= LIMIT_MAX:
            raise WrongSetting(f"{name} is {limit}: it must be 1 to {LIMIT_MAX:,}")
    if settings.log_level not in ("debug", "info", "warning", "error"):
        raise WrongSetting(f"log_level is {settings.log_level!r}: debug, info, warning or error")
