//! `POST /auth/{provider}/code`: a page posts the code that the provider's popup gave it.
//!
//! Three forms of one thing: JSON, a form, or the classic raw code as `application/octet-stream` with the
//! state in the query. Nothing else may stand beside them: the redirect URI, above all, is ours to know.

use axum::extract::rejection::BytesRejection;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::HeaderMap;
use serde::Deserialize;
use standin::Refusal;
use standin::session::csrf::require_same_origin;
use standin::signin::{Failed, Parameters, UnverifiedCodePost};
use standin::verify::ProviderId;

use super::provider::NamedProvider;
use super::session;
use crate::json::{from_object, has_type, unreadable, wrong_type};
use crate::problem::Problem;
use crate::{ClientIp, Shared};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    code: String,
    state: String,
    expected_subject: Option<String>,
}

pub(super) async fn post(
    State(shared): State<Shared>,
    NamedProvider(provider): NamedProvider,
    client: ClientIp,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Some(form) = Form::of(&headers) else {
        return wrong_type(
            "application/json, application/x-www-form-urlencoded or application/octet-stream",
        );
    };
    let guarded = require_same_origin(&headers, shared.standin.public_url())
        .and_then(|()| shared.standin.limiter().check(client.0));
    if let Err(refusal) = guarded {
        return Problem::from(refusal).into_response();
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return unreadable(&rejection),
    };
    let read = form.read(query.as_deref().unwrap_or_default(), &body);
    match complete(&shared, &provider, read, &headers).await {
        Ok(response) => response,
        Err(failed) => {
            let problem = Problem::from(failed);
            shared.count_refusal(client, &problem).await;
            problem.into_response()
        }
    }
}

async fn complete(
    shared: &Shared,
    provider: &ProviderId,
    read: Result<UnverifiedCodePost, Refusal>,
    headers: &HeaderMap,
) -> Result<Response, Failed> {
    let signin = shared.standin.signin();
    let completed = match read {
        Ok(post) => signin.code(provider, post, headers).await?,
        Err(refusal) => return Err(signin.unread(provider, refusal).await),
    };
    session::signed_in(shared, completed).await
}

/// How the code is written.
#[derive(Clone, Copy)]
enum Form {
    Json,
    Raw,
    UrlEncoded,
}

impl Form {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let forms = [
            ("application/json", Self::Json),
            ("application/octet-stream", Self::Raw),
            ("application/x-www-form-urlencoded", Self::UrlEncoded),
        ];
        forms.into_iter().find(|(name, _)| has_type(headers, name)).map(|(_, form)| form)
    }

    fn read(self, query: &str, body: &[u8]) -> Result<UnverifiedCodePost, Refusal> {
        match self {
            Self::Json => {
                let body: Body = from_object(body).map_err(|_| Refusal::InvalidRequest)?;
                nothing_more(&Parameters::parse(query)?)?;
                UnverifiedCodePost::new(body.code, body.state, body.expected_subject)
            }
            Self::UrlEncoded => {
                nothing_more(&Parameters::parse(query)?)?;
                let mut fields = Parameters::parse(utf8(body)?)?;
                let code = fields.take("code").unwrap_or_default();
                from_parameters(fields, code)
            }
            Self::Raw => from_parameters(Parameters::parse(query)?, utf8(body)?.to_owned()),
        }
    }
}

fn from_parameters(mut fields: Parameters, code: String) -> Result<UnverifiedCodePost, Refusal> {
    let state = fields.take("state").unwrap_or_default();
    let expected_subject = fields.take("expected_subject");
    nothing_more(&fields)?;
    UnverifiedCodePost::new(code, state, expected_subject)
}

fn nothing_more(fields: &Parameters) -> Result<(), Refusal> {
    if fields.is_empty() { Ok(()) } else { Err(Refusal::InvalidRequest) }
}

fn utf8(body: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(body).map_err(|_| Refusal::InvalidRequest)
}
