//! What a browser is called in the list of its user's sessions: `Firefox on Windows`.
//!
//! Coarse on purpose: enough to know one's own telephone from a stranger's, too little to follow anybody by.
//! Every word comes from here, none from the request, so what is kept can hold no version, no model and no text
//! that somebody else wrote.

use http::HeaderMap;
use http::header::USER_AGENT;

/// What stands in `User-Agent`, and what it means. Browsers name those whom they resemble, so the more particular
/// comes first.
const BROWSERS: [(&str, &str); 9] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Chromium/", "Chrome"),
    ("Safari/", "Safari"),
];
const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
];

/// The browser and its system, as far as they are known here.
#[must_use]
pub fn device(headers: &HeaderMap) -> Option<String> {
    let agent = headers.get(USER_AGENT)?.to_str().ok()?;
    let named = |words: &'static [(&str, &str)]| {
        words.iter().find(|(part, _)| agent.contains(part)).map(|(_, name)| *name)
    };
    match (named(&BROWSERS), named(&SYSTEMS)) {
        (Some(browser), Some(system)) => Some(format!("{browser} on {system}")),
        (Some(only), None) | (None, Some(only)) => Some(only.to_owned()),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn of(agent: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_bytes(agent.as_bytes()).unwrap());
        device(&headers)
    }

    #[test]
    fn browsers_are_known_by_what_they_say_and_not_by_whom_they_resemble() {
        let mozilla = "Mozilla/5.0";
        for (agent, name) in [
            ("(X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                "(Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0",
                "Edge on Windows",
            ),
            (
                "(Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            (
                "(iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "(Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15",
                "Safari on Mac",
            ),
        ] {
            assert_eq!(of(&format!("{mozilla} {agent}")).as_deref(), Some(name));
        }
    }

    #[test]
    fn what_is_unknown_leaves_nothing_behind() {
        for agent in ["", "curl/8.5.0", "<script>alert(1)</script>", "\u{fe}\u{ff}"] {
            assert_eq!(of(agent), None, "{agent}");
        }
        assert_eq!(HeaderMap::new().get(USER_AGENT).map(|_| ()), None);
        assert_eq!(device(&HeaderMap::new()), None);
        assert_eq!(of("Ada's own Firefox/1 build, call 555-0100").as_deref(), Some("Firefox"));
    }
}
