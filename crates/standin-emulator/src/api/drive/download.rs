//! The bytes of a file, whole or in part.
//!
//! Content and type are the uploader's, the origin is ours: only types that no browser runs are named,
//! and no answer may be shown as a page.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::store::File;
use super::{forbidden, number};
use crate::api::refusal::Refusal;

const HARMLESS: [&str; 10] = [
    "application/gzip",
    "application/json",
    "application/zip",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/csv",
    "text/markdown",
    "text/plain",
];

pub(super) fn answer(file: &File, range: Option<&str>) -> Result<Response, Refusal> {
    if !file.has_content() {
        let message = "Only files with binary content can be downloaded. \
            Use Export with Docs Editors files.";
        return Err(forbidden("fileNotDownloadable", message).at("parameter", "alt"));
    }
    let length = file.content.bytes.len();
    let mut response = match Part::of(range.unwrap_or_default(), length) {
        Part::Whole => file.content.bytes.clone().into_response(),
        Part::Outside => {
            let range = [(header::CONTENT_RANGE, format!("bytes */{length}"))];
            (StatusCode::RANGE_NOT_SATISFIABLE, range).into_response()
        }
        Part::Bytes(first, last) => {
            let range = [(header::CONTENT_RANGE, format!("bytes {first}-{last}/{length}"))];
            let part = file.content.bytes.slice(first..=last);
            (StatusCode::PARTIAL_CONTENT, range, part).into_response()
        }
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, content_type(file)),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
    ] {
        headers.insert(name, value);
    }
    Ok(response)
}

fn content_type(file: &File) -> HeaderValue {
    let declared = file.text("mimeType");
    let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let named = HARMLESS.contains(&essence.as_str()).then(|| HeaderValue::from_str(declared).ok());
    named.flatten().unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// What a `Range` asks for (RFC 9110 §14).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    /// Everything: there is no range, or none that is understood.
    Whole,
    /// From the first byte to the last, both included.
    Bytes(usize, usize),
    /// Nothing that the file has.
    Outside,
}

impl Part {
    fn of(range: &str, length: usize) -> Self {
        Self::parse(range, length).unwrap_or(Self::Whole)
    }

    fn parse(range: &str, length: usize) -> Option<Self> {
        let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
        let (first, last) = if first.is_empty() {
            let suffix = number(last)?;
            (if suffix == 0 { length } else { length.saturating_sub(suffix) }, usize::MAX)
        } else {
            (number(first)?, if last.is_empty() { usize::MAX } else { number(last)? })
        };
        Some(match length.checked_sub(1) {
            _ if last < first => return None,
            Some(end) if first <= end => Self::Bytes(first, last.min(end)),
            _ => Self::Outside,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::store::a_file;
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_file_or_refused() {
        assert_eq!(Part::of("bytes=0-3", 10), Part::Bytes(0, 3));
        assert_eq!(Part::of("bytes=4-", 10), Part::Bytes(4, 9));
        assert_eq!(Part::of("bytes=4-99", 10), Part::Bytes(4, 9));
        assert_eq!(Part::of("bytes=-3", 10), Part::Bytes(7, 9));
        assert_eq!(Part::of("bytes=-30", 10), Part::Bytes(0, 9));
        for outside in ["bytes=10-", "bytes=10-12", "bytes=-0"] {
            assert_eq!(Part::of(outside, 10), Part::Outside, "{outside}");
        }
        assert_eq!(Part::of("bytes=0-", 0), Part::Outside);
        for ignored in
            ["bytes=3-2", "bytes=a-b", "items=0-1", "bytes=0-1,3-4", "bytes=+1-2", "bytes=-"]
        {
            assert_eq!(Part::of(ignored, 10), Part::Whole, "{ignored}");
        }
    }

    #[test]
    fn only_harmless_types_are_named() {
        let named = |kind: &str| content_type(&a_file("a", kind));
        assert_eq!(named("text/plain; charset=utf-8"), "text/plain; charset=utf-8");
        for active in ["text/html", "TEXT/HTML", "image/svg+xml", "text/plain\n", "application/pdf"]
        {
            assert_eq!(named(active), "application/octet-stream", "{active}");
        }
    }
}
