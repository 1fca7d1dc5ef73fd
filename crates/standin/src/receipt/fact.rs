//! What may stand in a receipt: words of ours, measures, and names that are public anyway.
//!
//! Text that comes from outside has no way in but two, issuers and client ids, and only in the form that those
//! have. A text of any other form is told by its length.

use std::fmt;
use std::time::Duration;

use url::Url;

use crate::id::{AttemptId, GrantId};
use crate::provider::Scopes;
use crate::time::Timestamp;
use crate::verify::ProviderId;

/// The longest client id that is shown.
const MAX_CLIENT_ID: usize = 128;
/// The longest path of an issuer that is shown; Entra's holds a tenant.
const MAX_PATH: usize = 80;

/// One thing that may be recorded.
///
/// A literal is a fact, by its lifetime. A `String` is none, and neither is anything that borrows from what somebody
/// sent, so that the compiler refuses `nonce.expose()` here.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fact<'a> {
    /// Another attempt.
    Attempt(AttemptId),
    /// How long a text is.
    Bytes(usize),
    /// A client id; ours, or what stands where it should.
    ClientId(&'a str),
    /// How far an instant is from now.
    Distance { now: Timestamp, instant: Timestamp },
    /// How long it took, or may take.
    For(Duration),
    /// A grant.
    Grant(GrantId),
    /// The host of an address of ours or of a provider's metadata.
    Host(&'a Url),
    /// An issuer; the configured one, or what stands where it should.
    Issuer(&'a str),
    /// A provider's name.
    Provider(&'a ProviderId),
    /// Scopes.
    Scopes(&'a Scopes),
    /// A word of ours.
    Word(&'static str),
}

impl From<&'static str> for Fact<'_> {
    fn from(word: &'static str) -> Self {
        Self::Word(word)
    }
}

impl Fact<'_> {
    /// Yes or no.
    pub(crate) const fn yes(is_so: bool) -> Self {
        Self::Word(if is_so { "yes" } else { "no" })
    }

    /// The `error` of an authorization response, if it is one that the standards know (RFC 6749 §4.1.2.1,
    /// OpenID Connect Core §3.1.2.6).
    pub(crate) fn error_word(word: &str) -> Self {
        const KNOWN: [&str; 16] = [
            "access_denied",
            "account_selection_required",
            "admin_policy_enforced",
            "consent_required",
            "interaction_required",
            "invalid_client",
            "invalid_grant",
            "invalid_request",
            "invalid_scope",
            "login_required",
            "org_internal",
            "server_error",
            "temporarily_unavailable",
            "unauthorized_client",
            "unsupported_response_type",
            "user_cancelled_login",
        ];
        let known = KNOWN.into_iter().find(|known| *known == word);
        known.map_or(Self::Word("an error of another name"), Self::Word)
    }
}

impl fmt::Display for Fact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attempt(id) => write!(f, "{id}"),
            Self::Bytes(count) => write!(f, "{count} bytes"),
            Self::ClientId(text) => client_id(f, text),
            Self::Distance { now, instant } => distance(f, *now, *instant),
            Self::For(duration) => span(f, *duration),
            Self::Grant(id) => write!(f, "{id}"),
            Self::Host(url) => host(f, url),
            Self::Issuer(text) => issuer(f, text),
            Self::Provider(id) => write!(f, "{id}"),
            Self::Scopes(scopes) if scopes.is_empty() => f.write_str("none"),
            Self::Scopes(scopes) => write!(f, "{scopes}"),
            Self::Word(word) => f.write_str(word),
        }
    }
}

fn client_id(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:/".contains(&byte);
    // A JWS has two dots and begins as every JSON object does in base64url.
    let is_name = text.len() <= MAX_CLIENT_ID && !text.starts_with("eyJ");
    if is_name && !text.is_empty() && text.bytes().all(is_part) {
        f.write_str(text)
    } else {
        other_text(f, text)
    }
}

/// Scheme, host and path. What else an address may hold, a name, a password, a query, is not for a receipt.
fn issuer(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let is_google_alias = text == "accounts.google.com";
    if is_google_alias {
        return f.write_str(text);
    }
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
    let Some(url) = url.filter(|url| text.starts_with(&url.origin().ascii_serialization())) else {
        return other_text(f, text);
    };
    f.write_str(&url.origin().ascii_serialization())?;
    let has_path = text.ends_with('/') || url.path() != "/";
    match url.path() {
        path if has_path && path.len() <= MAX_PATH => f.write_str(path)?,
        path if has_path => write!(f, "/… ({} bytes)", path.len())?,
        _ => {}
    }
    let more = url.query().is_some() || url.fragment().is_some();
    if more { f.write_str(" and more") } else { Ok(()) }
}

fn other_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "a text of {} bytes", text.len())
}

fn host(f: &mut fmt::Formatter<'_>, url: &Url) -> fmt::Result {
    f.write_str(url.host_str().unwrap_or("no host"))?;
    url.port().map_or(Ok(()), |port| write!(f, ":{port}"))
}

fn distance(f: &mut fmt::Formatter<'_>, now: Timestamp, instant: Timestamp) -> fmt::Result {
    let seconds = instant.unix_seconds().saturating_sub(now.unix_seconds());
    match seconds {
        0 => f.write_str("now"),
        1.. => write!(f, "in {seconds} s"),
        _ => write!(f, "{} s ago", seconds.unsigned_abs()),
    }
}

fn span(f: &mut fmt::Formatter<'_>, duration: Duration) -> fmt::Result {
    match duration.as_millis() {
        ms @ 0..10_000 => write!(f, "{ms} ms"),
        ms => write!(f, "{} s", ms / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(fact: Fact<'_>) -> String {
        fact.to_string()
    }

    #[test]
    fn ls_1_an_issuer_is_shown_without_what_an_address_may_hide() {
        assert_eq!(shown(Fact::Issuer("https://idp.example")), "https://idp.example");
        assert_eq!(shown(Fact::Issuer("https://idp.example/")), "https://idp.example/");
        assert_eq!(shown(Fact::Issuer("https://idp.example/t/v2.0")), "https://idp.example/t/v2.0");
        assert_eq!(shown(Fact::Issuer("accounts.google.com")), "accounts.google.com");
        assert_eq!(
            shown(Fact::Issuer("https://idp.example/cb?code=4/0A")),
            "https://idp.example/cb and more"
        );
        let long = format!("https://idp.example/{}", "p".repeat(100));
        assert_eq!(shown(Fact::Issuer(&long)), "https://idp.example/… (101 bytes)");
        for other in ["https://user:pass@idp.example", "4/0AdQt8qh", "", "javascript:alert(1)"] {
            assert_eq!(shown(Fact::Issuer(other)), format!("a text of {} bytes", other.len()));
        }
    }

    #[test]
    fn ls_1_what_stands_where_a_client_id_should_is_shown_if_it_could_be_one() {
        let google = "123-abc.apps.googleusercontent.com";
        assert_eq!(shown(Fact::ClientId(google)), google);
        let long = "a".repeat(129);
        for other in ["eyJhbGciOiJSUzI1NiJ9.e30.x", "a b", "<script>", "", &long] {
            assert_eq!(shown(Fact::ClientId(other)), format!("a text of {} bytes", other.len()));
        }
    }

    #[test]
    fn ls_2_an_error_that_no_standard_knows_is_not_repeated() {
        assert_eq!(shown(Fact::error_word("access_denied")), "access_denied");
        assert_eq!(shown(Fact::error_word("4/0AdQt8qh")), "an error of another name");
    }

    #[test]
    fn distances_and_spans_are_in_words() {
        let now = Timestamp::from_unix_seconds(1000);
        let at = |seconds| Fact::Distance { now, instant: Timestamp::from_unix_seconds(seconds) };
        assert_eq!([at(1061), at(1000), at(939)].map(shown), ["in 61 s", "now", "61 s ago"]);
        let spans = [Duration::from_millis(40), Duration::from_mins(10)];
        assert_eq!(spans.map(|span| shown(Fact::For(span))), ["40 ms", "600 s"]);
    }
}
