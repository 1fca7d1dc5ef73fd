//! The relying party tests of the OpenID Foundation, by the rows of `tests/conformance.toml`: each provider of theirs
//! is the emulator with a fault, and what a module wants of us is read from the emulator's ledger and from the wire.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use standin::http::{HttpClient, HttpError, Request, ReqwestClient, Response};
use standin::provider::{
    AnswerForm, ClientAuthentication, ProviderConfig, ProviderKind, ProviderProfile,
};
use standin::signals::stream::EVENT_TYPES;
use url::Url;

use crate::support::{ADA, Browser, World, http_client, param, refused, with, without};
use crate::{backchannel_logout, risc};

const TABLE: &str = include_str!("../conformance.toml");

#[derive(Deserialize)]
struct Table {
    /// The test of each way to run a module.
    tests: Map<String, Value>,
    module: Vec<Module>,
}

/// A row that is run.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Module {
    name: String,
    plans: Vec<String>,
    #[serde(default)]
    provider: String,
    run: Option<Run>,
    #[serde(default)]
    switches: Map<String, Value>,
    fault: Option<Wrong>,
    refused: Option<String>,
    /// Whether userinfo is asked although the answer is a refusal.
    #[serde(default)]
    userinfo: bool,
    out_of_scope: Option<String>,
}

impl Module {
    fn is_in(&self, plan: &str) -> bool {
        self.plans.iter().any(|known| known == plan)
    }

    /// How the provider is asked to answer. The form-post plans have the modules of the others; and what is only in
    /// the Hybrid plan is about the ID token beside the code.
    fn forms(&self) -> Vec<AnswerForm> {
        let mut forms = Vec::new();
        if self.plans != ["hybrid"] {
            forms.extend([AnswerForm::Query, AnswerForm::FormPost]);
        }
        if self.is_in("hybrid") || self.is_in("comprehensive") {
            forms.push(AnswerForm::HybridFormPost);
        }
        forms
    }

    /// Where its fault can be: wherever an ID token is given, unless the row says otherwise.
    fn places(&self, form: AnswerForm) -> Vec<&str> {
        match self.fault.as_ref().map(|fault| fault.endpoint.as_deref()) {
            None => Vec::new(),
            Some(Some(endpoint)) => vec![endpoint],
            Some(None) if form.is_hybrid() => vec!["authorize", "token"],
            Some(None) => vec!["token"],
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Run {
    Begin,
    DiscoveredKeys,
    Events,
    EventsInvalid,
    EventsTwice,
    EventsUnasked,
    EventsVerified,
    Logout,
    PostedError,
    ProviderLogout,
    ProviderLogoutCrossed,
    Refresh,
    RotationBeforeTheExchange,
    RotationBetweenSignIns,
    SignIn,
    SignInWithBasic,
}

/// What goes wrong: a fault of the emulator's, or a change of a logout token.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wrong {
    endpoint: Option<String>,
    fault: String,
    claims: Map<String, Value>,
    header: Map<String, Value>,
    /// Claims to leave out: TOML has no `null`.
    remove: Vec<String>,
    remove_header: Vec<String>,
}

impl Wrong {
    fn claims(&self) -> Value {
        let mut claims = self.claims.clone();
        claims.extend(self.remove.iter().map(|name| (name.clone(), Value::Null)));
        claims.into()
    }

    fn header(&self) -> Value {
        let mut header = self.header.clone();
        header.extend(self.remove_header.iter().map(|name| (name.clone(), Value::Null)));
        header.into()
    }

    /// Orders it at this endpoint, as often as a sign-in may come by.
    async fn order(&self, world: &World, endpoint: &str) {
        let mut more = json!({ "times": 2 });
        if self.fault == "id_token_claims" {
            let claims = self.claims().to_string().replace("{origin}", world.google.origin());
            more["claims"] = serde_json::from_str(&claims).unwrap();
            more["header"] = self.header();
        }
        world.google.fault(endpoint, &self.fault, more).await;
    }
}

fn modules(run: Run) -> Vec<Module> {
    let table: Table = toml::from_str(TABLE).unwrap();
    let modules: Vec<_> = table.module.into_iter().filter(|row| row.run == Some(run)).collect();
    assert!(!modules.is_empty(), "no module for {run:?}");
    modules
}

/// What was asked of the provider.
type Heard = Arc<Mutex<Vec<(Url, HeaderMap, String)>>>;

struct Ear {
    client: ReqwestClient,
    heard: Heard,
}

#[async_trait]
impl HttpClient for Ear {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let heard = (request.url.clone(), request.headers.clone(), body);
        self.heard.lock().unwrap().push(heard);
        self.client.send(request).await
    }
}

/// A provider that tells names at userinfo only, so that it would be asked; and who comes to it.
struct Stage {
    world: World,
    browser: Browser,
    heard: Heard,
}

impl Stage {
    async fn of(module: &Module) -> Self {
        Self::with(module, |_| {}).await
    }

    /// The same, where the provider answers in this form.
    async fn answering(module: &Module, form: AnswerForm) -> Self {
        Self::with(module, |provider| provider.answer = form).await
    }

    async fn with(module: &Module, change: impl FnOnce(&mut ProviderConfig)) -> Self {
        let heard = Heard::default();
        let ear = Ear { client: http_client(), heard: Arc::clone(&heard) };
        let world = World::over(ear, |provider| {
            provider.kind = ProviderKind::Oidc(ProviderProfile::default());
            change(provider);
        })
        .await;
        let mut switches = module.switches.clone();
        switches.insert("terse_id_tokens".to_owned(), true.into());
        world.google.control("PUT", "profile", switches.into()).await;
        world.google.allow(ADA).await;
        let browser = world.browser();
        Self { world, browser, heard }
    }

    /// From now on the provider does what the row says, at this endpoint.
    async fn goes_wrong(&self, module: &Module, endpoint: &str) {
        if let Some(fault) = &module.fault {
            fault.order(&self.world, endpoint).await;
        }
    }

    /// Whoever comes is signed in, with the address that only userinfo tells, and nobody else was asked.
    async fn signs_in(mut self, module: &Module) {
        let done = self.browser.sign_in("").await;
        assert_eq!(done.status, 303, "{}: {}", module.name, done.body);
        let session = self.browser.session().await;
        session.assert_status(200);
        assert_eq!(session.json()["user"]["email"], ADA, "{}", module.name);
        assert!(self.world.google.count("userinfo_read").await > 0, "{}", module.name);
        for (url, headers, _) in self.asked("/userinfo") {
            assert!(headers.contains_key(AUTHORIZATION) && url.query().is_none(), "{url}");
        }
        assert_eq!(self.asked("/claims").len(), 0, "{}: a claims endpoint", module.name);
    }

    /// Whoever comes is refused, and userinfo is asked only if the row says so. Where the browser brought what is
    /// wrong the code is not spent; otherwise there was one token call.
    async fn refuses(mut self, module: &Module, place: &str, code: &'static str) {
        let before = self.world.before(&mut self.browser).await;
        let answer = self.browser.sign_in("").await;
        let told = self.world.google.count("userinfo_read").await;
        assert_eq!(told, usize::from(module.userinfo), "{}: userinfo", module.name);
        let expected = refused(403, code);
        let is_front = place == "authorize";
        let expected = if is_front { expected.known() } else { expected.after_exchange() };
        self.world.assert_refusal(&mut self.browser, &before, &answer, expected).await;
        self.world.assert_next_sign_in_works(&mut self.browser).await;
    }

    /// The requests to addresses that end so.
    fn asked(&self, path: &str) -> Vec<(Url, HeaderMap, String)> {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter(|(url, ..)| url.path().ends_with(path)).cloned().collect()
    }
}

/// The code of a refusal as the tests' helpers want it.
fn code_of(module: &Module) -> Option<&'static str> {
    module.refused.as_ref().map(|code| &*code.clone().leak())
}

#[test]
fn every_module_is_run_or_says_why_not() {
    let table: Table = toml::from_str(TABLE).unwrap();
    for test in table.tests.values().filter_map(Value::as_str) {
        assert!(include_str!("conformance.rs").contains(&format!("async fn {test}()")), "{test}");
    }
    for module in &table.module {
        let is_run = module.run.is_some();
        assert_ne!(is_run, module.out_of_scope.is_some(), "{}", module.name);
        assert_eq!(is_run, !module.provider.is_empty(), "{}", module.name);
    }
    let count = |plan: &str| table.module.iter().filter(|module| module.is_in(plan)).count();
    // As many as the plans have; `at_hash` is tried in the code flow, too.
    let counts = ["basic", "hybrid", "config", "refresh", "back-channel"].map(count);
    assert_eq!(counts, [15, 18, 6, 3, 8]);
}

#[tokio::test]
async fn a_sign_in_ends_as_each_module_wants_it() {
    sign_ins(AnswerForm::Query).await;
}

#[tokio::test]
async fn a_sign_in_that_a_form_answers_ends_as_each_module_wants_it() {
    sign_ins(AnswerForm::FormPost).await;
}

#[tokio::test]
async fn a_sign_in_of_the_hybrid_flow_ends_as_each_module_wants_it() {
    sign_ins(AnswerForm::HybridFormPost).await;
}

async fn sign_ins(form: AnswerForm) {
    for module in modules(Run::SignIn).iter().filter(|module| module.forms().contains(&form)) {
        sign_in(module, form).await;
    }
}

/// The module in one form of answer. What must do no harm is in every ID token at once, what must be refused in each
/// of them alone.
async fn sign_in(module: &Module, form: AnswerForm) {
    let places = module.places(form);
    let Some(code) = code_of(module) else {
        let stage = Stage::answering(module, form).await;
        for place in places {
            stage.goes_wrong(module, place).await;
        }
        return stage.signs_in(module).await;
    };
    for place in places {
        let stage = Stage::answering(module, form).await;
        stage.goes_wrong(module, place).await;
        stage.refuses(module, place, code).await;
    }
}

#[tokio::test]
async fn the_secret_goes_in_the_header_where_the_registration_says_so() {
    for module in modules(Run::SignInWithBasic) {
        for form in module.forms() {
            sign_in_with_basic(&module, form).await;
        }
    }
}

async fn sign_in_with_basic(module: &Module, form: AnswerForm) {
    let change = |provider: &mut ProviderConfig| {
        provider.answer = form;
        provider.registration.authentication = ClientAuthentication::Basic;
    };
    let stage = Stage::with(module, change).await;
    let heard = Arc::clone(&stage.heard);
    stage.signs_in(module).await;
    let heard = heard.lock().unwrap();
    let calls: Vec<_> = heard.iter().filter(|(url, ..)| url.path() == "/token").collect();
    assert!(!calls.is_empty());
    for (_, headers, body) in calls {
        assert!(headers[AUTHORIZATION].to_str().unwrap().starts_with("Basic "));
        assert!(!body.contains("client_secret"), "the secret is in the body too");
    }
}

/// `max_age=0` is asked by the configuration, `prompt=none` by the test: no configuration asks it.
#[tokio::test]
async fn an_error_that_is_posted_is_shown_and_ends_the_attempt() {
    for module in modules(Run::PostedError) {
        let mut stage = Stage::with(&module, |provider| {
            provider.answer = AnswerForm::FormPost;
            provider.authentication.max_age = Some(Duration::ZERO);
        })
        .await;
        let asked = stage.browser.begin("").await;
        assert_eq!(
            (&*param(&asked, "max_age"), &*param(&asked, "response_mode")),
            ("0", "form_post")
        );
        let form = stage.browser.form_for(&with(&asked, "prompt", "none")).await;
        assert_eq!(form.get("error"), "interaction_required");
        stage.browser.accept_html();
        let before = stage.world.before(&mut stage.browser).await;
        let page = stage.browser.submit(&form).await;
        let expected = refused(400, code_of(&module).unwrap()).known();
        stage.world.assert_refusal(&mut stage.browser, &before, &page, expected).await;
        assert!(page.headers[CONTENT_TYPE].to_str().unwrap().starts_with("text/html"));
        let again = stage.browser.submit(&form).await;
        assert_eq!(again.any_code(), "attempt_used");
    }
}

#[tokio::test]
async fn keys_are_where_the_document_says() {
    for module in modules(Run::DiscoveredKeys) {
        let stage = Stage::of(&module).await;
        let google = &stage.world.google;
        let address = format!("{}/.well-known/openid-configuration", google.origin());
        let mut document = stage.world.browser().get(&address).await.json();
        document["jwks_uri"] = json!(format!("{}/oauth2/v3/certs?run=7", google.origin()));
        google.fault("discovery", "malformed", json!({ "body": document })).await;
        let heard = Arc::clone(&stage.heard);
        stage.signs_in(&module).await;
        let heard = heard.lock().unwrap();
        let first = &heard.first().unwrap().0;
        assert_eq!(first.path(), "/.well-known/openid-configuration");
        let keys: Vec<_> =
            heard.iter().filter(|(url, ..)| url.path().ends_with("/certs")).collect();
        assert!(!keys.is_empty() && keys.iter().all(|(url, ..)| url.query() == Some("run=7")));
    }
}

#[tokio::test]
async fn a_document_of_another_issuer_begins_nothing() {
    for module in modules(Run::Begin) {
        let mut stage = Stage::of(&module).await;
        stage.goes_wrong(&module, "discovery").await;
        let before = stage.world.before(&mut stage.browser).await;
        let answer = stage.browser.get("/auth/google/login").await;
        let expected = refused(503, code_of(&module).unwrap());
        stage.world.assert_refusal(&mut stage.browser, &before, &answer, expected).await;
        assert_eq!(stage.world.google.count("authorization").await, 0);
    }
}

#[tokio::test]
async fn a_key_that_is_new_is_fetched_when_it_signs() {
    for module in modules(Run::RotationBetweenSignIns) {
        let stage = Stage::of(&module).await;
        stage.world.browser().sign_in("").await.assert_status(303);
        stage.world.google.control("POST", "keys/rotate", Value::Null).await;
        let fetched = stage.asked("/certs").len();
        let heard = Arc::clone(&stage.heard);
        stage.signs_in(&module).await;
        let now =
            heard.lock().unwrap().iter().filter(|(url, ..)| url.path().ends_with("/certs")).count();
        assert_eq!(now, fetched + 1);
    }
    for module in modules(Run::RotationBeforeTheExchange) {
        let mut stage = Stage::of(&module).await;
        stage.world.browser().sign_in("").await.assert_status(303);
        let answer = stage.browser.callback_url("").await;
        stage.world.google.control("POST", "keys/rotate", Value::Null).await;
        stage.browser.get(&answer).await.assert_status(303);
        stage.signs_in(&module).await;
    }
}

#[tokio::test]
async fn a_refresh_ends_as_each_module_wants_it() {
    for module in modules(Run::Refresh) {
        // The emulator gives refresh tokens to those who ask for them in Google's way.
        let stage = Stage::with(&module, |provider| provider.kind = ProviderKind::Google).await;
        let (caller, _) = stage.world.away(ADA, "").await;
        let before = stage.world.grant_tokens();
        stage.goes_wrong(&module, "token").await;
        match code_of(&module) {
            None => {
                let token = caller.token().await;
                assert_eq!(stage.world.google.api("/v1/userinfo", &token).await, 200);
            }
            Some(code) => {
                let answer = caller.ask(json!({})).await;
                assert_eq!((answer.status.as_u16(), answer.code()), (502, code.to_owned()));
                assert_eq!(stage.world.grant_tokens(), before, "{}", module.name);
            }
        }
    }
}

#[tokio::test]
async fn a_logout_token_ends_a_session_or_is_refused() {
    for module in modules(Run::Logout) {
        let mut stage = backchannel_logout::Stage::start().await;
        let mut browser = stage.signed_in(ADA, json!("s-1")).await;
        let fault = module.fault.clone().unwrap_or_default();
        let token = stage.token(&fault.header(), &fault.claims());
        match code_of(&module) {
            None => {
                stage.assert_taken(&token).await;
                browser.session().await.assert_refused(401, "unauthenticated");
            }
            Some(code) => {
                stage.assert_refused(&token, code).await;
                browser.session().await.assert_status(200);
            }
        }
    }
}

#[tokio::test]
async fn a_browser_goes_on_only_with_the_state_that_it_left_with() {
    let all = [Run::ProviderLogout, Run::ProviderLogoutCrossed].into_iter().flat_map(modules);
    for module in all {
        let world = World::start().await;
        world.google.control("PUT", "profile", json!(module.switches)).await;
        let (mut browser, _) = world.signed_in(ADA, "").await;
        let body = json!({ "provider": "google", "return_to": "/bye" });
        let answer = browser.post("/auth/logout", body).await.json();
        let url: Url = answer["logout_url"].as_str().unwrap().parse().unwrap();
        let mut back = browser.get(&url).await.location();
        let fault = module.fault.clone().unwrap_or_default();
        for (name, value) in fault.claims().as_object().unwrap() {
            back = without(&back, name);
            if let Some(other) = value.as_str() {
                back = with(&back, name, other);
            }
        }
        let page = browser.get(&back).await;
        if module.run == Some(Run::ProviderLogout) {
            assert_eq!(page.location(), world.url("/bye"), "{}", module.name);
        } else {
            assert_eq!(page.status, 200, "{}: {}", module.name, page.body);
            assert!(!page.headers.contains_key(LOCATION), "{}", module.name);
        }
        browser.session().await.assert_refused(401, "unauthenticated");
    }
}

/// The type of an event about the stream itself.
const VERIFICATION: &str = "https://schemas.openid.net/secevent/risc/event-type/verification";

#[tokio::test]
async fn every_event_that_was_asked_for_is_taken() {
    for module in modules(Run::Events) {
        let world = risc::subscribed().await;
        world.signed_in(ADA, "").await;
        for name in EVENT_TYPES {
            let word = name.rsplit('/').next().unwrap();
            let mut event = json!({ "event": word });
            if word == "token-revoked" {
                event["token"] = json!("1//another-token-altogether");
            }
            assert_eq!(risc::send(&world, ADA, event).await, 202, "{}: {word}", module.name);
        }
    }
}

#[tokio::test]
async fn a_verification_is_taken_whether_it_was_asked_for_or_not() {
    for module in modules(Run::EventsVerified) {
        let world = World::start().await;
        let account = risc::subscribe(&world).await;
        let google = "google".parse().unwrap();
        world.standin.signals().request_verification(&google, &account, "is it on").await.unwrap();
        world.google.happened("risc_delivered", 1).await;
        assert_eq!(told(&world), "verification: is it on", "{}", module.name);
    }
    for module in modules(Run::EventsUnasked) {
        let world = risc::subscribed().await;
        let (mut browser, _) = world.signed_in(ADA, "").await;
        let spoiled = json!({ "claims": { "events": { VERIFICATION: {} } } });
        let event = json!({ "event": "sessions-revoked", "spoiled": spoiled });
        assert_eq!(risc::send(&world, ADA, event).await, 202, "{}", module.name);
        assert_eq!(told(&world), "verification", "{}", module.name);
        browser.session().await.assert_status(200);
    }
}

/// What the provider's events left on record.
fn told(world: &World) -> String {
    world.value("SELECT group_concat(detail, ', ') FROM events WHERE kind = 'provider_signal'")
}

#[tokio::test]
async fn an_event_that_is_delivered_again_is_taken_and_acts_once() {
    for module in modules(Run::EventsTwice) {
        let world = risc::subscribed().await;
        let (mut first, _) = world.signed_in(ADA, "").await;
        let event =
            json!({ "event": "sessions-revoked", "spoiled": { "claims": { "jti": "one" } } });
        assert_eq!(risc::send(&world, ADA, event.clone()).await, 202);
        first.session().await.assert_refused(401, "unauthenticated");
        let (mut second, _) = world.signed_in(ADA, "").await;
        assert_eq!(risc::send(&world, ADA, event).await, 202, "{}", module.name);
        second.session().await.assert_status(200);
        assert_eq!(told(&world), "sessions-revoked", "{}", module.name);
    }
}

#[tokio::test]
async fn an_event_that_does_not_count_is_refused() {
    for module in modules(Run::EventsInvalid) {
        let world = risc::subscribed().await;
        let (mut browser, _) = world.signed_in(ADA, "").await;
        for spoiled in [
            json!({ "bad_signature": true }),
            json!({ "header": { "alg": "none" } }),
            json!({ "header": { "typ": "JWT" }, "claims": { "nonce": "n" } }),
            json!({ "claims": { "iss": "https://accounts.evil.example" } }),
            json!({ "claims": { "aud": "somebody-else" } }),
            json!({ "claims": { "events": null } }),
        ] {
            let event = json!({ "event": "sessions-revoked", "spoiled": spoiled });
            assert_eq!(risc::send(&world, ADA, event).await, 400, "{}: {spoiled}", module.name);
        }
        browser.session().await.assert_status(200);
        assert_eq!(world.events_of("provider_signal"), 0);
    }
}
