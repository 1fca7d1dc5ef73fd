//! Looking at a grant from behind, and asking for it many times at once.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{Answer, Browser, Job, World};

/// A job that has asked for a token of one user before: its connections are open.
#[derive(Clone)]
pub struct Caller {
    browser: Browser,
    path: String,
    bearer: String,
}

impl Caller {
    pub fn new(world: &World, job: &Job, user: &str) -> Self {
        Self {
            browser: world.browser(),
            path: format!("/v1/users/{user}/grants/google/token"),
            bearer: format!("Bearer {}", job.key),
        }
    }

    /// The same job, asking for another user.
    pub fn of(&self, user: &str) -> Self {
        Self { path: format!("/v1/users/{user}/grants/google/token"), ..self.clone() }
    }

    /// Whether both ask for the same user.
    pub fn is_for_same(&self, other: &Self) -> bool {
        self.path == other.path
    }

    pub async fn ask(&self, body: Value) -> Answer {
        let headers =
            [("authorization", self.bearer.as_str()), ("content-type", "application/json")];
        let mut browser = self.browser.clone();
        browser.send(http::Method::POST, &self.path, &headers, body.to_string()).await
    }

    /// A token, whatever it opens.
    pub async fn token(&self) -> String {
        let answer = self.ask(json!({})).await;
        answer.assert_status(200);
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// So many at once.
    pub async fn ask_at_once(&self, times: usize) -> Vec<Answer> {
        join_all((0..times).map(|_| self.ask(json!({})))).await
    }
}

impl World {
    /// Somebody who signed in an hour ago: the access token is dead, the browser closed.
    pub async fn away(&self, person: &str, query: &str) -> (Caller, String) {
        let (_, user) = self.signed_in(person, query).await;
        self.google.advance(3600).await;
        (Caller::new(self, &self.job().await, &user), user)
    }

    /// The state of the only grant.
    pub fn grant_state(&self) -> String {
        self.value(
            "SELECT CASE WHEN state = 'active' AND refusals > 0 THEN 'suspect' ELSE state END FROM grants",
        )
    }

    /// What a change of the only grant would change.
    pub fn grant_tokens(&self) -> (Option<Vec<u8>>, Option<Vec<u8>>, i64) {
        let sql = "SELECT sealed_access, sealed_refresh, generation FROM grants";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        self.database().query_row(sql, [], row).unwrap()
    }

    /// How many events of this kind are on record.
    pub fn events_of(&self, kind: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM events WHERE kind = '{kind}'");
        self.value(&sql)
    }

    /// Waits until this query says so.
    pub async fn until(&self, sql: &str, expected: i64) {
        for _ in 0..2000 {
            if self.value::<i64>(sql) == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("{sql} is {} and not {expected}", self.value::<i64>(sql));
    }

    /// Whether the provider would still take this token.
    pub async fn is_dead_at_provider(&self, token: &str) -> bool {
        let body = format!("token={token}");
        let url = format!("{}/revoke", self.google.origin());
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let answer = self.browser().send(http::Method::POST, &url, &headers, body).await;
        answer.status == 400 && answer.body.contains("invalid_token")
    }
}
