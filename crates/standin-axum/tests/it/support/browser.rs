//! A browser as far as HTTP goes: a cookie jar per origin, no redirect followed unless it is told to.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;

use http::header::{ACCEPT, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;
use url::Url;

use super::Form;

/// One browser, with its own cookies.
#[derive(Clone)]
pub struct Browser {
    app: Url,
    client: reqwest::Client,
    jar: BTreeMap<String, Vec<(String, String)>>,
    /// The app's cookies that go along wherever a request comes from.
    crossing: BTreeSet<String>,
    /// Whether the next requests come from a page of another site.
    from_elsewhere: bool,
    pub headers: HeaderMap,
}

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    pub url: Url,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

/// The pages and refusals of the app that anybody in this process has been shown.
static SHOWN: Mutex<String> = Mutex::new(String::new());

/// All of them, head and body.
pub fn shown() -> String {
    SHOWN.lock().unwrap().clone()
}

impl Answer {
    fn remember(&self) {
        let kind = self.headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        if self.status.is_client_error()
            || self.status.is_server_error()
            || kind.starts_with(b"text/html")
        {
            // A cookie is where a session is told.
            let mut headers = self.headers.clone();
            headers.remove(SET_COOKIE);
            let text = format!("{} {headers:?}\n{}\n", self.status, self.body);
            SHOWN.lock().unwrap().push_str(&text);
        }
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.body))
    }

    /// The stable code of a problem.
    #[track_caller]
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    pub fn location(&self) -> Url {
        let location = self.headers.get(LOCATION);
        let location =
            location.unwrap_or_else(|| panic!("no Location: {} {}", self.status, self.body));
        self.url.join(location.to_str().unwrap()).unwrap()
    }

    #[track_caller]
    pub fn assert_status(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}: {}", self.url.path(), self.body);
        self
    }

    /// A refusal: this status, this code, and no cookie that opens a session.
    #[track_caller]
    pub fn assert_refused(&self, status: u16, code: &str) {
        self.assert_status(status);
        assert_eq!(self.code(), code, "{}", self.body);
        let mut cookies = self.headers.get_all(SET_COOKIE).iter().map(|c| c.to_str().unwrap());
        assert!(
            !cookies.any(
                |cookie| cookie.starts_with("__Host-standin=") && !cookie.contains("Max-Age=0")
            )
        );
    }
}

impl Browser {
    pub fn new(app: Url) -> Self {
        Self::at(app, Ipv4Addr::LOCALHOST)
    }

    /// A browser at this address of the loopback network.
    #[expect(clippy::disallowed_methods, reason = "a test's browser is not the library's client")]
    pub fn at(app: Url, address: Ipv4Addr) -> Self {
        let client = reqwest::Client::builder()
            .local_address(IpAddr::V4(address))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        let (jar, crossing) = (BTreeMap::new(), BTreeSet::new());
        Self { app, client, jar, crossing, from_elsewhere: false, headers: HeaderMap::new() }
    }

    /// Goes to an address; programs get JSON, and so does this, unless `headers` say otherwise.
    pub async fn get(&mut self, url: impl AsRef<str>) -> Answer {
        self.send(Method::GET, url.as_ref(), &[], String::new()).await
    }

    /// Posts as a page of the app does: same origin, custom header.
    pub async fn post(&mut self, path: &str, body: Value) -> Answer {
        let origin = self.app.origin().ascii_serialization();
        let headers = [
            ("origin", origin.as_str()),
            ("x-requested-with", "XmlHttpRequest"),
            ("content-type", "application/json"),
        ];
        self.send(Method::POST, path, &headers, body.to_string()).await
    }

    /// Sends exactly this, with the cookies of the address.
    pub async fn send(
        &mut self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Answer {
        let url = self.app.join(url).unwrap();
        let mut request = self.client.request(method, url.clone()).headers(self.headers.clone());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(cookies) = self.cookie_header(&url) {
            request = request.header(COOKIE, cookies);
        }
        let response = request.body(body).send().await.unwrap();
        self.keep_cookies(&url, response.headers());
        let answer = Answer {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.text().await.unwrap(),
            url,
        };
        if answer.url.origin() == self.app.origin() {
            answer.remember();
        }
        answer
    }

    /// Signs in at `/auth/google/login` with this query, following the emulator back to the app. The last
    /// answer is the one of the app's page or the first that redirects nowhere.
    pub async fn sign_in(&mut self, query: &str) -> Answer {
        let begun = self.get(format!("/auth/google/login{query}")).await;
        begun.assert_status(303);
        self.follow(begun).await
    }

    /// The address at which the provider's answer will arrive, without going there.
    pub async fn callback_url(&mut self, query: &str) -> Url {
        let mut answer = self.get(format!("/auth/google/login{query}")).await;
        while !answer.location().path().ends_with("/callback") {
            answer = self.get(answer.location()).await;
        }
        answer.location()
    }

    /// Follows redirects until the app's own pages are reached, or nothing redirects any more.
    pub async fn follow(&mut self, mut answer: Answer) -> Answer {
        for _ in 0..12 {
            if let Some(form) = Form::on(&answer) {
                answer = self.submit(&form).await;
                continue;
            }
            if !answer.status.is_redirection() || !is_machinery(&answer.location(), &self.app) {
                return answer;
            }
            answer = self.get(answer.location()).await;
        }
        panic!("too many redirects");
    }

    /// What `GET /auth/session` says.
    pub async fn session(&mut self) -> Answer {
        self.get("/auth/session").await
    }

    pub fn cookie(&self, name: &str) -> Option<&str> {
        let jar = self.jar.get(&self.app.origin().ascii_serialization())?;
        jar.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether a cookie was set so that requests from other sites bring it.
    pub fn crosses_sites(&self, name: &str) -> bool {
        self.crossing.contains(name)
    }

    pub fn set_cookie(&mut self, name: &str, value: &str) {
        let origin = self.app.origin().ascii_serialization();
        put(self.jar.entry(origin).or_default(), name, value);
    }

    pub fn forget(&mut self, name: &str) {
        if let Some(jar) = self.jar.get_mut(&self.app.origin().ascii_serialization()) {
            jar.retain(|(known, _)| known != name);
        }
    }

    pub fn cookies(&self) -> &[(String, String)] {
        self.jar.get(&self.app.origin().ascii_serialization()).map_or(&[], Vec::as_slice)
    }

    pub fn accept_html(&mut self) {
        self.headers.insert(ACCEPT, HeaderValue::from_static("text/html,*/*"));
    }

    pub fn set_header(&mut self, name: &'static str, value: &str) {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }

    /// What follows comes from a page of another site: cookies that are Lax stay at home.
    pub(super) fn stays_at_home(&mut self, is_so: bool) {
        self.from_elsewhere = is_so;
    }

    pub fn is_ours(&self, url: &Url) -> bool {
        url.origin() == self.app.origin()
    }

    pub fn origin(&self) -> String {
        self.app.origin().ascii_serialization()
    }

    fn cookie_header(&self, url: &Url) -> Option<String> {
        let jar =
            self.jar.get(&url.origin().ascii_serialization()).filter(|jar| !jar.is_empty())?;
        let goes = |name: &String| !self.from_elsewhere || self.crossing.contains(name);
        let jar = jar.iter().filter(|(name, _)| goes(name));
        let pairs: Vec<_> = jar.map(|(name, value)| format!("{name}={value}")).collect();
        Some(pairs.join("; ")).filter(|pairs| !pairs.is_empty())
    }

    fn keep_cookies(&mut self, url: &Url, headers: &HeaderMap) {
        let jar = self.jar.entry(url.origin().ascii_serialization()).or_default();
        for cookie in headers.get_all(SET_COOKIE) {
            let text = cookie.to_str().unwrap();
            let is_ours = url.origin() == self.app.origin();
            if is_ours {
                assert_is_hardened(text);
            }
            let (name, rest) = text.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if is_ours && text.contains("SameSite=None") {
                self.crossing.insert(name.to_owned());
            }
            if rest.contains("Max-Age=0") {
                jar.retain(|(known, _)| known != name);
            } else {
                put(jar, name, value);
            }
        }
    }
}

/// Requirement SC-1, of every cookie that any test is given. Only an attempt's may cross sites; which of them do is
/// for the tests of those flows.
fn assert_is_hardened(cookie: &str) {
    let mut parts = cookie.split("; ");
    let (name, value) = parts.next().unwrap().split_once('=').unwrap();
    let known = ["__Host-standin", "__Host-standin-out"].contains(&name);
    assert!(known || name.starts_with("__Host-standin-att-"), "{cookie}");
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    assert!(value.bytes().all(base64url), "{cookie}");
    let attributes: Vec<_> = parts.filter(|part| !part.starts_with("Max-Age=")).collect();
    let may_cross = name.starts_with("__Host-standin-att-") && !cookie.contains("Max-Age=0");
    let crosses = may_cross && attributes.contains(&"SameSite=None");
    let same_site = if crosses { "SameSite=None" } else { "SameSite=Lax" };
    let expected = ["Path=/", "Secure", "HttpOnly", same_site];
    let partitioned = attributes.strip_suffix(&["Partitioned"]).unwrap_or(&attributes);
    assert_eq!(partitioned, expected, "{cookie}");
    assert!(cookie.len() <= 4096, "SC-11: {} bytes", cookie.len());
}

fn put(jar: &mut Vec<(String, String)>, name: &str, value: &str) {
    jar.retain(|(known, _)| known != name);
    jar.push((name.to_owned(), value.to_owned()));
}

/// The provider's pages, and the app's own `/auth/…`.
fn is_machinery(url: &Url, app: &Url) -> bool {
    url.origin() != app.origin() || url.path().starts_with("/auth/")
}
