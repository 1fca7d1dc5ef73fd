//! A fresh access token whenever one is needed: the whole of what a job has to know about OAuth.

use ::http::{Method, StatusCode};
use data_encoding::HEXLOWER;
use serde::Serialize;
use serde_json::Value;
use standin::secret::{ClientKey, sha256};
use standin_client::{Problem, Token, TokenRequest};

use crate::demo::http::{Answer, Call, Http, Unanswered};

/// Standin, as a job sees it.
#[derive(Clone, Debug)]
pub(super) struct TokenService {
    pub(super) http: Http,
    pub(super) standin: String,
    pub(super) key: ClientKey,
}

/// Why a job could not do its work, as Standin or Google put it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in crate::demo) struct Failure {
    pub(in crate::demo) code: String,
    pub(in crate::demo) detail: String,
    /// Where the person can mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::demo) reconnect_url: Option<String>,
}

/// One person's access during one run.
pub(super) struct Access<'a> {
    service: &'a TokenService,
    user: &'a str,
    scopes: &'a [&'a str],
    token: Token,
    /// Whether Google has refused a token in this run.
    pub(super) renewed: bool,
}

impl TokenService {
    /// Begins a run: asks for a token that opens `scopes`.
    pub(super) async fn access<'a>(
        &'a self,
        user: &'a str,
        scopes: &'a [&'a str],
    ) -> Result<Access<'a>, Failure> {
        Ok(Access {
            token: self.token(user, scopes, None).await?,
            service: self,
            user,
            scopes,
            renewed: false,
        })
    }

    async fn token(
        &self,
        user: &str,
        scopes: &[&str],
        refused: Option<&Token>,
    ) -> Result<Token, Failure> {
        let url = format!("{}/v1/users/{user}/grants/google/token", self.standin);
        let request = TokenRequest {
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            stale_token_sha256: refused.map(|token| HEXLOWER.encode(&hash(token))),
            purpose: Some("nightly backup".to_owned()),
            ..TokenRequest::default()
        };
        let call = Call::new(Method::POST, url).bearer(self.key.expose())?;
        let answer = self.http.send(call.json(&request)?).await?;
        if answer.status.is_success() {
            return Ok(answer.read()?);
        }
        let problem: Problem = answer.read()?;
        Err(Failure {
            code: problem.code,
            detail: problem.detail,
            reconnect_url: problem.reconnect_url,
        })
    }
}

impl Access<'_> {
    /// Posts to an API. A token that is refused before its time (the person changed their password,
    /// perhaps) is reported to Standin once, for another one.
    pub(super) async fn post(
        &mut self,
        url: &str,
        content_type: &'static str,
        body: &[u8],
    ) -> Result<Value, Failure> {
        let mut answer = self.send(url, content_type, body).await?;
        if answer.status == StatusCode::UNAUTHORIZED && !self.renewed {
            self.renewed = true;
            let refused = Some(&self.token);
            self.token = self.service.token(self.user, self.scopes, refused).await?;
            answer = self.send(url, content_type, body).await?;
        }
        if answer.status.is_success() {
            return Ok(answer.read()?);
        }
        Err(Failure {
            code: "google_refused".to_owned(),
            detail: format!("Google answered {}.", answer.status),
            reconnect_url: None,
        })
    }

    async fn send(
        &self,
        url: &str,
        content_type: &'static str,
        body: &[u8],
    ) -> Result<Answer, Unanswered> {
        let call = Call::new(Method::POST, url).bearer(&self.token.access_token)?;
        self.service.http.send(call.body(content_type, body)).await
    }

    /// SHA-256 of the token in use: enough to tell whether it is another one than before.
    pub(super) fn token_sha256(&self) -> [u8; 32] {
        hash(&self.token)
    }
}

fn hash(token: &Token) -> [u8; 32] {
    sha256(token.access_token.as_bytes())
}

impl From<Unanswered> for Failure {
    fn from(error: Unanswered) -> Self {
        Self {
            code: "unanswered".to_owned(),
            detail: format!("Somebody gave no usable answer: {error}."),
            reconnect_url: None,
        }
    }
}
