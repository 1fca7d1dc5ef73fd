// Throw-away certificates: an authority that lives as long as this process, and a server it vouches for.
//
// Node signs but has no writer for X.509, so the few lines of DER stand here. Keys never leave memory.

import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";

const DAY_MS = 86_400_000;
const ECDSA_SHA256 = "1.2.840.10045.4.3.2";

/** An authority's certificate, and one of its own for a server with these names, all as PEM. */
export function throwAway(hosts) {
  const authority = { name: "Throw-away authority of the interop tests", keys: newKeys() };
  const server = { name: hosts[0], keys: newKeys() };
  const authorityExtensions = [
    extension("2.5.29.19", sequence(boolean(true)), "critical"), // basicConstraints: an authority
    extension("2.5.29.15", bits(1, 0x06), "critical"), // keyUsage: signs certificates and lists
    extension("2.5.29.14", octets(keyId(authority))),
  ];
  const names = hosts.map((host) => der(0x82, Buffer.from(host)));
  const serverExtensions = [
    extension("2.5.29.19", sequence(), "critical"),
    extension("2.5.29.15", bits(7, 0x80), "critical"), // keyUsage: digital signatures
    extension("2.5.29.37", sequence(oid("1.3.6.1.5.5.7.3.1"))), // for TLS servers
    extension("2.5.29.35", sequence(der(0x80, keyId(authority)))),
    extension("2.5.29.17", sequence(...names)),
  ];
  return {
    authority: certificate(authority, authority, authorityExtensions),
    certificate: certificate(server, authority, serverExtensions),
    key: server.keys.privateKey.export({ type: "pkcs8", format: "pem" }),
  };
}

function newKeys() {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

function keyId({ keys }) {
  return createHash("sha256").update(spki(keys)).digest().subarray(0, 20);
}

function spki({ publicKey }) {
  return publicKey.export({ type: "spki", format: "der" });
}

function certificate(subject, issuer, extensions) {
  const serial = der(0x02, Buffer.concat([Buffer.of(0x01), randomBytes(15)]));
  const validity = sequence(utcTime(Date.now() - DAY_MS), utcTime(Date.now() + DAY_MS));
  const version3 = der(0xa0, der(0x02, Buffer.of(2)));
  const body = sequence(
    version3,
    serial,
    sequence(oid(ECDSA_SHA256)),
    distinguishedName(issuer.name),
    validity,
    distinguishedName(subject.name),
    spki(subject.keys),
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign("sha256", body, issuer.keys.privateKey);
  const whole = sequence(body, sequence(oid(ECDSA_SHA256)), bits(0, ...signature));
  const lines = whole.toString("base64").match(/.{1,64}/g).join("\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function distinguishedName(name) {
  const commonName = sequence(oid("2.5.4.3"), der(0x0c, Buffer.from(name)));
  return sequence(der(0x31, commonName));
}

function extension(id, value, critical) {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value));
}

function utcTime(at) {
  const digits = new Date(at).toISOString().replace(/[-:T]/g, "").slice(2, 14);
  return der(0x17, Buffer.from(`${digits}Z`));
}

function oid(text) {
  const [first, second, ...rest] = text.split(".").map(Number);
  return der(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** Seven bits a byte, most significant first; all but the last have the eighth bit. */
function base128(number) {
  const bytes = [number & 0x7f];
  for (let rest = number >> 7; rest > 0; rest >>= 7) bytes.unshift((rest & 0x7f) | 0x80);
  return bytes;
}

function sequence(...parts) {
  return der(0x30, ...parts);
}

function boolean(value) {
  return der(0x01, Buffer.of(value ? 0xff : 0));
}

function octets(value) {
  return der(0x04, value);
}

function bits(unused, ...bytes) {
  return der(0x03, Buffer.from([unused, ...bytes]));
}

function der(tag, ...parts) {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = [length >> 16, length >> 8, length].map((byte) => byte & 0xff);
  while (size.length > 1 && size[0] === 0) size.shift();
  const head = length < 0x80 ? [length] : [0x80 | size.length, ...size];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}
