use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::sync::Mutex;

use http::{HeaderMap, Method, StatusCode};
use reqwest::dns::{Addrs, Name, Resolving};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::super::AddressClass;
use super::*;

const LIMIT: usize = 1024 * 1024;

/// Knows when somebody knocks, and lets nobody in.
struct Trap(TcpListener);

impl Trap {
    fn at(address: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    /// A connection stands in the queue as soon as the client has it, so none is missed.
    #[track_caller]
    fn assert_untouched(&self) {
        let accepted = self.0.accept().map(|(_, peer)| peer);
        assert_eq!(accepted.unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

/// A name server that changes its mind: each look-up gets the next answer, and none after the last.
#[derive(Default)]
struct Fickle {
    answers: Mutex<VecDeque<Vec<SocketAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl Fickle {
    fn saying(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| {
            answer.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect()
        };
        Arc::new(Self {
            answers: Mutex::new(answers.iter().map(parse).collect()),
            ..Self::default()
        })
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Resolve for Fickle {
    fn resolve(&self, name: Name) -> Resolving {
        self.asked.lock().unwrap().push(name.as_str().to_owned());
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or_default();
        Box::pin(std::future::ready(Ok(Box::new(answer.into_iter()) as Addrs)))
    }
}

fn get(url: &str) -> Request {
    Request {
        method: Method::GET,
        url: Url::parse(url).unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        max_response_bytes: LIMIT,
    }
}

/// Answers the next request with `head` and `body`, and gives the request's head. The body may be cut short
/// by a client that has enough.
async fn serve(listener: &tokio::net::TcpListener, head: &str, body: &[u8]) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut asked = vec![0; 4096];
    let length = stream.read(&mut asked).await.unwrap();
    let head = format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let _ = stream.write_all(body).await;
    String::from_utf8_lossy(&asked[..length]).into_owned()
}

async fn listener() -> (tokio::net::TcpListener, u16) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn development() -> ReqwestClient {
    ReqwestClient::new(AddressPolicy::public().and_loopback()).unwrap()
}

fn refused(answer: &Result<Response, HttpError>) -> Option<AddressClass> {
    match answer {
        Err(HttpError::AddressRefused(refused)) => Some(refused.class),
        _ => None,
    }
}

#[tokio::test]
async fn hh_7_no_spelling_of_this_machine_is_connected_to() {
    let trap = Trap::at("127.0.0.1:0");
    let client = ReqwestClient::new(AddressPolicy::public()).unwrap();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "127.0.0.1.",
        "localhost",
        "LOCALHOST",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
    ] {
        for scheme in ["https", "http"] {
            let answer = client.send(get(&format!("{scheme}://{host}:{}/", trap.port()))).await;
            // Without TLS a name is not even resolved.
            let is_name = host.eq_ignore_ascii_case("localhost");
            if is_name && scheme == "http" {
                assert_eq!(answer.unwrap_err(), HttpError::Unsent);
            } else {
                assert_eq!(refused(&answer), Some(AddressClass::Loopback), "{scheme}://{host}");
            }
            trap.assert_untouched();
        }
    }
}

#[tokio::test]
async fn hh_7_the_unspecified_address_is_not_this_machine() {
    let trap = Trap::at("0.0.0.0:0");
    for host in ["0.0.0.0", "0", "[::]", "[::ffff:0.0.0.0]"] {
        let answer = development().send(get(&format!("http://{host}:{}/", trap.port()))).await;
        assert!(refused(&answer).is_some(), "{host}");
        trap.assert_untouched();
    }
}

#[tokio::test]
async fn hh_7_a_name_that_leads_to_refused_addresses_is_not_connected_to() {
    let trap = Trap::at("127.0.0.1:0");
    for (address, class) in [
        ("127.0.0.1", AddressClass::Loopback),
        ("::ffff:127.0.0.1", AddressClass::Loopback),
        ("10.0.0.1", AddressClass::Private),
        ("169.254.169.254", AddressClass::LinkLocal),
        ("::ffff:169.254.169.254", AddressClass::LinkLocal),
        ("64:ff9b::a9fe:a9fe", AddressClass::LinkLocal),
        ("0.0.0.0", AddressClass::Unspecified),
    ] {
        let names = Fickle::saying(&[&[address]]);
        let client = ReqwestClient::over(names, AddressPolicy::public(), Vec::new()).unwrap();
        let answer = client.send(get(&format!("https://idp.example:{}/", trap.port()))).await;
        assert_eq!(refused(&answer), Some(class), "{address}");
        trap.assert_untouched();
    }
}

/// 127.0.0.1 stands for the address that is allowed, 127.0.0.2 for the one that is not.
#[tokio::test]
async fn hh_7_a_name_that_changes_its_mind_reaches_only_what_was_judged() {
    let (allowed, port) = listener().await;
    let trap = Trap::at(&format!("127.0.0.2:{port}"));
    let policy = AddressPolicy::public().and_networks(["127.0.0.1".parse().unwrap()]);
    let names = Fickle::saying(&[&["127.0.0.1"], &["127.0.0.2"], &["127.0.0.2", "127.0.0.1"]]);
    let client =
        ReqwestClient::over(Arc::clone(&names) as Arc<dyn Resolve>, policy, Vec::new()).unwrap();
    let url = format!("https://idp.example:{port}/");
    // Whoever is let in hangs up at once; there is no TLS here.
    let hang_up = async || drop(allowed.accept().await.unwrap());

    let (first, ()) = tokio::join!(client.send(get(&url)), hang_up());
    assert_eq!(first.unwrap_err(), HttpError::Unsent);
    assert_eq!(names.asked(), 1, "what was judged is what is dialled");
    let second = client.send(get(&url)).await;
    assert_eq!(refused(&second), Some(AddressClass::Loopback));
    let (third, ()) = tokio::join!(client.send(get(&url)), hang_up());
    assert_eq!(third.unwrap_err(), HttpError::Unsent);
    assert_eq!(names.asked(), 3);
    trap.assert_untouched();
}

#[tokio::test]
async fn hh_7_among_many_addresses_the_allowed_one_answers() {
    let (allowed, port) = listener().await;
    let names = Fickle::saying(&[&["10.255.255.1", "169.254.169.254", "127.0.0.1"], &[]]);
    let policy = AddressPolicy::public().and_loopback();
    let client = ReqwestClient::over(names, policy, Vec::new()).unwrap();
    let request = get(&format!("http://idp.example:{port}/"));
    let (answer, _) =
        tokio::join!(client.send(request), serve(&allowed, "200 OK\r\ncontent-length: 2", b"ok"));
    assert_eq!(answer.unwrap().body, "ok");
    let without = client.send(get(&format!("http://idp.example:{port}/"))).await;
    assert_eq!(without.unwrap_err(), HttpError::Unsent, "a name without addresses");
}

#[tokio::test]
async fn hh_7_plain_http_is_for_development() {
    let trap = Trap::at("127.0.0.1:0");
    let policy = AddressPolicy::public().and_networks(["127.0.0.0/8".parse().unwrap()]);
    let client = ReqwestClient::new(policy).unwrap();
    let answer = client.send(get(&format!("http://127.0.0.1:{}/", trap.port()))).await;
    assert_eq!(answer.unwrap_err(), HttpError::Unsent);
    trap.assert_untouched();
}

#[tokio::test]
async fn hh_7_a_redirect_is_an_answer_and_is_not_followed() {
    let (redirecting, port) = listener().await;
    let trap = Trap::at("127.0.0.1:0");
    let here = format!("http://127.0.0.1:{}/", trap.port());
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        for location in [&*here, "http://169.254.169.254/latest/meta-data/", "//169.254.169.254"] {
            let head = format!("{status}\r\nlocation: {location}\r\ncontent-length: 0");
            let request = get(&format!("http://127.0.0.1:{port}/"));
            let client = development();
            let (answer, _) = tokio::join!(client.send(request), serve(&redirecting, &head, b""));
            assert_eq!(answer.unwrap().status.as_str(), &status[..3], "{location}");
            trap.assert_untouched();
        }
    }
}

#[tokio::test]
async fn hh_7_an_answer_is_cut_off_at_its_limit_while_it_comes() {
    let (large, port) = listener().await;
    let url = format!("http://127.0.0.1:{port}/");
    let client = development();
    let body = vec![b'a'; LIMIT + 1];
    for head in ["200 OK", "200 OK\r\ncontent-length: 1048577", "500 No"] {
        let (answer, _) = tokio::join!(client.send(get(&url)), serve(&large, head, &body));
        assert_eq!(answer.unwrap_err(), HttpError::TooLarge(LIMIT), "{head}");
    }
    let (answer, _) = tokio::join!(client.send(get(&url)), serve(&large, "200 OK", &body[1..]));
    assert_eq!(answer.unwrap().body.len(), LIMIT);
}

#[tokio::test]
async fn hh_7_a_compressed_answer_stays_as_small_as_it_came() {
    let (bomb, port) = listener().await;
    let head = format!("200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}", BOMB.len());
    let client = development();
    let request = get(&format!("http://127.0.0.1:{port}/"));
    let (answer, asked) = tokio::join!(client.send(request), serve(&bomb, &head, &BOMB));
    let answer = answer.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body, &BOMB[..]);
    assert!(!asked.to_lowercase().contains("accept-encoding"), "{asked}");
}

/// A hundred thousand zeros, compressed.
#[rustfmt::skip]
const BOMB: [u8; 132] = [
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 237, 193, 49, 1, 0, 0,
    0, 194, 160, 245, 79, 109, 13, 15, 160, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 128, 87, 3, 125, 149, 17, 212,
    160, 134, 1, 0,
];
