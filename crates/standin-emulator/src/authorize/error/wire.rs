//! `authError`: base64url of a small protobuf message.
//!
//! 1 code, 2 description, 3 help URL, 4 HTTP status, 5 a detail (name and value), 6 the description
//! once more for messages with a detail.

use data_encoding::BASE64URL_NOPAD;

use super::AuthError;

impl AuthError {
    pub(super) fn encode(&self) -> String {
        let mut message = Vec::new();
        put_text(&mut message, 1, &self.code);
        put_text(&mut message, 2, &self.description);
        if !self.help.is_empty() {
            put_text(&mut message, 3, &self.help);
        }
        message.push(4 << 3);
        put_varint(&mut message, usize::from(self.status));
        if let Some((name, value)) = &self.detail {
            let mut detail = Vec::new();
            put_text(&mut detail, 1, name);
            put_text(&mut detail, 2, value);
            put_bytes(&mut message, 5, &detail);
            let mut again = vec![1 << 3, 1];
            put_text(&mut again, 2, &self.description);
            put_text(&mut again, 3, &self.help);
            put_bytes(&mut message, 6, &again);
        }
        BASE64URL_NOPAD.encode(&message)
    }

    /// Reads back what [`AuthError::encode`] wrote; unknown fields are skipped.
    pub(super) fn decode(text: &str) -> Option<Self> {
        let message = BASE64URL_NOPAD.decode(text.trim_end_matches('=').as_bytes()).ok()?;
        let mut error = Self::default();
        for (field, value) in fields(&message)? {
            match (field, value) {
                (1, Field::Bytes(bytes)) => error.code = string(bytes)?,
                (2, Field::Bytes(bytes)) => error.description = string(bytes)?,
                (3, Field::Bytes(bytes)) => error.help = string(bytes)?,
                (4, Field::Number(status)) => error.status = u16::try_from(status).ok()?,
                (5, Field::Bytes(bytes)) => error.detail = Some(detail(bytes)?),
                _ => {}
            }
        }
        Some(error)
    }
}

enum Field<'a> {
    Number(usize),
    Bytes(&'a [u8]),
}

fn put_text(message: &mut Vec<u8>, field: u8, text: &str) {
    put_bytes(message, field, text.as_bytes());
}

fn put_bytes(message: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    message.push(field << 3 | 2);
    put_varint(message, bytes.len());
    message.extend_from_slice(bytes);
}

fn put_varint(message: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        message.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    message.push(number.to_le_bytes()[0]);
}

fn fields(mut message: &[u8]) -> Option<Vec<(u8, Field<'_>)>> {
    let mut fields = Vec::new();
    while let Some((&tag, rest)) = message.split_first() {
        let (number, rest) = varint(rest)?;
        let (value, rest) = match tag & 7 {
            0 => (Field::Number(number), rest),
            2 => {
                let (bytes, rest) = rest.split_at_checked(number)?;
                (Field::Bytes(bytes), rest)
            }
            _ => return None,
        };
        fields.push((tag >> 3, value));
        message = rest;
    }
    Some(fields)
}

fn varint(message: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0;
    for (index, &byte) in message.iter().take(4).enumerate() {
        number |= usize::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Some((number, &message[index + 1..]));
        }
    }
    None
}

fn detail(message: &[u8]) -> Option<(Box<str>, Box<str>)> {
    let mut detail = (Box::default(), Box::default());
    for (field, value) in fields(message)? {
        match (field, value) {
            (1, Field::Bytes(bytes)) => detail.0 = string(bytes)?,
            (2, Field::Bytes(bytes)) => detail.1 = string(bytes)?,
            _ => {}
        }
    }
    Some(detail)
}

fn string(bytes: &[u8]) -> Option<Box<str>> {
    std::str::from_utf8(bytes).ok().map(Box::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_client_is_encoded_byte_for_byte_as_google_does() {
        let vector = "Cg5pbnZhbGlkX2NsaWVudBIfVGhlIE9BdXRoIGNsaWVudCB3YXMgbm90IGZvdW5kLiCRAw";
        assert_eq!(AuthError::invalid_client().encode(), vector);
    }

    #[test]
    fn a_redirect_uri_mismatch_begins_as_googles_does() {
        let uri = "http://localhost:3000/auth/google/callback";
        let encoded = AuthError::redirect_uri_mismatch(uri).encode();
        let prefix = "ChVyZWRpcmVjdF91cmlfbWlzbWF0Y2gSsAEKWW91IGNhbid0IHNpZ24gaW4gdG8gdGhpcyBhcHAg";
        assert!(encoded.starts_with(prefix), "{encoded}");
    }

    #[test]
    fn what_was_encoded_is_read_back() {
        for error in [
            AuthError::invalid_client(),
            AuthError::redirect_uri_mismatch("http://localhost:3000/cb"),
            AuthError::invalid_scope(&["openid"], &["foo"]),
        ] {
            assert_eq!(AuthError::decode(&error.encode()), Some(error));
        }
    }

    #[test]
    fn garbage_is_no_error() {
        for garbage in ["!", "Cg", "CgX_", "_____w"] {
            assert_eq!(AuthError::decode(garbage), None, "{garbage}");
        }
    }
}
