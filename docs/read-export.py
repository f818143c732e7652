#!/usr/bin/env python3
"""Opens an exported backup without the appliance.

The passphrase is the first line of standard input. Needs the package `cryptography`. The format is described in backups.md.
"""
import argparse
import hashlib
import hmac
import json
import pathlib
import struct
import sys
import unicodedata

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CHUNK = 64 * 1024 + 16


def unseal(sealed: bytes, passphrase: str) -> bytes:
    head, body = sealed[:80], sealed[80:]
    magic, version, cost = struct.unpack(">8sHB", head[:11])
    if (magic, version) != (b"HOISTBAK", 1):
        sys.exit("This is no export of version 1.")
    n = 2**cost
    keys = hashlib.scrypt(
        unicodedata.normalize("NFC", passphrase).encode(), salt=head[16:48], n=n, r=8, p=1, maxmem=256 * n * 8 + 2**20, dklen=64
    )
    if not hmac.compare_digest(hmac.digest(keys[32:], head[:48], "sha256"), head[48:]):
        sys.exit("Wrong passphrase.")
    cipher = AESGCM(keys[:32])
    chunks = [body[at : at + CHUNK] for at in range(0, len(body), CHUNK)]
    return b"".join(
        cipher.decrypt(index.to_bytes(11, "big") + bytes([index == len(chunks) - 1]), chunk, None)
        for index, chunk in enumerate(chunks)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=pathlib.Path, help="the export, *.hoistbackup")
    parser.add_argument("directory", type=pathlib.Path, help="where its parts are put; made if it is not there")
    asked = parser.parse_args()
    try:
        read(asked.file, asked.directory)
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}")


def read(file: pathlib.Path, directory: pathlib.Path) -> None:
    plain = unseal(file.read_bytes(), sys.stdin.readline().rstrip("\n"))
    (length,) = struct.unpack(">I", plain[:4])
    head = json.loads(plain[4 : 4 + length])
    at = 4 + length
    # What is put there opens every password: for nobody else.
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for part in head["parts"]:
        target = directory / pathlib.Path(part["name"]).name
        target.touch(mode=0o600, exist_ok=False)
        target.write_bytes(plain[at : at + part["sizeBytes"]])
        at += part["sizeBytes"]
    if at != len(plain):
        sys.exit("It holds more than it says.")
    print(json.dumps(head))


main()
