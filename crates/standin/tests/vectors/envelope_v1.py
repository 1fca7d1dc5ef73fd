#!/usr/bin/env python3
"""Makes envelope_v1.hex with another implementation of AES-GCM (PyPI: cryptography).

Layout: format 01, suite 01, key id (u32, big endian), nonce (12 bytes), ciphertext and tag; the six header
bytes stand before the place in the associated data.
"""
import hashlib

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

key = bytes([7]) * 32
header = bytes.fromhex("010100000001")
nonce = hashlib.sha256((1).to_bytes(8, "big") + (0).to_bytes(8, "big")).digest()[:12]
sealed = AESGCM(key).encrypt(nonce, b"1//golden", header + b"place")
print((header + nonce + sealed).hex())
