//! The framing of a head, byte by byte: what two servers could read differently is refused.
//!
//! hyper takes a bare line feed for a line's end, lets a length stand beside a transfer coding (dropping
//! the length), lets equal lengths stand twice, and chunks within chunks count as chunks. Each of them is how one request is smuggled inside
//! another past a proxy that reads it the other way (requirement HH-4; RFC 9112 §2.2, §6.3).

use memchr::memchr;

/// Why a head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Ambiguous {
    #[error("a line of the request's head does not end with CR LF")]
    BareLineFeed,
    #[error("the request has another Transfer-Encoding than `chunked`, or that one twice")]
    Coding,
    #[error("a header is folded over two lines")]
    Folded,
    #[error("the request has both Content-Length and Transfer-Encoding")]
    LengthAndCoding,
    #[error("the request's head is not complete")]
    Incomplete,
    #[error("the request has more than one Content-Length or Transfer-Encoding")]
    Repeated,
}

/// The length of the head that `bytes` begin with, its last empty line included.
pub(super) fn check(bytes: &[u8]) -> Result<usize, Ambiguous> {
    let (mut lengths, mut codings, mut position) = (0, 0, 0);
    let (mut is_request_line, mut is_plain) = (true, true);
    while let Some(length) = memchr(b'\n', &bytes[position..]) {
        let line = &bytes[position..position + length];
        let line = line.strip_suffix(b"\r").ok_or(Ambiguous::BareLineFeed)?;
        position += length + 1;
        match line {
            // Empty lines before a request are allowed (RFC 9112 §2.2).
            [] if is_request_line => {}
            [] => return verdict(lengths, codings, is_plain).map(|()| position),
            [b' ' | b'\t', ..] => return Err(Ambiguous::Folded),
            _ if is_request_line => is_request_line = false,
            _ => {
                let (name, value) = line.split_at(memchr(b':', line).unwrap_or(line.len()));
                let name = name.trim_ascii();
                lengths += usize::from(name.eq_ignore_ascii_case(b"content-length"));
                if name.eq_ignore_ascii_case(b"transfer-encoding") {
                    codings += 1;
                    is_plain &= is_chunked(value);
                }
            }
        }
    }
    Err(Ambiguous::Incomplete)
}

fn verdict(lengths: usize, codings: usize, is_plain: bool) -> Result<(), Ambiguous> {
    match (lengths, codings) {
        (0, 1) if !is_plain => Err(Ambiguous::Coding),
        (0 | 1, 0) | (0, 1) => Ok(()),
        (0, _) | (_, 0) => Err(Ambiguous::Repeated),
        (_, _) => Err(Ambiguous::LengthAndCoding),
    }
}

/// The one coding of requests: a second one within it is read by some servers and not by others (RFC 9112 §6.1).
fn is_chunked(value: &[u8]) -> bool {
    value
        .strip_prefix(b":")
        .is_some_and(|value| value.trim_ascii().eq_ignore_ascii_case(b"chunked"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_a_head() {
        let head = b"\r\nGET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
        assert_eq!(check(&[head, &b"abc"[..]].concat()), Ok(head.len()));
        let head = b"POST / HTTP/1.1\r\nTransfer-Encoding:\tChunked \r\n\r\n";
        assert_eq!(check(head), Ok(head.len()));
    }

    #[test]
    fn refuses_what_can_be_read_in_two_ways() {
        for (lines, why) in [
            ("Host: a\n", Ambiguous::BareLineFeed),
            ("Host: a\r\n b\r\n", Ambiguous::Folded),
            ("Content-Length: 1\r\nContent-Length: 1\r\n", Ambiguous::Repeated),
            ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", Ambiguous::LengthAndCoding),
            ("transfer-encoding : chunked\r\ncontent-length: 1\r\n", Ambiguous::LengthAndCoding),
            ("Transfer-Encoding: chunked, chunked\r\n", Ambiguous::Coding),
            ("Transfer-Encoding: gzip, chunked\r\n", Ambiguous::Coding),
            ("Transfer-Encoding: \x0bchunked\r\n", Ambiguous::Coding),
            ("Host: a", Ambiguous::Incomplete),
        ] {
            let head = format!("GET / HTTP/1.1\r\n{lines}\r\n");
            let head = head
                .strip_suffix("Host: a\r\n")
                .map_or(head.clone(), |cut| format!("{cut}Host: a"));
            assert_eq!(check(head.as_bytes()), Err(why), "{lines:?}");
        }
    }
}
