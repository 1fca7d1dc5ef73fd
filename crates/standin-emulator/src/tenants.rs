//! Many worlds in one process: `/t/{name}/…` is an emulator of its own.
//!
//! ```text
//! request ─▶ dispatch ─┬─ /t/alice/… ─▶ the world of alice, path without its prefix
//!                      └─ anything else ─▶ the world of those who name none
//! ```
//!
//! A container that several test runs share gives each of them users, clients, grants, clock, faults
//! and ledger of its own: a run picks a name and uses `http://host:port/t/{name}` as its issuer. A
//! tenant begins with the seed when its name is first used.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::Request;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;

use crate::router;
use crate::seed::Seed;
use crate::state::{Address, Shared};

/// More than any test suite needs, and little enough that a mistake cannot fill the memory.
const MOST: usize = 1_000;

/// All worlds of a process.
#[derive(Debug)]
pub(crate) struct Tenants {
    address: Address,
    seed: Seed,
    root: World,
    named: Mutex<BTreeMap<String, World>>,
}

#[derive(Clone, Debug)]
struct World {
    shared: Arc<Shared>,
    router: Router,
}

/// Why a name has no world.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NoWorld {
    /// Not 1 to 64 letters, digits, `-` or `_`.
    BadName,
    /// There are as many as there may be.
    TooMany,
}

impl World {
    fn new(address: &Address, prefix: String, seed: &Seed) -> Self {
        let shared = Arc::new(Shared::new(address, prefix, seed.clone()));
        Self { router: router::router(&shared), shared }
    }
}

impl Tenants {
    pub(crate) fn new(address: Address, seed: Seed) -> Self {
        let root = World::new(&address, String::new(), &seed);
        Self { address, seed, root, named: Mutex::default() }
    }

    /// The world of those who name none.
    pub(crate) fn root(&self) -> &Arc<Shared> {
        &self.root.shared
    }

    /// Who answers a request, and the request as its world sees it.
    pub(crate) fn dispatch(
        self: &Arc<Self>,
        mut request: Request,
    ) -> Result<(Router, Request), NoWorld> {
        request.extensions_mut().insert(self.clone());
        let Some((name, rest)) = split(request.uri()) else {
            return Ok((self.root.router.clone(), request));
        };
        let world = self.world(name)?;
        *request.uri_mut() = rest;
        Ok((world.router, request))
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// Forgets a tenant, and lets its requests go that a fault holds; whether there was one.
    pub(crate) fn remove(&self, name: &str) -> bool {
        let world = self.lock().remove(name);
        world.map(|world| world.shared.hold.release()).is_some()
    }

    fn world(&self, name: &str) -> Result<World, NoWorld> {
        let mut named = self.lock();
        if let Some(world) = named.get(name) {
            return Ok(world.clone());
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !(1..=64).contains(&name.len()) || !name.bytes().all(plain) {
            return Err(NoWorld::BadName);
        }
        if named.len() == MOST {
            return Err(NoWorld::TooMany);
        }
        let world = World::new(&self.address, format!("/t/{name}"), &self.seed);
        named.insert(name.to_owned(), world.clone());
        Ok(world)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, World>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `/t/alice/token?x` into `alice` and `/token?x`.
fn split(uri: &Uri) -> Option<(&str, Uri)> {
    let rest = uri.path().strip_prefix("/t/")?;
    let (name, _) = rest.split_once('/').unwrap_or((rest, ""));
    let after = uri.path_and_query()?.as_str().get("/t/".len() + name.len()..)?;
    let rooted = if after.starts_with('/') { after.to_owned() } else { format!("/{after}") };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(rooted).ok()?);
    Some((name, Uri::from_parts(parts).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_prefix_is_taken_off_and_nothing_else() {
        let split = |text: &str| {
            let uri: Uri = text.parse().unwrap();
            split(&uri).map(|(name, rest)| (name.to_owned(), rest.to_string()))
        };
        let some = |name: &str, rest: &str| Some((name.to_owned(), rest.to_owned()));
        assert_eq!(split("/t/alice/token?a=/t/b"), some("alice", "/token?a=/t/b"));
        assert_eq!(split("/t/alice"), some("alice", "/"));
        assert_eq!(split("/t/alice?x=1"), some("alice", "/?x=1"));
        assert_eq!(split("/t/a/t/b"), some("a", "/t/b"));
        assert_eq!(split("/token"), None);
    }
}
