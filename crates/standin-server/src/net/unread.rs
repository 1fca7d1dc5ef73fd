//! Requests that hyper refuses by itself, because it cannot read them: its answers have no body and no headers of ours,
//! and there is no way to give it others. So they are told apart from ours on their way out, and ours sent instead
//! (requirement HH-1).

use std::io::Write as _;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::http::headers::SecurityHeaders;
use crate::http::problem::Problem;

/// How every head begins that hyper writes for a request it cannot read.
const BEGINNING: &[u8] = b"HTTP/1.1 4";
/// What every answer of ours has.
const OURS: &[u8] = b"x-content-type-options: ";
const EMPTY: &[u8] = b"content-length: 0\r\n";

/// What to send instead of `written`, if that is hyper's.
pub(super) fn instead_of(written: &[u8], headers: SecurityHeaders) -> Option<Bytes> {
    let is_hypers = written.starts_with(BEGINNING)
        && written.ends_with(b"\r\n\r\n")
        && contains(written, EMPTY)
        && !contains(written, OURS);
    is_hypers.then(|| answer(status_of(written), headers))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn status_of(written: &[u8]) -> StatusCode {
    let digits = written.get(9..12).unwrap_or_default();
    StatusCode::from_bytes(digits).unwrap_or(StatusCode::BAD_REQUEST)
}

fn answer(status: StatusCode, headers: SecurityHeaders) -> Bytes {
    let problem = match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Problem::headers_too_large(),
        StatusCode::URI_TOO_LONG => Problem::uri_too_long(),
        status => Problem::new(
            status,
            "unreadable_request",
            "The request is not one of HTTP/1.1, or not a whole one.",
        ),
    };
    let body = problem.to_json();
    let mut fields = HeaderMap::new();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(Problem::CONTENT_TYPE));
    fields.insert(header::CONTENT_LENGTH, body.len().into());
    fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.add_to(&mut fields);
    let mut text = Vec::with_capacity(1024);
    // Writing to a Vec cannot fail.
    let _ = write!(text, "HTTP/1.1 {status}\r\n");
    for (name, value) in &fields {
        text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    text.extend([b"\r\n", body.as_bytes()].concat());
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYPERS: &[u8] = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\ndate: Sun, 22 Nov 2026 07:00:00 GMT\r\n\r\n";

    #[test]
    fn what_hyper_says_by_itself_is_said_by_us() {
        let ours = instead_of(HYPERS, SecurityHeaders { is_https: true }).unwrap();
        let text = String::from_utf8(ours.to_vec()).unwrap();
        assert!(text.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{text}");
        assert!(text.contains("strict-transport-security: ") && text.contains("nosniff"), "{text}");
        assert!(text.contains("\"code\":\"headers_too_large\""), "{text}");
        assert_eq!(instead_of(&ours, SecurityHeaders::default()), None);
    }

    #[test]
    fn what_we_say_stays_as_it_is() {
        let not_found = b"HTTP/1.1 404 Not Found\r\nx-content-type-options: nosniff\r\ncontent-length: 0\r\n\r\n";
        let found = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        for ours in [&not_found[..], found, b"HTTP/1.1 4", b"{}", b""] {
            assert_eq!(instead_of(ours, SecurityHeaders::default()), None);
        }
    }
}
