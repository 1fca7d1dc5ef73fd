//! Where a browser is sent afterwards: whatever was asked, a page of ours, in the eyes of any
//! parser (requirements RD-1, RD-2, RD-3).

use standin::signin::ReturnTo;
use url::Url;

const SITES: [&str; 2] = ["https://app.example.com", "http://127.0.0.1:8080"];

pub(crate) fn run(bytes: &[u8]) -> bool {
    let Ok(asked) = std::str::from_utf8(bytes) else {
        return false;
    };
    for site in SITES {
        check(asked, &Url::parse(site).expect("a URL"));
    }
    let site = Url::parse(SITES[0]).expect("a URL");
    ReturnTo::new(asked, &site) != ReturnTo::default()
}

fn check(asked: &str, site: &Url) {
    let kept = ReturnTo::new(asked, site);
    let target = kept.resolve(site);
    let text = target.as_str();
    assert_eq!(target.origin(), site.origin(), "{asked:?}");
    assert_eq!(Url::parse(text).as_ref(), Ok(&target), "{asked:?}");
    // To the letter, too: `site` ends with the slash after the host.
    let path = text.strip_prefix(site.as_str()).expect("our origin");
    assert!(!path.starts_with(['/', '\\']) && !path.starts_with("auth/"), "{asked:?}");
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{asked:?}");
    assert!(!text.contains(['#', '\\']) || !asked.contains('\\'), "{asked:?}");
    // What was kept is kept again: no second reading of it leads elsewhere.
    assert_eq!(ReturnTo::new(&format!("/{path}"), site).resolve(site), target, "{asked:?}");
}
