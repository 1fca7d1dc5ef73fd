//! The headers that every answer carries, errors included (requirement HH-1).

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};

/// A page that needs more sets its own policy; everything else shows nothing and is framed by nobody.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static COMMON: [(HeaderName, HeaderValue); 7] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        // The sign-in popup must be able to tell its opener that it is done.
        HeaderValue::from_static("same-origin-allow-popups"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// Two years, as browsers' preload lists want at least one.
const STRICT_TRANSPORT_SECURITY: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// What to add to the answers of one listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SecurityHeaders {
    /// Whether the public address is https, so that browsers may be told never to try http.
    pub is_https: bool,
}

impl SecurityHeaders {
    /// Adds what the handler has not set itself.
    pub fn add_to(self, headers: &mut HeaderMap) {
        headers.reserve(COMMON.len() + 2);
        for (name, value) in &COMMON {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        if self.is_https {
            headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(STRICT_TRANSPORT_SECURITY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_a_page_set_itself() {
        let mut headers = HeaderMap::new();
        let policy = HeaderValue::from_static("default-src 'self'");
        headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
        SecurityHeaders { is_https: true }.add_to(&mut headers);
        assert_eq!(headers[header::CONTENT_SECURITY_POLICY], policy);
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(headers[header::STRICT_TRANSPORT_SECURITY], "max-age=63072000");
    }

    #[test]
    fn promises_https_only_where_there_is_https() {
        let mut headers = HeaderMap::new();
        SecurityHeaders { is_https: false }.add_to(&mut headers);
        assert!(!headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
    }
}
