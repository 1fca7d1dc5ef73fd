//! Cookies, byte for byte.
//!
//! The `__Host-` prefix keeps a sibling domain from planting a cookie of ours, but only if the server reads
//! names exactly as they stand: a parser that decodes `%5F%5FHost-` or trims odd white space gives that
//! away again. So this one splits at `;` and at the first `=`, drops spaces and tabs around a pair, and does
//! nothing else. A name that stands twice is nobody's: the caller is told, and never shown one of the two.

use std::time::Duration;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// No cookie of ours is longer, name, value and attributes together (RFC 6265 §6.1).
pub const MAX_COOKIE: usize = 4096;

/// The cookies of one request, unparsed.
#[derive(Clone, Copy)]
pub struct Cookies<'a> {
    headers: &'a HeaderMap,
}

/// What a request holds under one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// More than once: somebody is tossing cookies. None of them counts.
    Many,
    /// Nothing.
    Nothing,
    /// Exactly one, in ASCII.
    One(&'a str),
}

impl<'a> Cookies<'a> {
    /// Of these headers.
    #[must_use]
    pub const fn of(headers: &'a HeaderMap) -> Self {
        Self { headers }
    }

    /// What stands under exactly this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Found<'a> {
        let mut values = self.pairs().filter(|(found, _)| *found == name.as_bytes());
        match (values.next(), values.next()) {
            (None, _) => Found::Nothing,
            (Some((_, value)), None) => match std::str::from_utf8(value) {
                Ok(value) if value.is_ascii() => Found::One(value),
                _ => Found::Nothing,
            },
            (Some(_), Some(_)) => Found::Many,
        }
    }

    /// The names that begin with `prefix`, in the order they came.
    pub fn names_with_prefix(&self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs()
            .filter_map(|(name, _)| std::str::from_utf8(name).ok())
            .filter(move |name| name.starts_with(prefix))
    }

    fn pairs(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.headers
            .get_all(COOKIE)
            .iter()
            .flat_map(|header| header.as_bytes().split(|byte| *byte == b';'))
            .filter_map(|pair| {
                let pair = pair.trim_ascii();
                let equals = pair.iter().position(|byte| *byte == b'=')?;
                Some((&pair[..equals], &pair[equals + 1..]))
            })
    }
}

/// A cookie to be set: always `Secure`, `HttpOnly`, host-only, for the whole site, `SameSite=Lax`.
///
/// Lax, since the navigation that comes back from the provider crosses sites and must bring it. Where the
/// provider's page posts its answer, even that is too little: see [`across_sites`](Self::across_sites).
#[derive(Clone, PartialEq, Eq)]
pub struct SetCookie {
    name: String,
    value: String,
    max_age: Duration,
    same_site: &'static str,
}

impl std::fmt::Debug for SetCookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SetCookie({}=…)", self.name)
    }
}

impl SetCookie {
    /// Sets `name`, which begins with `__Host-`, for `max_age`.
    #[must_use]
    pub fn new(name: impl Into<String>, value: impl Into<String>, max_age: Duration) -> Self {
        Self { name: name.into(), value: value.into(), max_age, same_site: "Lax" }
    }

    /// The same with `SameSite=None`, so that a form which another site posts brings it.
    ///
    /// # Security
    /// Never for a session: whatever another site makes the browser send carries this cookie, so it may be
    /// worth something only together with what that site cannot know.
    #[must_use]
    pub(crate) fn across_sites(self) -> Self {
        Self { same_site: "None", ..self }
    }

    /// Takes a cookie away, with the attributes it was set with.
    #[must_use]
    pub fn clear(name: impl Into<String>) -> Self {
        Self::new(name, "", Duration::ZERO)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its value.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// As a `Set-Cookie` header. Name and value are base64url and fixed text: nothing to be escaped.
    #[must_use]
    pub fn to_header(&self) -> HeaderValue {
        let Self { name, value, max_age, same_site } = self;
        let text = format!(
            "{name}={value}; Path=/; Max-Age={}; Secure; HttpOnly; SameSite={same_site}",
            max_age.as_secs()
        );
        let mut header =
            HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""));
        header.set_sensitive(true);
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "__Host-standin";

    fn find(header: &[u8]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_bytes(header).unwrap());
        format!("{:?}", Cookies::of(&headers).find(NAME))
    }

    #[test]
    fn finds_a_cookie_among_others() {
        assert_eq!(find(b"a=1; __Host-standin=v; b=2"), "One(\"v\")");
        assert_eq!(find(b"a=1"), "Nothing");
        assert_eq!(find(b""), "Nothing");
    }

    #[test]
    fn sc_8_two_of_the_name_are_none_of_them() {
        assert_eq!(find(b"__Host-standin=v; __Host-standin=v"), "Many");
        assert_eq!(find(b"__Host-standin=v; x=1; __Host-standin=w"), "Many");
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("__Host-standin=v"));
        headers.append(COOKIE, HeaderValue::from_static("__Host-standin=w"));
        assert_eq!(Cookies::of(&headers).find(NAME), Found::Many);
    }

    #[test]
    fn sc_9_a_name_is_its_bytes() {
        for other in [
            &b"%5F%5FHost-standin=v"[..],
            b"\xe2\x80\x80__Host-standin=v",
            b"__Host-standin\xe2\x80\x80=v",
            b"__Host-standin\t=v",
            b"__Host-standin =v",
            b"=__Host-standin=v",
            b"\"__Host-standin\"=v",
            b"__host-standin=v",
            b"$Version=1,__Host-standin=v",
        ] {
            assert_eq!(find(other), "Nothing", "{}", String::from_utf8_lossy(other));
        }
    }

    #[test]
    fn sc_10_junk_beside_it_does_not_matter() {
        assert_eq!(find(b"junk=\xe2\x80\x80; ;=; x; __Host-standin=v"), "One(\"v\")");
    }

    #[test]
    fn sc_1_every_cookie_carries_every_attribute() {
        assert_eq!(
            SetCookie::new(NAME, "v", Duration::from_mins(1)).to_header(),
            "__Host-standin=v; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax"
        );
    }
}
