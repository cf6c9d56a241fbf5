"""The commands of ``csl-image`` about trust: who vouches for an image, and whom this user believes."""

from __future__ import annotations

import argparse
import os
from typing import Any

from csl_native.image.container import STRONG, Image, ImageError, Section, matches
from csl_native.image.digests import wrong_page
from csl_native.image.writing import Writer
from csl_native.saving.belonging import kind_of, misfit, owner_of
from csl_native.saving.trust import (
    KEY_SIZE,
    TrustError,
    config_folder,
    key_of,
    local_key,
    set_trusted,
    state_of,
    trusted_keys,
    vouched,
)
from csl_native.saving.trust import sign as signed
from csl_native.system.files import BINARY
from csl_native.tools.names import section as section_name

# what runs, or is run by something
CODE = ("heap", "kernel-", "stencils-", "functions-", "native-", "module-", "typed-")


def private_key(path: str, make: bool) -> Any:
    """An Ed25519 private key from a PEM or OpenSSH file; ``make``: a new one, when there is no such file."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    if make and not os.path.exists(path):
        data = Ed25519PrivateKey.generate().private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                          serialization.NoEncryption())
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY, 0o600), "wb") as file:
            file.write(data)
    if not os.path.exists(path):
        raise TrustError(f"{path}: there is no such key; check the name, or make one with --make-key")
    with open(path, "rb") as file:
        data = file.read(1 << 16)
    load = serialization.load_ssh_private_key if b"OPENSSH" in data else serialization.load_pem_private_key
    try:
        key = load(data, password=None)
    except (ValueError, TypeError) as error:
        raise TrustError(f"{path}: no private key that can be read ({error}); a PEM file without a password was "
                         "expected, "
                         "as openssl genpkey -algorithm ed25519 or --make-key makes it") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise TrustError(f"{path}: a key of another kind ({type(key).__name__}); Ed25519 expected")
    return key


def public_key(text: str) -> bytes:
    """A public key given as hexadecimal digits, or as a file: PEM (public or private) or OpenSSH."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    if not os.path.exists(text):
        key = key_of(text)
        if key is None:
            raise TrustError(f"{text}: neither a file nor a public key of {2 * KEY_SIZE} hexadecimal digits")
        return key
    with open(text, "rb") as file:
        data = file.read(1 << 16)
    if b"PRIVATE" in data:
        found: Any = private_key(text, False).public_key()
    else:
        try:
            found = (serialization.load_ssh_public_key(data) if data.startswith(b"ssh-")
                     else serialization.load_pem_public_key(data))
        except ValueError as error:
            raise TrustError(f"{text}: no public key that can be read ({error}); PEM or OpenSSH expected") from None
    if not isinstance(found, Ed25519PublicKey):
        raise TrustError(f"{text}: a key of another kind ({type(found).__name__}); Ed25519 expected")
    return raw(found)


def raw(public: Any) -> bytes:
    from cryptography.hazmat.primitives import serialization
    data: bytes = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return data


def sign(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Vouch for all code of the image: with a key, or for this user alone."""
    private = private_key(options.key, options.make_key) if options.key else None
    with Writer(image.path) as writer:
        infos = sealed(writer.image, private)
        writer.commit(infos=infos)
    signer = raw(private.public_key()).hex() if private is not None else "this user"
    return [{"section": section_name(name), "signed by": signer} for name in sorted(infos)], 0


def sealed(image: Image, private: Any) -> dict[str, dict[str, Any]]:
    """What is said of the sections that hold code, with a seal more: by a key, or without one by this user."""
    bad = image.verify() or image.doubts
    if bad:
        raise ImageError(f"{image.path}: damaged: {', '.join(bad)}; only what is whole is signed")
    own = local_key(make=True) if private is None else None
    public = raw(private.public_key()) if private is not None else b""
    sections = [_whole(image, name) for name in image.sections if name.startswith(CODE)]
    state = state_of(sections)
    return {s.name: signed(s, private, public, state) if own is None else vouched(s, own) for s in sections}


def _whole(image: Image, name: str) -> Section:
    """A section as it is signed, when it is what it says and with what it belongs to."""
    section = image.sections[name]
    info, owner = section.info, owner_of(name)
    if len(section.digest) != STRONG:
        raise ImageError(f"{image.path}: section {name} was written by format 1.0, whose digests are too short to be "
                         "signed; preserve it again")
    if why := misfit(image, name):
        raise ImageError(f"{image.path}: {why}; only what belongs together is signed.  csl-image drop takes the pages "
                         "of a tag out")
    if name == "heap":
        for other in ("starts", "instructions"):
            if other in image.sections and not matches(image.read(other), info.get(other, b"")):
                raise ImageError(f"{image.path}: section {other} is not that of its heap; restore the image from a "
                                 "copy or make it again")
        if "pages" in info and wrong_page(image.view(name, check=False), info["pages"]) is not None:
            raise ImageError(f"{image.path}: damaged: the digests of its heap's pages; only what is whole is signed")
    elif owner in image.sections and kind_of(owner) not in info:  # of format 1.0, or made by a builder: it is said now
        info = {**info, kind_of(owner): image.sections[owner].digest, "compared": True}
    return Section(name, b"", section.raw, info, section.offset, section.stored, section.length, section.digest)


def trust(image: Image | None, options: argparse.Namespace) -> tuple[Any, int]:
    """Trust a public key, take that back, or list the trusted ones."""
    keys = trusted_keys()
    if options.key is None and (options.remove or options.name):
        raise TrustError("--remove and --name need the key that they are about; csl-image trust lists the trusted ones")
    if options.key is not None:
        key = public_key(options.key)
        if options.remove and key not in keys:
            raise TrustError(f"{key.hex()}: is not trusted; csl-image trust lists the keys in {config_folder()}")
        if options.remove:
            del keys[key]
        else:
            keys[key] = options.name or keys.get(key, "")
        set_trusted(keys)
    return [{"key": key.hex(), "name": name} for key, name in keys.items()], 0
