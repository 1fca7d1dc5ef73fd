//! Some thousand return addresses, made of everything that a slash, a host and what stands between them can be. What
//! a browser would do with each is asked of a parser of the same standard (requirements RD-1, RD-2).

use std::collections::BTreeSet;

use http::header::LOCATION;
use standin::signin::ReturnTo;
use url::Url;

use crate::support::{ADA, Browser, World};

/// What somebody, somewhere, takes for a slash.
const SLASHES: [&str; 15] = [
    "/",
    "\\",
    "%2f",
    "%2F",
    "%5c",
    "%5C",
    "%252f",
    "%255c",
    "%c0%af",
    "%e0%80%af",
    "\u{2044}",
    "\u{2215}",
    "\u{ff0f}",
    "\u{ff3c}",
    "",
];

/// What somebody drops, or takes for nothing.
const NOTHINGS: [&str; 18] = [
    "", " ", "\t", "\n", "\r", "\r\n", "\u{b}", "\0", "\u{85}", "\u{a0}", "\u{200b}", "\u{2028}",
    "\u{feff}", "%09", "%0a", "%0d", "%00", "%20",
];

/// What stands before: nothing, or what folds away.
const BEFORE: [&str; 12] = [
    "",
    "/.",
    "/..",
    "/a/..",
    "/%2e",
    "/%2E%2e",
    "/a/%2e%2e",
    "/./..",
    "/;/..",
    "http:",
    "https:",
    "{scheme}://{host}",
];

/// Who is meant. `{host}` is this site.
const HOSTS: [&str; 8] = [
    "evil.example",
    "evil.example:80/",
    "{host}@evil.example",
    "{host}.evil.example",
    "evil.example\\@{host}",
    "evil.example#{host}",
    "evil\u{3002}example",
    "2130706433",
];

/// Addresses that are no path in any reading.
const ODD: [&str; 12] = [
    "javascript:alert(1)",
    "java\tscript:alert(1)",
    "\u{1}javascript:alert(1)",
    "JAVASCRIPT://{host}/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "blob:{scheme}://{host}/x",
    "view-source:{scheme}://{host}",
    "file:///etc/passwd",
    "about:blank",
    "mailto:a@evil.example",
    "ftp://evil.example",
    "ws://{host}/",
];

/// Slash, nothing, slash and host, in this order and crossed with what stands before.
fn corpus(site: &Url) -> BTreeSet<String> {
    let mut made: BTreeSet<String> = ODD.iter().map(|odd| (*odd).to_owned()).collect();
    for first in SLASHES {
        for second in SLASHES {
            for nothing in NOTHINGS {
                let between = [first, nothing, second].concat();
                made.insert(format!("{between}{}", HOSTS[0]));
                made.insert(format!("{nothing}{first}{second}{}", HOSTS[0]));
                made.insert(format!("{first}{second}{nothing}{}", HOSTS[0]));
            }
            for before in BEFORE {
                made.extend(HOSTS.iter().map(|host| format!("{before}{first}{second}{host}")));
            }
        }
    }
    let host = &site[url::Position::BeforeHost..url::Position::AfterPort];
    let concrete = |made: String| made.replace("{host}", host).replace("{scheme}", site.scheme());
    made.into_iter().map(concrete).collect()
}

/// Whether a browser that is told so on a page of the site goes elsewhere, or nowhere.
fn leaves(site: &Url, asked: &str) -> bool {
    site.join(asked).map_or(true, |url| url.origin() != site.origin())
}

#[test]
fn rd_1_rd_2_whatever_is_asked_a_browser_stays_on_this_site() {
    for site in ["https://app.example.com", "http://127.0.0.1:8080"] {
        let site = Url::parse(site).unwrap();
        let (mut left, mut tried) = (0, 0);
        for asked in corpus(&site) {
            tried += 1;
            let kept = ReturnTo::new(&asked, &site);
            let target = kept.resolve(&site);
            assert_eq!(target.origin(), site.origin(), "{asked:?}");
            if leaves(&site, &asked) {
                left += 1;
                assert_eq!(target, site, "{asked:?}");
            }
            // In every later reading, too: as a path alone, as text, and by whoever decodes it once more.
            let path = &target[url::Position::BeforePath..];
            assert!(!leaves(&site, path), "{asked:?}: {path}");
            assert!(!path.starts_with("//") && !path.starts_with("/\\"), "{asked:?}: {path}");
            assert_eq!(Url::parse(target.as_str()).as_ref(), Ok(&target), "{asked:?}");
            let decoded = percent_decoded(path);
            assert!(!leaves(&site, &decoded), "{asked:?}: {decoded}");
            assert_eq!(ReturnTo::new(&decoded, &site).resolve(&site).origin(), site.origin());
        }
        // A corpus that tempts nobody would prove nothing.
        assert!(tried > 8000 && left > 1500, "{left} of {tried} lead elsewhere");
    }
}

fn percent_decoded(text: &str) -> String {
    let pairs = format!("x={}", text.replace('+', "%2b").replace('&', "%26"));
    form_urlencoded::parse(pairs.as_bytes()).next().unwrap().1.into_owned()
}

/// And on the wire, for some of them: what is in the header is what was judged.
#[tokio::test]
async fn rd_1_rd_2_whatever_is_asked_the_header_names_this_site() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let (front, mut tried) = (world.app.as_str(), 0);
    for asked in corpus(&world.app).into_iter().step_by(101) {
        tried += 1;
        let location = ends_at(&mut browser, &asked).await;
        assert!(location.starts_with(front), "{asked:?} leads to {location}");
        assert!(!leaves(&world.app, &asked) || location == front, "{asked:?} leads to {location}");
    }
    assert!(tried > 75, "{tried}");
}

async fn ends_at(browser: &mut Browser, asked: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::from("?"));
    let callback = browser.callback_url(&query.append_pair("return_to", asked).finish()).await;
    let done = browser.get(&callback).await;
    done.assert_status(303);
    done.headers[LOCATION].to_str().unwrap().to_owned()
}
