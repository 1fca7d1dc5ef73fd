//! Tenants with data keys of their own, where a sign-in ends and where they are shredded; and revocations that wait.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::json;
use standin::http::{HttpClient, HttpError, Request, ReqwestClient, Response};
use standin::time::SystemClock;
use standin::vault::{
    Environment, ExternalKeys, KekName, KeyFile, TenantRule, TransitSettings, VaultToken,
};
use tokio::sync::Barrier;

use crate::support::{ADA, Caller, GRACE, Wire, World, http_client};

/// Passes everything on, and has the test do something before each revocation.
struct BeforeRevoking<F>(ReqwestClient, F);

#[async_trait]
impl<F, D> HttpClient for BeforeRevoking<F>
where
    F: Fn() -> D + Send + Sync + 'static,
    D: Future<Output = ()> + Send + 'static,
{
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        if request.url.path().ends_with("/revoke") {
            self.1().await;
        }
        self.0.send(request).await
    }
}

/// One tenant: the provider.
async fn per_provider() -> World {
    let mut world = World::start().await;
    world.restart_over(http_client(), |builder| builder.tenants(TenantRule::Provider)).await;
    world
}

#[tokio::test]
async fn vc_15_whoever_signs_in_at_once_after_the_tenant_was_shredded_begins_anew() {
    let world = per_provider().await;
    world.signed_in(ADA, "").await;
    let shredded = world.standin.revocations().shred("google").await.unwrap().unwrap();
    assert_eq!((shredded.keys, shredded.grants, shredded.unconfirmed), (1, 1, 0));

    let (_, user) = world.signed_in(GRACE, "").await;

    Caller::new(&world, &world.job().await, &user).token().await;
    let keys = world.standin.store().data_keys().await.unwrap();
    let gone: Vec<bool> = keys.iter().map(|row| row.removed_at.is_some()).collect();
    assert_eq!(gone, [false, true, false]);
}

#[tokio::test]
async fn vc_15_what_a_new_tenant_gave_is_given_back_where_its_key_cannot_be_made() {
    let mut world = World::start().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.toml");
    std::fs::write(&path, world.keys.to_toml().unwrap()).unwrap();
    crate::vault::restrict(&path);
    // Nobody listens there.
    let closed = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}", closed.local_addr().unwrap()).parse().unwrap();
    drop(closed);
    let http: Arc<dyn HttpClient> = Arc::new(http_client());
    let token = VaultToken::Given("hvs.t".into());
    let settings = TransitSettings { address, token, namespace: None };
    let external =
        ExternalKeys::new(Arc::clone(&http), Arc::new(SystemClock), Environment::default())
            .transit(settings, http);
    world.keys = KeyFile::read(&path).unwrap().reaching(external);
    let wire = Wire::new();
    world.restart_over(wire.clone(), |builder| builder.tenants(TenantRule::Provider)).await;
    let name: KekName = "vault:transit/standin".parse().unwrap();
    KeyFile::change(&path, |keys| keys.add_external(&name)).unwrap();
    KeyFile::change(&path, |keys| keys.activate(name.as_str())).unwrap();

    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    browser.get(&callback).await.assert_refused(503, "keys_unavailable");

    let tokens = wire.heard("refresh_token");
    assert_eq!(tokens.len(), 1);
    assert!(world.is_dead_at_provider(&tokens[0]).await);
    KeyFile::change(&path, |keys| keys.activate("k1")).unwrap();
    world.signed_in(ADA, "").await;
}

/// What can be done here is not held up by a provider that hangs.
#[tokio::test]
async fn vc_15_all_is_wiped_and_the_keys_are_gone_before_a_provider_is_asked() {
    let mut world = World::start().await;
    let (url, seen) = (world.database_url(), Arc::new(Mutex::new(Vec::new())));
    let look = {
        let seen = Arc::clone(&seen);
        move || {
            let (url, seen) = (url.clone(), Arc::clone(&seen));
            async move {
                let store = standin_store::open(&url).await.unwrap();
                let (keys, grants) =
                    (store.data_keys().await.unwrap(), store.grants(None, 10).await.unwrap());
                let keys =
                    keys.iter().filter(|row| row.tenant.is_some() && row.removed_at.is_none());
                let sealed = grants.iter().filter(|grant| grant.tokens.iter().count() > 0);
                seen.lock().unwrap().push((keys.count(), sealed.count()));
            }
        }
    };
    let http = BeforeRevoking(http_client(), look);
    world.restart_over(http, |builder| builder.tenants(TenantRule::Provider)).await;
    for person in [ADA, GRACE] {
        world.signed_in(person, "").await;
    }
    world.google.fault("revoke", "status", json!({ "status": 503 })).await;

    let shredded = world.standin.revocations().shred("google").await.unwrap().unwrap();

    assert_eq!((shredded.keys, shredded.grants, shredded.unconfirmed), (1, 2, 1));
    assert_eq!(*seen.lock().unwrap(), [(0, 0), (0, 0)]);
    assert_eq!(world.events_of("tenant_shredded"), 1);
    assert_eq!(
        world.value::<i64>("SELECT count(*) FROM revocations"),
        1,
        "it is asked again later"
    );
}

/// One that hangs takes a time-out; those behind it must not wait for it.
#[tokio::test]
async fn rf_10_revocations_that_wait_are_tried_beside_each_other() {
    let mut world = World::start().await;
    let (both, is_awaited) = (Arc::new(Barrier::new(2)), Arc::new(AtomicBool::new(false)));
    let meet = {
        let is_awaited = Arc::clone(&is_awaited);
        move || {
            let (both, is_awaited) = (Arc::clone(&both), Arc::clone(&is_awaited));
            async move {
                if is_awaited.load(Ordering::SeqCst) {
                    both.wait().await;
                }
            }
        }
    };
    world.restart_over(BeforeRevoking(http_client(), meet), |builder| builder).await;
    for person in [ADA, GRACE] {
        let (mut browser, _) = world.signed_in(person, "").await;
        world.google.fault("revoke", "status", json!({ "status": 503 })).await;
        browser.post("/auth/google/disconnect", json!({})).await.assert_status(200);
    }
    assert_eq!(world.value::<i64>("SELECT count(*) FROM revocations"), 2);
    world.google.advance(60).await;
    is_awaited.store(true, Ordering::SeqCst);
    assert_eq!(world.standin.revocations().sweep().await, Ok(2));
}
