//! Each thing that an attempt is bound to, changed alone between the start and the answer: there is no answer then
//! (requirement AR-4).

use http::Method;
use serde_json::json;
use standin::provider::{AnswerForm, ProviderConfig};
use url::Url;

use crate::support::{
    ADA, Answer, Browser, CALENDAR, Form, GRACE, Refused, World, http_client, refused,
};

/// What is otherwise when the answer comes.
#[derive(Clone, Copy, Debug)]
enum Otherwise {
    /// A browser that has begun nothing.
    Browser,
    /// A browser that has begun a sign-in of its own.
    Stranger,
    /// Some bit of what was sealed: with it the return address, the scopes, the verifier.
    Sealed,
    Provider,
    Issuer,
    Client,
    RedirectUri,
    ResponseMode,
    Intent,
    Session,
    User,
    Twice,
    Late,
}

impl Otherwise {
    const ALL: [Self; 13] = [
        Self::Browser,
        Self::Stranger,
        Self::Sealed,
        Self::Provider,
        Self::Issuer,
        Self::Client,
        Self::RedirectUri,
        Self::ResponseMode,
        Self::Intent,
        Self::Session,
        Self::User,
        Self::Twice,
        Self::Late,
    ];

    fn refusal(self) -> Refused {
        match self {
            Self::Browser | Self::Stranger | Self::Sealed => refused(403, "attempt_missing"),
            Self::Provider | Self::Issuer | Self::Client | Self::RedirectUri => {
                refused(400, "provider_mismatch").known()
            }
            Self::ResponseMode => refused(400, "response_mode_mismatch").known(),
            Self::Intent => refused(400, "state_mismatch"),
            Self::Session | Self::User => refused(403, "session_mismatch").known(),
            Self::Twice => refused(409, "attempt_used").known(),
            Self::Late => refused(400, "attempt_expired").known(),
        }
    }
}

/// What an attempt is for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Intent {
    SignIn,
    Grant,
    Link,
}

/// An answer of the provider on its way.
#[derive(Clone)]
enum Arrival {
    Redirected(Url),
    Posted(Form),
}

impl Arrival {
    async fn of(browser: &mut Browser, asked: &Url, form: AnswerForm) -> Self {
        if form.is_posted() {
            Self::Posted(browser.form_for(asked).await)
        } else {
            Self::Redirected(browser.answer_to(asked).await)
        }
    }

    async fn deliver(&self, browser: &mut Browser) -> Answer {
        match self {
            Self::Redirected(url) => browser.get(url).await,
            Self::Posted(form) => browser.submit(form).await,
        }
    }

    /// At another process of the app, with exactly this cookie.
    async fn deliver_at(&self, there: &Url, cookie: &str, browser: &mut Browser) -> Answer {
        let moved = |url: &Url| {
            let mut moved = url.clone();
            moved.set_port(there.port()).unwrap();
            moved
        };
        match self {
            Self::Redirected(url) => {
                let headers = [("cookie", cookie)];
                browser.send(Method::GET, moved(url).as_str(), &headers, String::new()).await
            }
            Self::Posted(form) => {
                let kind = "application/x-www-form-urlencoded";
                let headers = [("cookie", cookie), ("content-type", kind)];
                let action = moved(&form.action);
                browser.send(Method::POST, action.as_str(), &headers, form.body()).await
            }
        }
    }

    /// The same answer by the way that was not asked for.
    fn by_the_other_way(&self, provider: &World) -> Self {
        match self {
            Self::Redirected(url) => Self::Posted(Form {
                action: Url::parse(url.as_str().split('?').next().unwrap()).unwrap(),
                origin: provider.google.origin().to_owned(),
                fields: url.query_pairs().into_owned().collect(),
            }),
            Self::Posted(form) => {
                let mut url = form.action.clone();
                url.set_query(Some(&form.body()));
                Self::Redirected(url)
            }
        }
    }

    fn at_the_other_provider(&self) -> Self {
        let mut moved = self.clone();
        let (Self::Redirected(url) | Self::Posted(Form { action: url, .. })) = &mut moved;
        url.set_path("/auth/other/callback");
        moved
    }
}

/// One sign-in, link or grant that is under way.
struct UnderWay {
    arrival: Arrival,
    /// Its cookie.
    name: String,
    value: String,
}

async fn begin(browser: &mut Browser, form: AnswerForm, intent: Intent) -> UnderWay {
    let known = browser.attempts();
    let asked = match intent {
        Intent::SignIn => browser.begin("?return_to=/notes").await,
        Intent::Grant => {
            at(&browser.post("/auth/google/grant", json!({ "scopes": [CALENDAR] })).await)
        }
        Intent::Link => at(&browser.post("/auth/google/link", json!({})).await),
    };
    let is_new = |cookie: &(String, String)| !known.contains(cookie);
    let (name, value) = browser.attempts().into_iter().find(is_new).unwrap();
    UnderWay { arrival: Arrival::of(browser, &asked, form).await, name, value }
}

fn at(begun: &Answer) -> Url {
    begun.json()["authorization_url"].as_str().unwrap().parse().unwrap()
}

struct Stage {
    world: World,
    form: AnswerForm,
    next_host: u8,
}

impl Stage {
    /// With a second provider that differs from the first in nothing but its id.
    async fn start(form: AnswerForm) -> Self {
        let world = World::among(http_client(), |providers| {
            providers[0].answer = form;
            let id = "other".parse().unwrap();
            providers.push(ProviderConfig { id, ..providers[0].clone() });
        })
        .await;
        world.google.allow(ADA).await;
        Self { world, form, next_host: 2 }
    }

    /// Failures are counted by address.
    fn browser(&mut self) -> Browser {
        self.next_host += 1;
        self.world.browser_at(self.next_host)
    }

    async fn signed_in(&mut self) -> Browser {
        self.world.google.allow(ADA).await;
        let mut browser = self.browser();
        browser.sign_in("").await.assert_status(303);
        browser
    }

    /// The one change, and that it is refused.
    async fn refuses(&mut self, otherwise: Otherwise, intent: Intent) {
        let mut browser = self.signed_in().await;
        let own = begin(&mut browser, self.form, intent).await;
        match otherwise {
            Otherwise::Browser => {
                let mut other = self.browser();
                self.assert_refused(otherwise, &own.arrival, &mut other).await;
            }
            Otherwise::Stranger => {
                let mut other = self.signed_in().await;
                begin(&mut other, self.form, intent).await;
                self.assert_refused(otherwise, &own.arrival, &mut other).await;
            }
            Otherwise::Sealed => self.spoil(&own, &mut browser).await,
            Otherwise::Provider => {
                let there = own.arrival.at_the_other_provider();
                self.assert_refused(otherwise, &there, &mut browser).await;
            }
            Otherwise::ResponseMode => {
                let other = own.arrival.by_the_other_way(&self.world);
                let crossed = UnderWay { arrival: other, ..own };
                self.assert_refused_at(&self.world.app, otherwise, &crossed, &mut browser).await;
            }
            Otherwise::Issuer | Otherwise::Client | Otherwise::RedirectUri => {
                self.assert_refused_elsewhere(otherwise, &own, &mut browser).await;
            }
            Otherwise::Intent => {
                let others = [Intent::SignIn, Intent::Grant, Intent::Link];
                for other in others.into_iter().filter(|other| *other != intent) {
                    let other = begin(&mut browser, self.form, other).await;
                    browser.set_cookie(&own.name, &other.value);
                    self.assert_refused(otherwise, &own.arrival, &mut browser).await;
                    browser.forget(&other.name);
                }
            }
            Otherwise::Session | Otherwise::User => {
                let is_user = matches!(otherwise, Otherwise::User);
                self.world.google.allow(if is_user { GRACE } else { ADA }).await;
                browser.sign_in("").await.assert_status(303);
                self.assert_refused(otherwise, &own.arrival, &mut browser).await;
            }
            Otherwise::Twice => {
                own.arrival.deliver(&mut browser).await.assert_status(303);
                browser.set_cookie(&own.name, &own.value);
                self.assert_refused(otherwise, &own.arrival, &mut browser).await;
            }
            Otherwise::Late => {
                self.world.google.advance(601).await;
                self.assert_refused(otherwise, &own.arrival, &mut browser).await;
            }
        }
    }

    async fn assert_refused(&self, otherwise: Otherwise, answer: &Arrival, browser: &mut Browser) {
        let before = self.world.before(browser).await;
        let told = answer.deliver(browser).await;
        self.world.assert_refusal(browser, &before, &told, otherwise.refusal()).await;
    }

    /// A bit here and there of all that is sealed.
    async fn spoil(&self, own: &UnderWay, browser: &mut Browser) {
        let sealed = data_encoding::BASE64URL_NOPAD.decode(own.value.as_bytes()).unwrap();
        for index in (0..sealed.len()).step_by(sealed.len() / 12) {
            let mut spoilt = sealed.clone();
            spoilt[index] ^= 1;
            browser.set_cookie(&own.name, &data_encoding::BASE64URL_NOPAD.encode(&spoilt));
            self.assert_refused(Otherwise::Sealed, &own.arrival, browser).await;
        }
    }

    /// At a process of the same app, keys and database, that is configured otherwise.
    async fn assert_refused_elsewhere(
        &self,
        otherwise: Otherwise,
        own: &UnderWay,
        browser: &mut Browser,
    ) {
        let elsewhere = Url::parse("http://127.0.0.1:9").unwrap();
        let is_moved = matches!(otherwise, Otherwise::RedirectUri);
        let public = if is_moved { &elsewhere } else { &self.world.app };
        let change = |provider: &mut ProviderConfig| {
            provider.answer = self.form;
            match otherwise {
                Otherwise::Issuer => "http://127.0.0.1:9".clone_into(&mut provider.issuer),
                Otherwise::Client => "another".clone_into(&mut provider.registration.client_id),
                _ => {}
            }
        };
        let (there, _running) = self.world.beside(public, change).await;
        self.assert_refused_at(&there, otherwise, own, browser).await;
    }

    /// At this address, with the attempt's cookie, whether or not a browser would bring it there.
    async fn assert_refused_at(
        &self,
        there: &Url,
        otherwise: Otherwise,
        own: &UnderWay,
        browser: &mut Browser,
    ) {
        let cookie = format!("{}={}", own.name, own.value);
        let before = self.world.before(browser).await;
        let mut sender = self.world.browser();
        let told = own.arrival.deliver_at(there, &cookie, &mut sender).await;
        self.world.assert_refusal(browser, &before, &told, otherwise.refusal()).await;
    }
}

async fn every_change_is_refused(form: AnswerForm) {
    let mut stage = Stage::start(form).await;
    for otherwise in Otherwise::ALL {
        for intent in [Intent::SignIn, Intent::Grant, Intent::Link] {
            // Who signs in may be anybody.
            let is_bound = intent != Intent::SignIn;
            if is_bound || !matches!(otherwise, Otherwise::Session | Otherwise::User) {
                stage.refuses(otherwise, intent).await;
            }
        }
    }
    // And with nothing otherwise, it is an answer.
    for intent in [Intent::SignIn, Intent::Grant, Intent::Link] {
        let mut browser = stage.signed_in().await;
        let own = begin(&mut browser, form, intent).await;
        own.arrival.deliver(&mut browser).await.assert_status(303);
    }
}

#[tokio::test]
async fn ar_4_whatever_changes_before_a_redirect_comes_back_there_is_no_answer() {
    every_change_is_refused(AnswerForm::Query).await;
}

#[tokio::test]
async fn ar_4_whatever_changes_before_a_form_is_posted_there_is_no_answer() {
    every_change_is_refused(AnswerForm::FormPost).await;
}

#[tokio::test]
async fn ar_4_whatever_changes_in_the_hybrid_flow_there_is_no_answer() {
    every_change_is_refused(AnswerForm::HybridFormPost).await;
}
