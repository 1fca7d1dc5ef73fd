//! Proof that a state-changing request comes from a page of ours.
//!
//! Three witnesses that a foreign page cannot all bring: a custom header (it forces a preflight that we
//! never answer), the exact `Origin`, and what the browser itself says in `Sec-Fetch-Site`.
//!
//! The post of a sign-in button comes from the provider's page and can bring none of them. It brings the same
//! value twice, in a cookie that only a page of this site can set and in its body.

use http::HeaderMap;
use http::header::ORIGIN;
use url::Url;

use super::cookie::{Cookies, Found};
use crate::error::Refusal;
use crate::secret::same_bytes;

const CUSTOM_HEADER: &str = "x-requested-with";
/// As Google's script calls both halves.
const DOUBLE_SUBMIT_COOKIE: &str = "g_csrf_token";
const FETCH_SITE: &str = "sec-fetch-site";

/// Refuses a request that another site may have sent (requirements OC-1, SC-12).
///
/// # Errors
/// [`Refusal::CsrfHeaderMissing`] without `X-Requested-With`, [`Refusal::CrossOrigin`] unless `Origin` is
/// exactly our own and `Sec-Fetch-Site`, where it is sent, says the same.
pub fn require_same_origin(headers: &HeaderMap, public_url: &Url) -> Result<(), Refusal> {
    require_origin(headers, public_url)?;
    if headers.get(CUSTOM_HEADER).is_some_and(|value| !value.is_empty()) {
        Ok(())
    } else {
        Err(Refusal::CsrfHeaderMissing)
    }
}

/// The same of a form that a page of ours posts without a script. No form can send a custom header, so here
/// what the browser itself says is not left out: one that does not say it must ask by script.
///
/// The page needs a referrer policy that lets its own origin be told (`same-origin`, or the browsers'
/// default): with `no-referrer` browsers send `Origin: null`, which is nobody's.
///
/// # Errors
/// [`Refusal::CrossOrigin`] unless `Origin` is exactly our own and `Sec-Fetch-Site` is `same-origin`.
pub fn require_own_form(headers: &HeaderMap, public_url: &Url) -> Result<(), Refusal> {
    require_origin(headers, public_url)?;
    if headers.contains_key(FETCH_SITE) { Ok(()) } else { Err(Refusal::CrossOrigin) }
}

fn require_origin(headers: &HeaderMap, public_url: &Url) -> Result<(), Refusal> {
    let ours = public_url.origin().ascii_serialization();
    let mut origins = headers.get_all(ORIGIN).iter();
    let origin = origins.next().ok_or(Refusal::CrossOrigin)?;
    let says_ours = origin.as_bytes() == ours.as_bytes() && origins.next().is_none();
    let site = headers.get(FETCH_SITE).map(http::HeaderValue::as_bytes);
    if says_ours && site.is_none_or(|site| site == b"same-origin") {
        Ok(())
    } else {
        Err(Refusal::CrossOrigin)
    }
}

/// Refuses a post whose body does not repeat the cookie `g_csrf_token` (requirement ID-20).
///
/// # Errors
/// [`Refusal::CsrfCookieMissing`] and [`Refusal::CsrfFieldMissing`] if that half is missing or empty,
/// [`Refusal::CsrfTokenMismatch`] if they differ, or if there are two cookies of the name.
pub fn require_double_submit(headers: &HeaderMap, field: Option<&str>) -> Result<(), Refusal> {
    let cookie = match Cookies::of(headers).find(DOUBLE_SUBMIT_COOKIE) {
        Found::One(value) if !value.is_empty() => value,
        Found::One(_) | Found::Nothing => return Err(Refusal::CsrfCookieMissing),
        Found::Many => return Err(Refusal::CsrfTokenMismatch),
    };
    let field = field.filter(|field| !field.is_empty()).ok_or(Refusal::CsrfFieldMissing)?;
    if same_bytes(cookie.as_bytes(), field.as_bytes()) {
        Ok(())
    } else {
        Err(Refusal::CsrfTokenMismatch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn check(pairs: &[(&'static str, &'static str)]) -> Result<(), Refusal> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        require_same_origin(&headers, &Url::parse("https://app.example.com").unwrap())
    }

    const OURS: (&str, &str) = ("origin", "https://app.example.com");
    const HEADER: (&str, &str) = ("x-requested-with", "XmlHttpRequest");

    #[test]
    fn oc_1_a_page_of_ours_passes() {
        assert_eq!(check(&[OURS, HEADER]), Ok(()));
        assert_eq!(check(&[OURS, HEADER, ("sec-fetch-site", "same-origin")]), Ok(()));
    }

    #[test]
    fn sc_12_a_form_is_vouched_for_by_the_browser_itself() {
        let check = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, HeaderValue::from_static(value));
            }
            require_own_form(&headers, &Url::parse("https://app.example.com").unwrap())
        };
        assert_eq!(check(&[OURS, ("sec-fetch-site", "same-origin")]), Ok(()));
        for pairs in [
            &[OURS][..],
            &[OURS, HEADER],
            &[("sec-fetch-site", "same-origin")],
            &[("origin", "null"), ("sec-fetch-site", "same-origin")],
            &[OURS, ("sec-fetch-site", "same-site")],
            &[OURS, ("sec-fetch-site", "none")],
        ] {
            assert_eq!(check(pairs), Err(Refusal::CrossOrigin), "{pairs:?}");
        }
    }

    #[test]
    fn oc_1_everybody_else_is_refused() {
        for origin in [
            "null",
            "http://app.example.com",
            "https://app.example.com.evil.com",
            "https://app.example.com:8443",
            "https://evil.com",
            "https://sub.app.example.com",
            "https://APP.example.com",
            "",
        ] {
            assert_eq!(check(&[("origin", origin), HEADER]), Err(Refusal::CrossOrigin), "{origin}");
        }
        assert_eq!(check(&[HEADER]), Err(Refusal::CrossOrigin));
        assert_eq!(check(&[OURS, OURS, HEADER]), Err(Refusal::CrossOrigin));
        assert_eq!(check(&[OURS]), Err(Refusal::CsrfHeaderMissing));
        for site in ["cross-site", "same-site", "none"] {
            assert_eq!(
                check(&[OURS, HEADER, ("sec-fetch-site", site)]),
                Err(Refusal::CrossOrigin),
                "{site}"
            );
        }
    }
}
