//! `multipart/related` as Drive takes it: a JSON part, then the content.

use axum::body::Bytes;

/// The two parts of an upload.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Multipart {
    pub(super) metadata: Bytes,
    pub(super) content_type: String,
    pub(super) content: Bytes,
}

impl Multipart {
    pub(super) fn parse(content_type: &str, body: &Bytes) -> Option<Self> {
        let delimiter = format!("--{}", boundary(content_type)?);
        let mut parts = parts(body, delimiter.as_bytes()).into_iter();
        let (metadata, content) = (part(body, parts.next()?)?, part(body, parts.next()?)?);
        Some(Self { metadata: metadata.1, content_type: content.0, content: content.1 })
    }
}

fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().to_ascii_lowercase().starts_with("multipart/") {
        return None;
    }
    let mut parameters = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let (_, value) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))?;
    Some(value.trim().trim_matches('"')).filter(|value| !value.is_empty())
}

/// The ranges between delimiters, each from after its delimiter's line to before the next one's.
fn parts(body: &[u8], delimiter: &[u8]) -> Vec<(usize, usize)> {
    let mut starts: Vec<usize> = Vec::new();
    let mut from = 0;
    while let Some(at) = find(&body[from..], delimiter).map(|at| from + at) {
        // A delimiter stands at the beginning of a line; the same bytes elsewhere are content.
        if at == 0 || body[at - 1] == b'\n' {
            starts.push(at);
        }
        from = at + delimiter.len();
    }
    starts.windows(2).map(|pair| (pair[0] + delimiter.len(), pair[1])).collect()
}

/// Splits headers from content; returns the content type and the content.
fn part(body: &Bytes, (start, end): (usize, usize)) -> Option<(String, Bytes)> {
    let raw = &body[start..end];
    let crlf = find(raw, b"\r\n\r\n").map(|at| (at, 4));
    let (at, length) = crlf.or_else(|| find(raw, b"\n\n").map(|at| (at, 2)))?;
    let headers = std::str::from_utf8(&raw[..at]).ok()?;
    let mut headers = headers.lines().filter_map(|line| line.split_once(':'));
    let content_type = headers.find(|(name, _)| name.trim().eq_ignore_ascii_case("content-type"));
    let content = body.slice(start + at + length..end);
    let content = content.strip_suffix(b"\n").map_or(&content[..], |line| line);
    let content = content.strip_suffix(b"\r").unwrap_or(content);
    let content = body.slice_ref(content);
    Some((content_type.map_or_else(String::new, |(_, value)| value.trim().to_owned()), content))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_parts_are_told_apart_and_lose_only_their_own_line_ends() {
        let body = Bytes::from_static(
            b"--foo\r\nContent-Type: application/json\r\n\r\n{\"name\":\"a\"}\r\n\
              --foo\r\nContent-Type: text/plain\r\n\r\none --foo two\r\n\r\n--foo--",
        );
        let multipart = Multipart::parse("multipart/related; boundary=\"foo\"", &body).unwrap();
        assert_eq!(multipart.metadata, "{\"name\":\"a\"}");
        assert_eq!(multipart.content_type, "text/plain");
        assert_eq!(multipart.content, "one --foo two\r\n");
    }

    #[test]
    fn one_part_is_not_enough() {
        let body = Bytes::from_static(b"--foo\r\n\r\n{}\r\n--foo--");
        assert_eq!(Multipart::parse("multipart/related; boundary=foo", &body), None);
    }
}
