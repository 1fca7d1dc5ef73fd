//! What stands around every router: hosts, headers, client addresses, panics.

use super::support::{exchange, get_with, hasty, start, status};

#[tokio::test]
async fn hh_1_every_answer_carries_the_security_headers() {
    let server = start(hasty()).await;
    let long = format!("/?{}", "q".repeat(9000));
    let post = |path: &str, lines: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: app.example.com\r\nConnection: close\r\n{lines}\r\n")
            .into_bytes()
    };
    for (request, expected) in [
        (get_with("/", ""), 200),
        (get_with("/nowhere", ""), 404),
        (post("/", "Content-Length: 0\r\n"), 405),
        (post("/echo", "Content-Length: 70000\r\n"), 413),
        (get_with(&long, ""), 414),
        (get_with("/panic", ""), 500),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_vec(), 421),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), 400),
        (get_with("/", "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"), 400),
        // What hyper cannot read, and answers by itself.
        (get_with("/", &"X: y\r\n".repeat(101)), 431),
        (get_with("/", "X y: z\r\n"), 400),
        (b"GET /\r\n\r\n".to_vec(), 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n".to_vec(), 400),
    ] {
        let answer = exchange(&server, &request).await;
        assert_eq!(status(&answer), expected, "{answer}");
        for header in [
            "content-security-policy: default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n",
            "x-content-type-options: nosniff\r\n",
            "referrer-policy: no-referrer\r\n",
            "cross-origin-opener-policy: same-origin-allow-popups\r\n",
            "cross-origin-resource-policy: same-origin\r\n",
            "cache-control: no-store\r\n",
        ] {
            assert!(answer.contains(header), "{expected} lacks {header}\n{answer}");
        }
        assert!(answer.contains("strict-transport-security: max-age=63072000\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn refusals_are_problems_with_a_code() {
    let server = start(hasty()).await;
    for (path, code) in [("/nowhere", "not_found"), ("/echo", "method_not_allowed")] {
        let answer = exchange(&server, &get_with(path, "")).await;
        assert!(answer.contains("content-type: application/problem+json\r\n"), "{answer}");
        assert!(answer.contains(&format!("\"code\":\"{code}\"")), "{answer}");
    }
    assert!(exchange(&server, &get_with("/echo", "")).await.contains("allow: POST\r\n"));
}

#[tokio::test]
async fn hh_5_a_request_for_somebody_else_is_misdirected() {
    let server = start(hasty()).await;
    let ask = |lines: &str| format!("GET / HTTP/1.1\r\nConnection: close\r\n{lines}\r\n");
    let local = format!("Host: localhost:{}\r\n", server.address.port());
    for (lines, expected) in [
        ("Host: app.example.com\r\n", 200),
        (local.as_str(), 200),
        ("Host: evil.example\r\n", 421),
        ("Host: app.example.com\r\nHost: app.example.com\r\n", 400),
        ("", 400),
    ] {
        let answer = exchange(&server, ask(lines).as_bytes()).await;
        assert_eq!(status(&answer), expected, "{lines:?}");
    }
}

#[tokio::test]
async fn hh_9_a_panic_is_a_500_without_its_text_and_the_process_lives() {
    let server = start(hasty()).await;
    let answer = exchange(&server, &get_with("/panic", "")).await;
    assert_eq!(status(&answer), 500);
    assert!(answer.contains("internal_error") && !answer.contains("canary"), "{answer}");
    assert_eq!(status(&exchange(&server, &get_with("/", "")).await), 200);
}

#[tokio::test]
async fn the_client_is_the_right_most_stranger() {
    let server = start(hasty()).await;
    let forwarded = "X-Forwarded-For: 6.6.6.6, 203.0.113.9\r\n";
    assert!(exchange(&server, &get_with("/ip", forwarded)).await.ends_with("203.0.113.9"));
    assert!(exchange(&server, &get_with("/ip", "")).await.ends_with("127.0.0.1"));
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own() {
    let server = start(hasty()).await;
    let mut ids = std::collections::HashSet::new();
    for _ in 0..3 {
        let answer = exchange(&server, &get_with("/", "")).await;
        let id = answer.lines().find_map(|line| line.strip_prefix("x-request-id: "));
        assert!(ids.insert(id.unwrap().to_owned()));
    }
}
