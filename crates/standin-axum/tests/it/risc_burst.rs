//! Ten thousand security events at once, many of them twice and in no order.

use std::fs;

use futures_util::StreamExt as _;
use http::Method;
use serde_json::json;

use crate::support::{ADA, Browser, GRACE, KID, WithOurKey, World, signed};

/// Each is delivered twice.
const EVENTS: u32 = 5000;
/// Coprime to the number of deliveries: its multiples meet each of them, in an order of their own.
const STRIDE: u32 = 7919;
const SENDERS: usize = 32;
/// Every so-manieth token is large, so that a queue of them would be seen: all together have 60 MiB.
const LARGE: u32 = 10;
const PADDING: usize = 40 * 1024;
/// Less than all tokens together, and more than the senders and the answers take.
const MAX_GROWTH_MIB: u64 = 32;

const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type/";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d32_ri_3_ri_6_each_event_of_a_burst_acts_once_in_the_order_of_its_time() {
    let world = World::over(WithOurKey::new(), |_| {}).await;
    let (mut before, _) = world.signed_in(GRACE, "").await;
    world.google.advance(2 * u64::from(EVENTS)).await;
    let (mut after, _) = world.signed_in(ADA, "").await;
    let burst = Burst::about(&world);
    let resident = resident_mib();

    let order = (0..2 * EVENTS).map(|place| place * STRIDE % (2 * EVENTS) % EVENTS);
    let statuses = futures_util::stream::iter(order)
        .map(|event| burst.deliver(event))
        .buffer_unordered(SENDERS);
    let refused = statuses.filter(|status| std::future::ready(*status != 202)).count().await;

    assert_eq!(refused, 0);
    assert_eq!(world.events_of("provider_signal"), i64::from(EVENTS));
    let growth = resident_mib().saturating_sub(resident);
    assert!(growth < MAX_GROWTH_MIB, "{growth} MiB more than before");
    // Older than Ada's session, newer than Grace's.
    after.session().await.assert_status(200);
    before.session().await.assert_refused(401, "unauthenticated");
    // The newest news of the account counts, whenever it came.
    world.google.allow(ADA).await;
    let answer = world.browser().sign_in("").await;
    assert_eq!(answer.any_code(), "account_disabled");
    world.google.allow(GRACE).await;
    world.browser().sign_in("").await.assert_status(303);
}

/// Events whose ids and times are their numbers.
struct Burst<'w> {
    world: &'w World,
    /// One client for all senders; each request has its own of the connections that are kept.
    sender: Browser,
    issuer: String,
    ada: String,
    grace: String,
    newest: i64,
}

impl<'w> Burst<'w> {
    fn about(world: &'w World) -> Self {
        let subject = |person: &str| {
            world.value(&format!(
                "SELECT subject FROM identities JOIN users ON users.id = user_id WHERE users.email = '{person}'"
            ))
        };
        Self {
            issuer: format!("{}/", world.google.origin()),
            ada: subject(ADA),
            grace: subject(GRACE),
            newest: world.standin.clock().now().unix_seconds() - 10,
            sender: world.browser(),
            world,
        }
    }

    /// Odd ones disable an account, even ones enable it, and every tenth ends the other's sessions. The last
    /// one is odd.
    fn token(&self, event: u32) -> String {
        let (word, subject) = match event {
            _ if event.is_multiple_of(10) => ("sessions-revoked", &self.grace),
            _ if !event.is_multiple_of(2) => ("account-disabled", &self.ada),
            _ => ("account-enabled", &self.ada),
        };
        let subject = json!({ "subject_type": "iss-sub", "iss": self.issuer, "sub": subject });
        let padding = if event.is_multiple_of(LARGE) { PADDING } else { 0 };
        let age = i64::from(EVENTS - 1 - event);
        let claims = json!({
            "iss": self.issuer, "aud": self.world.google.client_id(), "jti": format!("burst-{event}"),
            "iat": self.newest - age, "padding": "x".repeat(padding),
            "events": { format!("{RISC}{word}"): { "subject": subject } },
        });
        signed(&json!({ "alg": "ES256", "kid": KID, "typ": "secevent+jwt" }), &claims)
    }

    async fn deliver(&self, event: u32) -> u16 {
        let headers = [("content-type", "application/secevent+jwt")];
        let token = self.token(event);
        self.sender
            .clone()
            .send(Method::POST, "/auth/google/risc", &headers, token)
            .await
            .status
            .as_u16()
    }
}

/// What this process, service and senders together, has in memory.
fn resident_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
}
