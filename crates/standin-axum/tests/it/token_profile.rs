//! What is known of a provider's tokens, and what it changes.

use http::Method;
use serde_json::json;
use standin::provider::{Certainty, ProviderKind, ProviderProfile};
use standin::vend::Policy;

use crate::support::{ADA, CALENDAR, Caller, DRIVE, World, with};

const DAY: u64 = 24 * 3600;

/// Ada has given Calendar and Drive to a provider that is like this.
async fn given(profile: ProviderProfile) -> (World, String) {
    let world = World::with(|provider| provider.kind = ProviderKind::Oidc(profile)).await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let begun = browser.get(format!("/auth/google/login?scope={CALENDAR}%20{DRIVE}")).await;
    // The emulator wants to be asked for a refresh token as Google does.
    let callback = browser.answer_to(&with(&begun.location(), "access_type", "offline")).await;
    browser.get(&callback).await.assert_status(303);
    let user = browser.session().await.json()["user"]["id"].as_str().unwrap().to_owned();
    (world, user)
}

async fn narrow(world: &World, user: &str, scope: &str) -> Caller {
    let policy = Policy(vec![format!("google:{scope}").parse().unwrap()]);
    Caller::new(world, &world.job_with(policy).await, user)
}

async fn reason(caller: &Caller) -> String {
    let answer = caller.ask(json!({})).await;
    answer.assert_refused(409, "reauth_required");
    answer.json()["reason"].as_str().unwrap().to_owned()
}

async fn revoke(world: &World) {
    let path = format!("users/{ADA}/revoke");
    world.google.control(Method::POST.as_str(), &path, json!(null)).await;
}

fn idle(days: u64) -> ProviderProfile {
    let idle = Some(std::time::Duration::from_secs(days * DAY));
    ProviderProfile { idle, ..ProviderProfile::default() }
}

#[tokio::test]
async fn a_refused_token_that_lay_idle_too_long_is_called_so() {
    for (days, expected) in [(6, "revoked"), (7, "expired_idle")] {
        let (world, user) = given(idle(7)).await;
        world.google.advance(days * DAY).await;
        revoke(&world).await;
        let caller = Caller::new(&world, &world.job().await, &user);
        assert_eq!(reason(&caller).await, expected, "after {days} days");
    }
}

#[tokio::test]
async fn a_token_that_is_only_ever_narrowed_does_not_lie_idle() {
    let (world, user) = given(idle(7)).await;
    let calendar = narrow(&world, &user, CALENDAR).await;
    for _ in 0..2 {
        world.google.advance(5 * DAY).await;
        calendar.token().await;
    }
    revoke(&world).await;
    world.google.advance(3600).await;
    assert_eq!(reason(&calendar).await, "revoked");
}

#[tokio::test]
async fn where_a_refresh_ends_the_tokens_before_it_none_of_them_is_handed_out_again() {
    for (ends, refreshes) in [(Certainty::Yes, 5), (Certainty::Unknown, 2)] {
        let profile =
            ProviderProfile { refresh_ends_access_tokens: ends, ..ProviderProfile::default() };
        let (world, user) = given(profile).await;
        let wide = Caller::new(&world, &world.job().await, &user);
        let calendar = narrow(&world, &user, CALENDAR).await;
        let drive = narrow(&world, &user, DRIVE).await;
        // The sign-in brought a token that opens everything.
        wide.token().await;
        calendar.token().await;
        drive.token().await;
        for caller in [&calendar, &wide, &drive] {
            caller.token().await;
            // The newest of all is good for a second time.
            caller.token().await;
        }
        assert_eq!(world.google.count("token_refreshed").await, refreshes, "{ends:?}");
    }
}

#[tokio::test]
async fn where_tokens_cannot_be_narrowed_nobody_is_asked_for_one() {
    let profile = ProviderProfile { refresh_narrows: Certainty::No, ..ProviderProfile::default() };
    let (world, user) = given(profile).await;
    let calendar = narrow(&world, &user, CALENDAR).await;
    calendar.ask(json!({})).await.assert_refused(403, "cannot_narrow");
    assert_eq!(world.google.count("token_refreshed").await, 0);
    Caller::new(&world, &world.job().await, &user).token().await;
}
