//! Which redirect URIs and JavaScript origins can be registered: the rules of Google's console.
//!
//! One thing is looser than Google: hosts that exist only in test environments (`web`, `app.test`,
//! `10.0.0.5`) count as loopback does, for nobody else can own them.

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::ClientKind;

/// What files from before 2022 register for a code that the user copies; requests with it are refused.
const OUT_OF_BAND: &str = "urn:ietf:wg:oauth:2.0:oob";

/// Last labels that no public host has: RFC 2606, RFC 6761, RFC 8375 and common practice.
const TEST_DOMAINS: [&str; 9] =
    ["arpa", "example", "internal", "invalid", "lan", "local", "localdomain", "localhost", "test"];

const SHORTENERS: [&str; 9] = [
    "bit.ly",
    "buff.ly",
    "cutt.ly",
    "goo.gl",
    "is.gd",
    "ow.ly",
    "rebrand.ly",
    "t.co",
    "tinyurl.com",
];

/// Says which rule a redirect URI breaks.
pub(super) fn check_redirect_uri(uri: &str, kind: ClientKind) -> Result<(), &'static str> {
    // The downloaded files of old clients hold these two words beside real addresses.
    if uri == "postmessage" || (uri == OUT_OF_BAND && kind.is_installed()) {
        return Ok(());
    }
    check_characters(uri)?;
    let url = Url::parse(uri).map_err(|_| "it is not a URL")?;
    if url.fragment().is_some() {
        return Err("it must not have a fragment");
    }
    if !["http", "https"].contains(&url.scheme()) {
        return check_custom_scheme(&url, kind);
    }
    check_traversal(uri)?;
    check_host(&url)?;
    if url.query_pairs().any(|(_, value)| value.contains("://") || value.starts_with("//")) {
        return Err("its query holds another URL, as an open redirect does");
    }
    Ok(())
}

/// Says which rule a JavaScript origin breaks.
pub(super) fn check_origin(origin: &str) -> Result<(), &'static str> {
    check_characters(origin)?;
    let url = Url::parse(origin).map_err(|_| "it is not a URL")?;
    if url.origin().ascii_serialization() != origin {
        return Err("it must be a scheme, a host and a port, nothing more");
    }
    check_host(&url)
}

fn check_characters(text: &str) -> Result<(), &'static str> {
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("it must be printable ASCII without spaces");
    }
    if text.contains('*') {
        return Err("it must not have a wildcard");
    }
    if text.contains('\\') {
        return Err("it must not have a backslash");
    }
    let escapes = text.split('%').skip(1);
    for escape in escapes {
        let digits = escape.get(..2).filter(|two| two.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.map(str::to_ascii_lowercase).as_deref() {
            None => return Err("it has a `%` that is no escape"),
            // `%c0%80` is an overlong NUL; `%c0` begins no valid character.
            Some("00" | "c0") => return Err("it must not have an escaped NUL"),
            Some(_) => {}
        }
    }
    Ok(())
}

/// Looks at the text itself: parsing has already followed what is refused here.
fn check_traversal(uri: &str) -> Result<(), &'static str> {
    let path = uri.split('?').next().unwrap_or_default();
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    if decoded.split(['/', '\\']).any(|segment| segment == "..") {
        return Err("its path must not go back with `..`");
    }
    Ok(())
}

fn check_custom_scheme(url: &Url, kind: ClientKind) -> Result<(), &'static str> {
    if !matches!(kind, ClientKind::Android | ClientKind::Ios) {
        return Err("only Android and iOS clients have schemes other than http and https");
    }
    if !url.scheme().contains('.') {
        return Err("a custom scheme is a reversed domain name, with a period");
    }
    Ok(())
}

fn check_host(url: &Url) -> Result<(), &'static str> {
    if !["http", "https"].contains(&url.scheme()) {
        return Err("its scheme must be http or https");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it must not hold a user name");
    }
    let host = url.host().ok_or("it has no host")?;
    if is_local(&host) {
        return Ok(());
    }
    let Host::Domain(name) = host else {
        return Err("its host must not be an IP address, loopback and private ones excepted");
    };
    check_public_name(name, url.path())?;
    if url.scheme() != "https" {
        return Err("it must be https, unless its host is localhost or of a test environment");
    }
    Ok(())
}

fn check_public_name(name: &str, path: &str) -> Result<(), &'static str> {
    let is_in = |domain: &str| {
        name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    if is_in("googleusercontent.com") {
        return Err("its host must not be in googleusercontent.com");
    }
    if SHORTENERS.iter().any(|domain| is_in(domain)) && !path.contains("/google-callback/") {
        return Err("a URL shortener needs `/google-callback/` in its path");
    }
    let suffix = name.rsplit('.').next().unwrap_or_default();
    if suffix.len() < 2 || !suffix.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    {
        return Err("its host does not end in a public domain");
    }
    Ok(())
}

/// Loopback, private networks, and names that cannot be public.
fn is_local(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let last = name.rsplit('.').next().unwrap_or_default();
            !name.contains('.') || TEST_DOMAINS.contains(&last)
        }
        Host::Ipv4(address) => address.is_loopback() || address.is_private(),
        Host::Ipv6(address) => address.is_loopback() || address.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A URI and what must be in the complaint; none means that it can be registered.
    const WEB: &[(&str, &str)] = &[
        ("https://app.example.com/auth/google/callback", ""),
        ("https://app.example.com/callback?tenant=7", ""),
        ("http://localhost/callback", ""),
        ("http://localhost:3000/callback", ""),
        ("http://127.0.0.1:3000/callback", ""),
        ("http://[::1]:3000/callback", ""),
        ("http://web:3000/callback", ""),
        ("http://app.test/callback", ""),
        ("http://192.168.0.112/callback", ""),
        ("postmessage", ""),
        ("https://bit.ly/google-callback/x", ""),
        ("http://app.example.com/callback", "https"),
        ("https://93.184.216.34/callback", "IP address"),
        ("https://[2606:2800::1]/callback", "IP address"),
        ("https://x.googleusercontent.com/callback", "googleusercontent"),
        ("https://bit.ly/x", "google-callback"),
        ("https://ada@app.example.com/callback", "user name"),
        ("https://app.example.com/a/../callback", "go back"),
        ("https://app.example.com/a/%2e%2E/callback", "go back"),
        ("https://app.example.com/a\\callback", "backslash"),
        ("https://app.example.com/callback#x", "fragment"),
        ("https://*.example.com/callback", "wildcard"),
        ("https://app.example.com/call back", "printable"),
        ("https://app.example.com/r\u{fc}ck", "printable"),
        ("https://app.example.com/%zz", "escape"),
        ("https://app.example.com/%", "escape"),
        ("https://app.example.com/%00", "NUL"),
        ("https://app.example.com/?next=https://evil.example.com", "open redirect"),
        ("https://app.example.c/callback", "public domain"),
        ("com.example.app:/callback", "Android and iOS"),
        ("urn:ietf:wg:oauth:2.0:oob", "Android and iOS"),
        ("nonsense", "not a URL"),
    ];

    #[test]
    fn redirect_uris_follow_the_consoles_rules() {
        for (uri, complaint) in WEB {
            let checked = check_redirect_uri(uri, ClientKind::Web);
            let said = checked.err().unwrap_or_default();
            assert_eq!(said.is_empty(), complaint.is_empty(), "{uri}: {said}");
            assert!(said.contains(complaint), "{uri}: {said}");
        }
    }

    #[test]
    fn an_installed_app_has_a_scheme_with_a_period() {
        let check = |uri| check_redirect_uri(uri, ClientKind::Ios);
        assert_eq!(check("com.example.app:/callback"), Ok(()));
        assert_eq!(check("urn:ietf:wg:oauth:2.0:oob"), Ok(()));
        assert!(check("myapp:/callback").unwrap_err().contains("period"));
    }

    #[test]
    fn origins_follow_the_same_rules_for_hosts() {
        for good in ["https://app.example.com", "http://localhost:8080", "http://web:3000"] {
            assert_eq!(check_origin(good), Ok(()), "{good}");
        }
        for (bad, complaint) in [
            ("https://app.example.com/", "nothing more"),
            ("https://app.example.com?x", "nothing more"),
            ("https://app.example.com#x", "nothing more"),
            ("https://ada@app.example.com", "nothing more"),
            ("http://app.example.com", "https"),
            ("https://93.184.216.34", "IP address"),
            ("https://*.example.com", "wildcard"),
            ("app.example.com", "not a URL"),
        ] {
            let said = check_origin(bad).unwrap_err();
            assert!(said.contains(complaint), "{bad}: {said}");
        }
    }
}
