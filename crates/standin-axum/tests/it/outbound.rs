//! Addresses that must not be talked to, as people, jobs and operators meet them (requirement HH-7).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use http::HeaderMap;
use serde_json::json;
use standin::error::Error;
use standin::http::{
    AddressClass, AddressPolicy, HttpClient, HttpError, Request, ReqwestClient, Response,
};
use standin::provider::ProviderConfig;
use standin::session::cookie::Cookies;
use standin::signin::SignInRequest;

use crate::support::{ADA, World, http_client, refused};

const CODE: &str = "provider_address_refused";

/// Two clients that ship: for development, where the emulator may be talked to, and, once it is told so, for
/// production, where it may not.
#[derive(Clone)]
struct Switch {
    development: ReqwestClient,
    production: ReqwestClient,
    is_production: Arc<AtomicBool>,
}

impl Switch {
    fn new() -> Self {
        Self {
            development: http_client(),
            production: ReqwestClient::new(AddressPolicy::public()).unwrap(),
            is_production: Arc::default(),
        }
    }

    fn set_production(&self, is_production: bool) {
        self.is_production.store(is_production, Ordering::SeqCst);
    }
}

#[async_trait]
impl HttpClient for Switch {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let is_production = self.is_production.load(Ordering::SeqCst);
        let client = if is_production { &self.production } else { &self.development };
        client.send(request).await
    }
}

fn beside(google: &ProviderConfig, id: &str, issuer: &str) -> ProviderConfig {
    ProviderConfig { id: id.parse().unwrap(), issuer: issuer.to_owned(), ..google.clone() }
}

#[tokio::test]
async fn hh_7_a_provider_at_a_refused_address_is_a_clear_error_and_the_others_are_fine() {
    let refused = [
        ("private", "https://10.255.255.1", AddressClass::Private),
        ("metadata", "https://169.254.169.254", AddressClass::LinkLocal),
        ("mapped", "https://[::ffff:169.254.169.254]", AddressClass::LinkLocal),
        ("nowhere", "https://0.0.0.0", AddressClass::Unspecified),
    ];
    let world = World::among(http_client(), |providers| {
        let others = refused.map(|(id, issuer, _)| beside(&providers[0], id, issuer));
        providers.extend(others);
    })
    .await;
    let mut browser = world.browser();
    for (id, issuer, class) in refused {
        let answer = browser.get(&world.url(&format!("/auth/{id}/login"))).await;
        answer.assert_status(502);
        assert_eq!(answer.any_code(), CODE);
        assert!(answer.body.contains("an operator must look at it"), "{}", answer.body);
        assert!(!answer.body.contains(&issuer[8..]), "where names lead: {}", answer.body);
        let error = error_of(&world, id).await;
        let Error::ProviderAddressRefused { provider, refused } = &error else {
            panic!("{error:?}");
        };
        assert_eq!((provider.as_str(), refused.class), (id, class));
        let words = error.to_string();
        let address = issuer[8..].trim_matches(['[', ']']);
        for told in [id, address, &class.to_string(), "outbound.allow_networks"] {
            assert!(words.contains(told), "{told} is missing for the operator: {words}");
        }
    }
    world.google.allow(ADA).await;
    browser.sign_in("").await.assert_status(303);
    browser.session().await.assert_status(200);
}

/// What the log has, which the answer has not.
async fn error_of(world: &World, provider: &str) -> Error {
    let provider = provider.parse().unwrap();
    let request = SignInRequest::default();
    world
        .standin
        .signin()
        .begin(&provider, request, Cookies::of(&HeaderMap::new()))
        .await
        .unwrap_err()
}

#[tokio::test]
async fn hh_7_a_code_is_not_sent_to_a_refused_address() {
    let switch = Switch::new();
    let world = World::over(switch.clone(), |_| {}).await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    switch.set_production(true);
    let before = world.before(&mut browser).await;
    let answer = browser.get(&callback).await;
    world.assert_refusal(&mut browser, &before, &answer, refused(502, CODE).known()).await;
    switch.set_production(false);
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn hh_7_a_refresh_token_is_not_sent_to_a_refused_address_and_its_grant_lives() {
    let switch = Switch::new();
    let world = World::over(switch.clone(), |_| {}).await;
    let (caller, _) = world.away(ADA, "").await;
    switch.set_production(true);
    for _ in 0..3 {
        caller.ask(json!({})).await.assert_refused(502, CODE);
    }
    assert_eq!(world.grant_state(), "active");
    assert_eq!(world.google.count("token_refreshed").await, 0);
    switch.set_production(false);
    caller.token().await;
}
