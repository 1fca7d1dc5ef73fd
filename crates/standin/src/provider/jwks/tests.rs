use std::time::Duration;

use futures_util::future::{join, join_all};

use super::*;
use crate::http::HttpError;
use crate::provider::document::scripted_http::{Answer, ScriptedHttp};
use crate::provider::document::{COOL_DOWN, MAX_BYTES, MIN_AGE};
use crate::provider::{Metadata, Transport};
use crate::time::{MockClock, Timestamp};
use crate::verify::test_signer::{Signer, jwks};

const HOUR: u64 = 3600;

struct World {
    cache: JwksCache,
    http: ScriptedHttp,
    clock: MockClock,
    metadata: Metadata,
}

impl World {
    fn new(answer: Answer) -> Self {
        Self {
            cache: JwksCache::new(),
            http: ScriptedHttp::new(answer),
            clock: MockClock::new(Timestamp::from_unix_seconds(1_766_000_000)),
            metadata: metadata(),
        }
    }

    async fn keys_for(&self, kid: Option<&str>) -> Result<Arc<KeySet>, KeysFault> {
        self.cache
            .keys_for(kid, self.metadata.jwks_uri.as_ref().unwrap(), &self.http, &self.clock)
            .await
    }

    async fn finds(&self, kid: &str) -> bool {
        self.keys_for(Some(kid)).await.unwrap().has_kid(kid)
    }
}

fn metadata() -> Metadata {
    let json =
        br#"{"issuer":"https://idp.example","authorization_endpoint":"https://idp.example/auth",
        "token_endpoint":"https://idp.example/token","jwks_uri":"https://idp.example/jwks"}"#;
    Metadata::parse(json, "https://idp.example", Transport::Https).unwrap()
}

fn published(kids: &[&'static str]) -> Answer {
    let signers: Vec<Signer> = kids.iter().map(|kid| Signer::p256(kid)).collect();
    Answer::Ok(jwks(&signers), HOUR)
}

#[tokio::test]
async fn keys_are_fetched_once_from_where_the_metadata_says() {
    let world = World::new(published(&["a"]));
    assert!(world.keys_for(None).await.unwrap().has_kid("a"));
    assert!(world.finds("a").await);
    assert_eq!(world.http.asked(), ["https://idp.example/jwks"]);
    world.clock.advance(Duration::from_secs(HOUR));
    assert!(world.finds("a").await);
    assert_eq!(world.http.calls(), 2);
}

#[tokio::test]
async fn id_17_a_key_that_is_new_is_fetched_when_it_is_first_named() {
    let world = World::new(published(&["a"]));
    assert!(world.finds("a").await);
    world.http.answer(published(&["a", "b"]));
    assert!(world.finds("b").await);
    assert_eq!(world.http.calls(), 2);
}

#[tokio::test]
async fn id_17_ten_thousand_invented_names_cost_two_fetches_and_keep_no_new_key_out() {
    let world = World::new(published(&["a"]));
    let kids: Vec<String> = (0..10_000).map(|i| format!("invented-{i}")).collect();
    assert!(world.finds("a").await);
    for kid in &kids[..5000] {
        assert!(!world.finds(kid).await);
    }
    join_all(kids[5000..].iter().map(|kid| world.keys_for(Some(kid)))).await;
    assert_eq!(world.http.calls(), 2);

    world.http.answer(published(&["b"]));
    world.clock.advance(COOL_DOWN);
    // The flood goes on, and it is an invented name that fetches the new key.
    assert!(!world.finds("invented").await);
    assert!(world.finds("b").await);
    assert_eq!(world.http.calls(), 3);
}

#[tokio::test]
async fn id_17_a_flood_in_parallel_shares_one_fetch() {
    let world = World::new(published(&["a"]));
    assert!(world.finds("a").await);
    world.http.hold();
    let kids: Vec<String> = (0..1000).map(|i| format!("invented-{i}")).collect();
    let flood = join_all(kids.iter().map(|kid| world.keys_for(Some(kid))));
    let (answers, ()) = join(flood, async {
        tokio::task::yield_now().await;
        // Whose key is known does not wait.
        assert!(world.finds("a").await);
        world.http.release();
    })
    .await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(world.http.calls(), 2);
}

#[tokio::test]
async fn id_17_the_last_good_keys_survive_whatever_is_answered() {
    let many = vec![Signer::p256("x"); 65];
    for bad in [
        Answer::Status(500),
        Answer::Status(404),
        Answer::Status(302),
        Answer::Status(204),
        Answer::Error(HttpError::Unsent),
        Answer::Error(HttpError::Ambiguous),
        Answer::Ok(vec![b' '; MAX_BYTES + 1], HOUR),
        Answer::Ok(b"<html>".to_vec(), HOUR),
        Answer::Ok(br#"{"keys":[]}"#.to_vec(), HOUR),
        Answer::Ok(br#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#.to_vec(), HOUR),
        Answer::Ok(jwks(&many), HOUR),
    ] {
        let world = World::new(published(&["a"]));
        assert!(world.finds("a").await);
        world.http.answer(bad);
        assert!(!world.finds("b").await);
        world.clock.advance(Duration::from_secs(HOUR));
        assert!(world.finds("a").await);
        assert_eq!(world.http.calls(), 3);
    }
}

#[tokio::test]
async fn without_any_keys_the_fault_says_why() {
    let long = vec![b' '; MAX_BYTES + 1];
    for (answer, fault) in [
        (Answer::Status(302), DocumentFault::Redirected.into()),
        (Answer::Error(HttpError::Unsent), DocumentFault::Unreachable.into()),
        (Answer::Ok(long, HOUR), DocumentFault::TooLarge.into()),
        (Answer::Ok(b"[]".to_vec(), HOUR), KeySetFault::Malformed.into()),
        (Answer::Ok(br#"{"keys":[]}"#.to_vec(), HOUR), KeysFault::Empty),
    ] {
        let world = World::new(answer);
        assert_eq!(world.keys_for(None).await.err(), Some(fault));
        assert_eq!(world.keys_for(Some("a")).await.err(), Some(fault));
        assert_eq!(world.http.calls(), 1);
    }
}

#[tokio::test]
async fn id_17_an_outage_while_the_provider_changes_its_keys_heals_by_itself() {
    let world = World::new(published(&["a"]));
    assert!(world.finds("a").await);
    world.http.answer(Answer::Status(500));
    for _ in 0..20 {
        assert!(!world.finds("b").await);
        world.clock.advance(Duration::from_secs(10));
    }
    assert!(world.http.calls() <= 8);
    world.http.answer(published(&["b"]));
    world.clock.advance(COOL_DOWN);
    assert!(world.finds("b").await);
    world.clock.advance(MIN_AGE);
    assert!(world.finds("b").await);
}
