//! Compact JWS (RFC 7515): signed here, or taken apart, when nothing is believed yet.

use data_encoding::BASE64URL_NOPAD;
use serde::de::DeserializeOwned;

use crate::keys::Signer;
use crate::object::Object;

/// The three parts of a token, decoded; the claims in the order in which they came.
#[derive(Debug)]
pub(crate) struct Jws<'a> {
    pub(crate) header: Object,
    pub(crate) claims: Object,
    /// What the signature is over.
    pub(crate) message: &'a str,
    pub(crate) signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// `None` unless there are three parts of base64url, the first two of them JSON objects.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (message, signature) = text.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        Some(Self {
            header: decoded(header)?,
            claims: decoded(claims)?,
            message,
            signature: BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?,
        })
    }

    pub(crate) fn kid(&self) -> Option<&str> {
        self.header.text("kid")
    }

    pub(crate) fn is_rs256(&self) -> bool {
        self.header.text("alg") == Some("RS256")
    }
}

/// What becomes of a signature; receivers must refuse all but the first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Seal {
    Good,
    /// Of the right length, and it does not verify.
    Broken,
    /// None at all.
    Missing,
}

/// The header of a token of this type that `signer` signs.
pub(crate) fn header(signer: &Signer, typ: &str) -> Object {
    Object::default().with("alg", "RS256").with("kid", signer.kid.as_str()).with("typ", typ)
}

/// Signs what header and claims say, whatever that is.
pub(crate) fn sign(signer: &Signer, header: &Object, claims: &Object, seal: Seal) -> String {
    let part = |object: &Object| BASE64URL_NOPAD.encode(object.to_compact().as_bytes());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = match seal {
        Seal::Good => signer.sign(&message),
        Seal::Broken => broken(&signer.sign(&message)),
        Seal::Missing => String::new(),
    };
    format!("{message}.{signature}")
}

fn broken(signature: &str) -> String {
    let mut bytes = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap_or_default();
    if let Some(byte) = bytes.last_mut() {
        *byte ^= 1;
    }
    BASE64URL_NOPAD.encode(&bytes)
}

fn decoded<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_three_parts_with_two_objects_are_a_jws() {
        let object = BASE64URL_NOPAD.encode(br#"{"b":1,"a":"x"}"#);
        let list = BASE64URL_NOPAD.encode(b"[]");
        let jws = format!("{object}.{object}.AAAA");
        let parsed = Jws::parse(&jws).unwrap();
        assert_eq!(parsed.claims.to_compact(), r#"{"b":1,"a":"x"}"#, "the order stays");
        assert_eq!(parsed.claims.text("a"), Some("x"));
        for bad in [
            String::new(),
            format!("{object}.{object}"),
            format!("{object}.{object}.AAAA.AAAA"),
            format!("{object}.{list}.AAAA"),
            format!("{object}.{object}.A=AA"),
        ] {
            assert!(Jws::parse(&bad).is_none(), "{bad}");
        }
    }
}
