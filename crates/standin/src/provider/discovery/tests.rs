use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::http::HttpError;
use crate::provider::document::scripted_http::{Answer, ScriptedHttp};
use crate::provider::document::{MAX_BYTES, MIN_AGE};
use crate::time::{MockClock, Timestamp};

const ISSUER: &str = "https://accounts.google.com";

/// Google's document, changed by these members; null removes one.
fn document(changes: &Value) -> Vec<u8> {
    let mut document = json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://accounts.google.com/o/oauth2/v2/auth",
        "device_authorization_endpoint": "https://oauth2.googleapis.com/device/code",
        "token_endpoint": "https://oauth2.googleapis.com/token",
        "userinfo_endpoint": "https://openidconnect.googleapis.com/v1/userinfo",
        "revocation_endpoint": "https://oauth2.googleapis.com/revoke",
        "jwks_uri": "https://www.googleapis.com/oauth2/v3/certs",
        "response_types_supported": ["code", "token"],
    });
    let members = document.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => members.remove(name),
            value => members.insert(name.clone(), value.clone()),
        };
    }
    document.to_string().into_bytes()
}

fn parse(changes: &Value) -> Result<Metadata, DiscoveryFault> {
    Metadata::parse(&document(changes), ISSUER, Transport::Https)
}

#[test]
fn an_array_is_no_discovery_document() {
    let members =
        ["", "/auth", "/token", "/keys"].map(|path| Value::from(format!("{ISSUER}{path}")));
    let array = [&members[..], &[Value::Null, Value::Null, Value::Bool(false)]].concat();
    let array = Value::from(array).to_string();
    let read = Metadata::parse(array.as_bytes(), ISSUER, Transport::Https);
    assert_eq!(read, Err(DiscoveryFault::Malformed));
}

#[test]
fn googles_document_is_read() {
    let metadata = parse(&json!({})).unwrap();
    assert_eq!(metadata.issuer, ISSUER);
    assert_eq!(metadata.token_endpoint.as_str(), "https://oauth2.googleapis.com/token");
    assert!(metadata.revocation_endpoint.is_some() && metadata.userinfo_endpoint.is_some());
    assert!(!metadata.issuer_in_response);
    let bare = json!({
        "revocation_endpoint": null,
        "userinfo_endpoint": null,
        "authorization_response_iss_parameter_supported": true,
    });
    let metadata = parse(&bare).unwrap();
    assert!(metadata.revocation_endpoint.is_none() && metadata.userinfo_endpoint.is_none());
    assert!(metadata.issuer_in_response);
}

#[test]
fn id_22_a_document_of_another_issuer_is_refused() {
    for issuer in [
        "https://evil.example",
        "https://accounts.google.com/",
        "https://Accounts.google.com",
        "http://accounts.google.com",
        "accounts.google.com",
        "",
    ] {
        let fault = parse(&json!({ "issuer": issuer })).err();
        assert_eq!(fault, Some(DiscoveryFault::IssuerMismatch), "{issuer:?}");
    }
}

#[test]
fn id_22_a_document_that_lacks_something_or_is_none_is_refused() {
    for name in ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"] {
        for value in [json!(null), json!(1), json!([]), json!({})] {
            let fault = parse(&json!({ (name): value })).err();
            assert_eq!(fault, Some(DiscoveryFault::Malformed), "{name}: {value}");
        }
    }
    let good = String::from_utf8(document(&json!({}))).unwrap();
    let twice = format!(r#"{},"issuer":"{ISSUER}"}}"#, good.trim_end_matches('}'));
    for text in ["", "null", "[]", "<html>", &twice, &format!("{good}{good}")] {
        let fault = Metadata::parse(text.as_bytes(), ISSUER, Transport::Https).err();
        assert_eq!(fault, Some(DiscoveryFault::Malformed), "{text}");
    }
}

#[test]
fn ar_14_every_address_of_the_document_is_https() {
    for name in [
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "revocation_endpoint",
        "userinfo_endpoint",
    ] {
        for (address, fault) in [
            ("http://accounts.google.com/x", EndpointFault::Insecure),
            ("http://127.0.0.1/x", EndpointFault::Insecure),
            ("javascript:alert(1)", EndpointFault::Insecure),
            ("https://u:p@accounts.google.com/x", EndpointFault::Credentials),
            ("https://accounts.google.com/x#y", EndpointFault::Fragment),
            ("/x", EndpointFault::Malformed),
        ] {
            let refused = parse(&json!({ (name): address })).err();
            assert_eq!(refused, Some(fault.into()), "{name}: {address}");
        }
    }
}

struct World {
    cache: MetadataCache,
    http: ScriptedHttp,
    clock: MockClock,
}

impl World {
    fn new(answer: Answer) -> Self {
        Self {
            cache: MetadataCache::new(ISSUER, Transport::Https),
            http: ScriptedHttp::new(answer),
            clock: MockClock::new(Timestamp::from_unix_seconds(1_766_000_000)),
        }
    }

    async fn get(&self) -> Result<Arc<Metadata>, DiscoveryFault> {
        self.cache.get(&self.http, &self.clock).await
    }
}

fn published(changes: &Value) -> Answer {
    Answer::Ok(document(changes), 300)
}

#[tokio::test]
async fn the_document_is_fetched_once_from_below_the_issuer() {
    let world = World::new(published(&json!({})));
    world.get().await.unwrap();
    world.get().await.unwrap();
    let address = "https://accounts.google.com/.well-known/openid-configuration";
    assert_eq!(world.http.asked(), [address]);
}

#[tokio::test]
async fn the_address_has_no_doubled_slash_and_no_query() {
    let address = |issuer| {
        let cache = MetadataCache::new(issuer, Transport::Https);
        cache.address().map(|address| address.to_string())
    };
    assert_eq!(
        address("https://idp.example/realm/").unwrap(),
        "https://idp.example/realm/.well-known/openid-configuration"
    );
    for (issuer, fault) in [
        ("https://idp.example/?a=b", EndpointFault::Malformed),
        ("https://idp.example/#a", EndpointFault::Fragment),
        ("http://idp.example", EndpointFault::Insecure),
        ("idp.example", EndpointFault::Malformed),
    ] {
        assert_eq!(address(issuer), Err(fault), "{issuer}");
    }
}

#[tokio::test]
async fn id_22_redirects_errors_and_floods_make_the_provider_unavailable() {
    let long = Answer::Ok(vec![b' '; MAX_BYTES + 1], 300);
    for (answer, fault) in [
        (Answer::Status(301), DocumentFault::Redirected.into()),
        (Answer::Status(302), DocumentFault::Redirected.into()),
        (Answer::Status(307), DocumentFault::Redirected.into()),
        (Answer::Status(503), DocumentFault::Status(http::StatusCode::SERVICE_UNAVAILABLE).into()),
        (Answer::Error(HttpError::Ambiguous), DocumentFault::Unreachable.into()),
        (long, DocumentFault::TooLarge.into()),
        (published(&json!({ "issuer": "https://evil.example" })), DiscoveryFault::IssuerMismatch),
    ] {
        let world = World::new(answer.clone());
        assert_eq!(world.get().await.err(), Some(fault));
        assert_eq!(world.http.calls(), 1);

        // And with a good document at hand, nothing happens at all.
        let world = World::new(published(&json!({})));
        let before = world.get().await.unwrap();
        world.http.answer(answer);
        world.clock.advance(MIN_AGE);
        assert_eq!(world.get().await.unwrap(), before);
    }
}

#[tokio::test]
async fn rf_15_d18_an_endpoint_that_is_sent_refresh_tokens_does_not_move_to_another_host() {
    for moved in [
        json!({ "token_endpoint": "https://evil.example/token" }),
        json!({ "token_endpoint": "https://oauth2.googleapis.com:8443/token" }),
        json!({ "revocation_endpoint": "https://evil.example/revoke" }),
    ] {
        let world = World::new(published(&json!({})));
        let before = world.get().await.unwrap();
        world.http.answer(published(&moved));
        for _ in 0..5 {
            world.clock.advance(Duration::from_hours(1));
            assert_eq!(world.get().await.unwrap(), before, "{moved}");
        }
        assert_eq!(world.http.calls(), 6);
    }
}

#[tokio::test]
async fn a_change_that_sends_no_token_elsewhere_is_taken_over() {
    let world = World::new(published(&json!({})));
    world.get().await.unwrap();
    world.http.answer(published(&json!({
        "token_endpoint": "https://oauth2.googleapis.com/v2/token",
        "jwks_uri": "https://keys.example/certs",
    })));
    world.clock.advance(MIN_AGE);
    let metadata = world.get().await.unwrap();
    assert_eq!(metadata.jwks_uri.as_ref().unwrap().as_str(), "https://keys.example/certs");
    assert_eq!(metadata.token_endpoint.url().path(), "/v2/token");
}
