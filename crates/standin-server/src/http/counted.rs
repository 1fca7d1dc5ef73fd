//! Counting requests by route and status, and by nothing that whoever asks can choose (requirement HH-11).

use std::collections::HashMap;
use std::sync::{OnceLock, PoisonError, RwLock};

use http::{Method, StatusCode};
use metrics::Counter;

use crate::metrics::REQUESTS;

/// Anybody can make up a method: the last one is all others.
const METHODS: [&str; 8] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "other"];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// The label of a path that has no route, and of a request that came to none.
const NO_ROUTE: &str = "none";

/// The counters of one listener. They are looked up once each, and not for every request by all their labels.
#[derive(Default)]
pub(super) struct Counted(RwLock<HashMap<String, OfRoute>>);

/// By method and class; there is none before the first such request.
type OfRoute = [[OnceLock<Counter>; CLASSES.len()]; METHODS.len()];

impl Counted {
    /// Counts a request that has been answered.
    pub(super) fn count(&self, method: &Method, route: Option<&str>, status: StatusCode) {
        let route = route.unwrap_or(NO_ROUTE);
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counters) = known.get(route) {
            return count(counters, method, route, status);
        }
        drop(known);
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        count(all.entry(route.to_owned()).or_default(), method, route, status);
    }
}

fn count(counters: &OfRoute, method: &Method, route: &str, status: StatusCode) {
    let (method, class) = (place_of(method), class_of(status));
    let counter = counters[method][class].get_or_init(|| {
        metrics::counter!(
            REQUESTS.name,
            "method" => METHODS[method], "route" => route.to_owned(), "status" => CLASSES[class]
        )
    });
    counter.increment(1);
}

fn place_of(method: &Method) -> usize {
    let others = METHODS.len() - 1;
    METHODS[..others].iter().position(|name| *name == method.as_str()).unwrap_or(others)
}

fn class_of(status: StatusCode) -> usize {
    usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1
}
