//! Where the browser goes when it is all over: a page of this site, whatever was asked.
//!
//! Browsers and URL parsers disagree about backslashes, tabs and dots, and every disagreement has been an
//! open redirect somewhere. So a return address is refused for any of the shapes they disagree about, then
//! parsed, then compared with our origin, and what leaves is an absolute URL on our own origin
//! (requirements RD-1 to RD-6).

use serde::{Deserialize, Serialize};
use url::Url;

/// No return address is longer (requirement RD-5).
const MAX_LENGTH: usize = 2048;
/// Returning into the sign-in itself would go round for ever.
const OUR_OWN: &str = "/auth/";

/// A path and query of this site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReturnTo(String);

impl Default for ReturnTo {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

impl ReturnTo {
    /// What was asked for, if it is a page of this site; else the front page.
    #[must_use]
    pub fn new(asked: &str, public_url: &Url) -> Self {
        Self::parse(asked, public_url).unwrap_or_default()
    }

    fn parse(asked: &str, public_url: &Url) -> Option<Self> {
        if asked.len() > MAX_LENGTH || has_disputed_shape(asked) {
            return None;
        }
        let url = public_url.join(asked).ok()?;
        if url.origin() != public_url.origin() || !url.username().is_empty() {
            return None;
        }
        let path = url.path();
        // Dot segments may have folded into a second slash, or into a first segment that is as bad: printed as
        // a path, that is another host.
        if has_disputed_shape(path) || path.starts_with(OUR_OWN) {
            return None;
        }
        let kept = match url.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        // Percent-encoding makes three characters of one.
        (kept.len() <= MAX_LENGTH).then_some(Self(kept))
    }

    /// The absolute URL to send the browser to.
    #[must_use]
    pub fn resolve(&self, public_url: &Url) -> Url {
        let url = public_url.join(&self.0).ok();
        url.filter(|url| url.origin() == public_url.origin()).unwrap_or_else(|| public_url.clone())
    }
}

fn has_disputed_shape(asked: &str) -> bool {
    let first_segment =
        asked.get(1..).unwrap_or_default().split(['/', '?']).next().unwrap_or_default();
    let first_segment = first_segment.to_ascii_lowercase();
    !asked.starts_with('/')
        || asked.starts_with("//")
        || asked.contains('\\')
        || asked.chars().any(|c| c.is_control() || c.is_whitespace())
        || ["%2f", "%5c", "%09", "%0a", "%0d", "%00"].iter().any(|odd| first_segment.contains(odd))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Url {
        Url::parse("https://app.example.com").unwrap()
    }

    fn goes_to(asked: &str) -> String {
        ReturnTo::new(asked, &site()).resolve(&site()).to_string()
    }

    #[test]
    fn a_page_of_this_site_is_kept_without_its_fragment() {
        assert_eq!(goes_to("/notes?page=2#top"), "https://app.example.com/notes?page=2");
        assert_eq!(goes_to("/café"), "https://app.example.com/caf%C3%A9");
        assert_eq!(goes_to("/a/../b"), "https://app.example.com/b");
    }

    #[test]
    fn rd_1_to_rd_3_everything_else_goes_to_the_front_page() {
        for asked in [
            "",
            "notes",
            "//evil.com",
            "///evil.com",
            "////evil.com",
            "/\\evil.com",
            "\\\\evil.com",
            "\\/evil.com",
            "/\t/evil.com",
            "/\n/evil.com",
            "\t//evil.com",
            " //evil.com",
            "/ /evil.com",
            "/..//evil.com",
            "/.//evil.com",
            "/%2e%2e//evil.com",
            "/%2e//evil.com",
            "/a/..//evil.com",
            "/./..//evil.com",
            "/%2f/evil.com",
            "/%2F/evil.com",
            "/%5cevil.com",
            "/%5C%5cevil.com",
            "/%09/evil.com",
            "/%0a/evil.com",
            "/%0d/evil.com",
            "/%00/evil.com",
            "https://evil.com",
            "http://app.example.com/",
            "https://app.example.com.evil.com",
            "https:evil.com",
            "https:/evil.com",
            "https://app.example.com@evil.com",
            "https://app.example.com:8443/",
            "javascript:alert(1)",
            "data:text/html,x",
            "/\u{a0}/evil.com",
            "/\u{2028}/evil.com",
            "@evil.com",
            "evil.com",
            "/auth/google/login",
            "/auth/google/callback?code=x",
            "/x/../auth/google/login",
            // What the dot segments leave over is looked at as what was asked is.
            "/x/../%2f/evil.com",
            "/x/../%5cevil.com",
            "/x/%2e%2e/%09/evil.com",
        ] {
            assert_eq!(goes_to(asked), "https://app.example.com/", "{asked:?}");
        }
        for too_long in ["a".repeat(3000), "\u{e9}".repeat(1000)] {
            assert_eq!(goes_to(&format!("/{too_long}")), "https://app.example.com/");
        }
    }

    #[test]
    fn rd_6_no_line_break_gets_into_a_header() {
        for asked in ["/a\r\nSet-Cookie: x=1", "/a\u{85}b", "/a\0"] {
            assert_eq!(goes_to(asked), "https://app.example.com/", "{asked:?}");
        }
        let kept = goes_to("/page?next=%0d%0aSet-Cookie:x");
        assert!(!kept.contains(['\r', '\n']), "{kept}");
    }
}
