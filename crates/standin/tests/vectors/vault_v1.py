#!/usr/bin/env python3
"""Makes vault_v1.json with another implementation of AES-GCM and HKDF (PyPI: cryptography).

Layout: as in envelope_v1.py. What is bound: "standin/v1/", then the name of the field and each part, every one with its
length (u32, big endian) before it. The rows are the first samples of `standin::store::conformance`.
"""
import base64
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEK, DATA_KEY = bytes(range(32)), bytes(range(100, 132))
GRANT = USER = (1).to_bytes(16, "big")
PROVIDER, ISSUER, SUBJECT = "google", "https://accounts.google.com", "109240000000000000001"
CLIENT, ENDPOINT = "1234.apps.googleusercontent.com", "https://oauth2.googleapis.com/token"
KEY_ID = GENERATION = 1


def bound_to(field: str, *parts: bytes) -> bytes:
    every = [field.encode(), *parts]
    return b"standin/v1/" + b"".join(len(part).to_bytes(4, "big") + part for part in every)


def seal(key: bytes, nonce: int, place: bytes, plain: bytes) -> str:
    header, nonce = b"\x01\x01" + KEY_ID.to_bytes(4, "big"), bytes([nonce]) * 12
    return (header + nonce + AESGCM(key).encrypt(nonce, plain, header + place)).hex()


def of_grant() -> bytes:
    return HKDF(hashes.SHA256(), 32, None, b"standin/v1/" + GRANT).derive(DATA_KEY)


def token(field: str, nonce: int, plain: bytes) -> str:
    names = [name.encode() for name in (PROVIDER, ISSUER, SUBJECT, CLIENT, ENDPOINT)]
    place = bound_to(field, GRANT, USER, *names, GENERATION.to_bytes(8, "big"))
    return seal(of_grant(), nonce, place, plain)


def revocation() -> str:
    parts = {"provider": PROVIDER, "issuer": ISSUER, "provider_client": CLIENT, "token_endpoint": ENDPOINT}
    plain = json.dumps({**parts, "token": "1//golden-dying"}, separators=(",", ":")).encode()
    return seal(of_grant(), 4, bound_to("revocation", GRANT), plain)


secret = base64.b64encode(KEK).decode()
print(json.dumps({
    "key_file": f'active = "k1"\n\n[[key]]\nid = "k1"\nsecret = "{secret}"\n',
    "data_key": seal(KEK, 1, bound_to("data_key", KEY_ID.to_bytes(4, "big"), b"k1"), DATA_KEY),
    "access_token": token("access_token", 2, b"ya29.golden"),
    "refresh_token": token("refresh_token", 3, b"1//golden"),
    "revocation": revocation(),
}, indent=2))
