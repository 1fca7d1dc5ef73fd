//! Browsers that belong to an app: Google answers those with `disallowed_useragent`.
//!
//! An app can read what is typed into a web view of its own. Systems mark such views in their
//! `User-Agent`, and so do the apps that open every link inside themselves.

use axum::http::{HeaderMap, header};

/// Apps whose own browser says its name.
const APPS: [&str; 8] =
    ["FBAN/", "FBAV/", "FB_IAB/", "Instagram ", "Line/", "MicroMessenger/", "TikTok", "Snapchat/"];

pub(super) fn is_embedded(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    agent.is_some_and(|agent| {
        is_android_view(agent) || is_ios_view(agent) || APPS.iter().any(|app| agent.contains(app))
    })
}

fn is_android_view(agent: &str) -> bool {
    agent.contains("Android") && agent.contains("; wv)")
}

/// On iOS every true browser names Safari; a bare `WKWebView` does not.
fn is_ios_view(agent: &str) -> bool {
    let apple = ["iPhone", "iPad", "iPod"].iter().any(|device| agent.contains(device));
    apple && agent.contains("AppleWebKit") && !agent.contains("Safari/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_inside_apps_are_told_from_browsers() {
        let chrome = "(KHTML, like Gecko) Version/4.0 Chrome/126.0.0.0 Mobile Safari/537.36";
        let iphone =
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML)";
        for (agent, embedded) in [
            (
                format!("Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) AppleWebKit/537.36 {chrome}"),
                true,
            ),
            (
                format!("Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 {chrome}"),
                false,
            ),
            (format!("{iphone} Mobile/15E148"), true),
            (format!("{iphone} Version/17.5 Mobile/15E148 Safari/604.1"), false),
            (format!("{iphone} CriOS/126.0 Mobile/15E148 Safari/604.1"), false),
            (format!("{iphone} Safari/604.1 [FBAN/FBIOS;FBAV/470]"), true),
            ("curl/8.5.0".to_owned(), false),
        ] {
            let headers = [(header::USER_AGENT, agent.parse().unwrap())].into_iter().collect();
            assert_eq!(is_embedded(&headers), embedded, "{agent}");
        }
        assert!(!is_embedded(&HeaderMap::new()));
    }
}
