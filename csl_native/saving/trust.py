"""Trust: who vouches for a section of an image, and whether this user believes them.

A digest detects damage; it does not say who made something.  A *seal* does: a section's ``info`` may have ``seal`` with
``local``, a keyed BLAKE2b digest made with a key that only this user has, and ``keys``, Ed25519 signatures (RFC 8032)
by public key.  Both are over one thing: the format, what the section is and is called, its digest, what it belongs to
(``belonging.py``), and all else that the directory says of it; a signature is also over the state of the image in which
all that was signed together stood.  ``docs/FORMAT.md`` is normative.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable

import msgpack

from csl_native.image.container import FORMAT_MAJOR, FORMAT_MINOR, STRONG, Image, Section, digest
from csl_native.system.exceptions import Error

from ..system.extras import sentence
from ..system.files import BINARY, move_new, not_private
from ..system.process import said
from .baseimage import base_image
from .belonging import kind_of, misfit, owner_of
from .reasons import Fallback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LEVELS = ("none", "local", "keys", "all")
CONTEXT = "csl-native section 2"
FIRST_FORMAT = [1, 3]  # seals of older ones did not say all that they are about
KEY_SIZE = 32


class TrustError(Error, ValueError):
    """A key that cannot be used: which file, what is wrong with it, and what to do."""


def config_folder() -> str:
    """Where this user's keys are."""
    return os.path.join(os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config"), "csl-native")


def message(section: Section, format: list[int], state: bytes = b"") -> bytes:
    """What a seal is made over; ``state``: of a signature, see ``state_of``."""
    info = {key: section.info[key] for key in sorted(section.info) if key != "seal"}
    packed: bytes = msgpack.packb([CONTEXT, format, kind_of(section.name), section.name, owner_of(section.name),
                                   section.raw,
                                   section.length or len(section.data), section.digest, info, state])
    return packed


def state_of(sections: Iterable[Section]) -> bytes:
    """A digest of all that is signed together.  Sections that were signed in different states are no image."""
    return digest(msgpack.packb(sorted((s.name, s.digest) for s in sections)), STRONG)


def is_program(image: Image) -> bool:
    """Is an open file the installation's own image?
    The file that is open counts, whatever its name leads to by now.
    """
    try:
        return os.path.samestat(image.state, os.stat(base_image()))
    except FileNotFoundError:
        return False


# -- keys of this user ------------------------------------------------------------------


def read_private(path: str, writable_only: bool = False) -> bytes:
    """A file that others must not be able to read (or only not to write); TrustError when they are."""
    with open(path, "rb") as file:
        if doubt := not_private(os.fstat(file.fileno()), readable=writable_only):
            raise TrustError(f"{path}: {doubt}; a file of your own that others "
                             f"cannot {'write' if writable_only else 'read'} was expected "
                             f"(chmod {'go-w' if writable_only else '600'})")
        return file.read(1 << 20)


def local_key(make: bool = False) -> bytes | None:
    """The key that seals what is made here; ``make``: at first use.  TrustError when its file is not private."""
    path = os.path.join(config_folder(), "local.key")
    if not os.path.exists(path):
        if not make:
            return None
        os.makedirs(config_folder(), mode=0o700, exist_ok=True)
        temporary = f"{path}.{os.getpid()}-{threading.get_ident()}"
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY, 0o600)
        try:
            os.write(fd, os.urandom(KEY_SIZE))
            os.fsync(fd)
        finally:
            os.close(fd)
        move_new(temporary, path)  # the first one stays when two begin at once
    key = read_private(path)
    if len(key) != KEY_SIZE:
        raise TrustError(f"{path}: {len(key)} bytes; {KEY_SIZE} expected.  Delete it: what it sealed has to be made "
                         "again, or signed")
    return key


def key_of(text: str) -> bytes | None:
    """A public key from its hexadecimal digits; None when they are none."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        return None
    return key if len(key) == KEY_SIZE else None


def trusted_keys() -> dict[bytes, str]:
    """Public keys that this user trusts, with what they are called."""
    path = os.path.join(config_folder(), "trusted-keys")
    if not os.path.exists(path):
        return {}
    found = {}
    for number, line in enumerate(read_private(path, writable_only=True).decode("utf-8", "replace").splitlines(), 1):
        word, _, name = line.strip().partition(" ")
        if word and not word.startswith("#"):
            key = key_of(word)
            if key is None:
                raise TrustError(f"{path}:{number}: {word[:80]!r} is no public key; {2 * KEY_SIZE} hexadecimal digits "
                                 "expected")
            found[key] = name.strip()
    return found


def set_trusted(keys: dict[bytes, str]) -> None:
    """Replace the list of trusted keys."""
    os.makedirs(config_folder(), mode=0o700, exist_ok=True)
    path = os.path.join(config_folder(), "trusted-keys")
    temporary = f"{path}.{os.getpid()}-{threading.get_ident()}"
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY, 0o600), "w", encoding="utf-8",
              newline="\n") as file:
        file.writelines(f"{key.hex()} {name}".rstrip() + "\n" for key, name in keys.items())
    os.replace(temporary, path)


# -- seals --------------------------------------------------------------------------


def keyed(key: bytes, text: bytes) -> bytes:
    try:
        from _blake2 import blake2b
    except ImportError:
        from hashlib import blake2b
    return bytes(blake2b(text, key=key, digest_size=STRONG, person=b"csl-native seal").digest())


def format_of(section: Section) -> list[int]:
    """The format that a seal more is made for: that of the seals that a section has, else this version's."""
    format = section.info.get("seal", {}).get("format", [0, 0])
    return list(format) if FIRST_FORMAT <= list(format) <= [FORMAT_MAJOR,
                                                            FORMAT_MINOR] else [FORMAT_MAJOR, FORMAT_MINOR]


def resealed(section: Section, **more: Any) -> dict[str, Any]:
    """The ``info`` of a section with more in its seal."""
    old, format = section.info.get("seal", {}), format_of(section)
    return {**section.info, "seal": {**(old if old.get("format") == format else {}), "format": format, **more}}


def vouched(section: Section, key: bytes) -> dict[str, Any]:
    """The ``info`` of a section with the seal of this user, whose local key is given."""
    return resealed(section, local=keyed(key, message(section, format_of(section))))


def seal(sections: Iterable[Section]) -> None:
    """Vouch for sections that were made here, with the local key, and for nobody else; says so on standard error when
    that cannot be.
    """
    key = sealing_key()
    if key is None:
        return
    for section in sections:
        section.digest = digest(section.data, STRONG)
        section.info.pop("seal", None)
        section.info = vouched(section, key)


def copied(trust: Trust, image: Image, section: Section) -> dict[str, Any]:
    """The ``info`` of a section of an image for a copy of it in another file: who copies what they trust vouches for
    it.
    """
    if ("seal" not in section.info or trust.level == "all" or trust.doubt(image, section.name)
        or (key := sealing_key()) is None):
        return section.info
    return vouched(section, key)


def sealing_key() -> bytes | None:
    """The local key, which is made when there is none; what is wrong with it is said on standard error."""
    try:
        return local_key(make=True)
    except (OSError, TrustError) as error:
        sys.stderr.write(f"csl: {said(error)}; what is written is not sealed, and its native code will not be "
                         "trusted\n")
        return None


def sign(section: Section, private: Any, public: bytes, state: bytes) -> dict[str, Any]:
    """The ``info`` of a section with a signature by an Ed25519 key more."""
    old, format = section.info.get("seal", {}), format_of(section)
    kept = old.get("keys", {}) if old.get("format") == format else {}
    return resealed(section, keys={**kept, public: state + private.sign(message(section, format, state))})


class Trust:
    """Whom a session believes: nobody but the program itself (none), this user too (local), trusted keys too (keys), or
    everybody (all).
    """

    def __init__(self, level: str = "keys") -> None:
        if level not in LEVELS:
            raise ValueError(f"trust {level!r}; one of {', '.join(LEVELS)} expected")
        self.level = level

    def doubt(self, image: Image, name: str) -> str:
        """Why a section is not trusted; empty when it is.  Its contents still have to match its digest."""
        section = image.sections[name]
        if self.level == "all" or is_program(image):
            return ""
        if self.level == "none":
            return "nobody is trusted with --trust=none"
        try:
            return self._doubt(image, section)
        except (OSError, TrustError) as error:
            return str(error)
        except ImportError as error:
            return f"its signatures cannot be checked: {sentence(error)}"

    def _doubt(self, image: Image, section: Section) -> str:
        seals = section.info.get("seal")
        if not isinstance(seals, dict) or not ("local" in seals or seals.get("keys")) or len(section.digest) != STRONG:
            return "nobody signed it"
        format = list(seals.get("format", [1, 2]))
        if not FIRST_FORMAT <= format <= [FORMAT_MAJOR, FORMAT_MINOR]:
            return (f"its seal is of format {'.'.join(map(str, format))}, which is not believed by this version; "
                    "preserve it again, "
                    "or csl-image sign when you know where it is from")
        if (owner := owner_of(section.name)) and owner.partition("-")[0] not in section.info:
            return f"its seal does not say which {owner.partition('-')[0]} it belongs to"
        key = local_key()
        # nobody learns anything from the time that this takes
        if key is not None and seals.get("local") == keyed(key, message(section, format)):
            return ""
        signatures = seals.get("keys")
        if not isinstance(signatures, dict) or not signatures:
            return "it was not made by this user, and nobody signed it"
        if self.level == "local":
            return "it was not made by this user; signatures do not count with --trust=local"
        known = trusted_keys()
        for public, value in signatures.items():
            if public in known and isinstance(value, bytes):
                state, signature = value[:STRONG], value[STRONG:]
                if not _verifies(public, signature, message(section, format, state)):
                    return f"the signature by {public.hex()[:16]}... does not fit"
                return _other_state(image, public, section.name, state)
        return "signed by " + ", ".join(bytes(k).hex()[:16] + "..."
                                        for k in signatures if isinstance(k, bytes)) + ", which is not trusted here"


def _other_state(image: Image, public: bytes, name: str, state: bytes) -> str:
    """What else the same key signed in this image, in another state of it: the heap where there is one, else anything;
    empty when nothing.
    """
    signed = {s.name: value[:STRONG] for s in image.sections.values()
              if isinstance(value := s.info.get("seal", {}).get("keys", {}).get(public), bytes)}
    for other in ("heap",) if "heap" in signed else sorted(signed):
        if signed[other] != state:
            return (f"{name} was signed as a part of state {state.hex()[:12]}, {other} of state "
                    f"{signed[other].hex()[:12]} by the same key: "
                    "they were not signed together.  csl-image sign signs the whole again")
    return ""


def _verifies(public: bytes, signature: bytes, text: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except InvalidSignature:
        return False
    return True


def not_admitted(trust: Trust, image: Image, name: str) -> Fallback | None:
    """Why a section of native code is not used: it belongs to something else, or nobody vouches for it; None when it
    may be.  What it holds still has to match its digests.
    """
    if is_program(image):
        return None
    if why := misfit(image, name):
        return Fallback("mismatch", detail=why)
    doubt = trust.doubt(image, name)
    return Fallback("untrusted", detail=f"section {name}: {doubt}") if doubt else None
