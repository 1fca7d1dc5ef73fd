//! An authorization request, checked in Google's order.
//!
//! Client, redirect URI, response type, scope, then the rest: the first complaint wins, and every
//! complaint goes to Google's own error page.

use std::collections::BTreeSet;
use std::fmt;

use super::error::AuthError;
use crate::scopes;
use crate::seed::Client;
use crate::state::State;
use crate::state::grants::Challenge;

/// A request that may be shown to a person.
#[derive(Clone, Debug)]
pub(super) struct AuthorizationRequest {
    pub(super) client_id: String,
    pub(super) redirect: Redirect,
    pub(super) form_post: bool,
    /// The scope as it was asked for.
    pub(super) scope: String,
    /// The same in canonical form.
    pub(super) scopes: BTreeSet<String>,
    pub(super) offline: bool,
    pub(super) include_granted_scopes: bool,
    pub(super) prompt: Prompt,
    pub(super) login_hint: Option<String>,
    pub(super) hd: Option<String>,
    pub(super) state: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) challenge: Option<Challenge>,
}

/// Where the answer goes.
#[derive(Clone, Debug)]
pub(super) enum Redirect {
    /// A registered URI.
    Uri(String),
    /// A page at a registered origin that opened us as a popup and listens for a message.
    Popup { origin: String, id: Option<String> },
}

/// What the client wants the person to be asked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Prompt {
    pub(super) none: bool,
    pub(super) consent: bool,
    pub(super) select_account: bool,
}

impl Redirect {
    /// What the token endpoint must be told: codes from popups are bound to `postmessage`.
    pub(super) fn bound(&self) -> &str {
        match self {
            Self::Uri(uri) => uri,
            Self::Popup { .. } => "postmessage",
        }
    }
}

impl fmt::Display for Prompt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            (self.none, "none"),
            (self.consent, "consent"),
            (self.select_account, "select_account"),
        ];
        let words: Vec<_> = words.iter().filter(|word| word.0).map(|word| word.1).collect();
        formatter.write_str(&words.join(" "))
    }
}

impl AuthorizationRequest {
    pub(super) fn check(state: &State, params: &[(String, String)]) -> Result<Self, AuthError> {
        let params = Params(params);
        params.refuse_repetition()?;
        let client = client(state, &params)?;
        let redirect = redirect(client, &params)?;
        let form_post = response(&params)?;
        let scope = scope(&params)?;
        Ok(Self {
            client_id: client.client_id.clone(),
            redirect,
            form_post,
            scope: scope.to_owned(),
            scopes: scopes::parse(scope),
            challenge: challenge(&params)?,
            prompt: prompt(&params)?,
            offline: params.one_of("access_type", &["online", "offline"])? == Some("offline"),
            include_granted_scopes: params.one_of("include_granted_scopes", &["true", "false"])?
                == Some("true"),
            login_hint: params.owned("login_hint"),
            hd: params.owned("hd"),
            state: params.owned("state"),
            nonce: params.owned("nonce"),
        })
    }
}

#[derive(Clone, Copy)]
struct Params<'a>(&'a [(String, String)]);

impl<'a> Params<'a> {
    /// A parameter's value; an empty one counts as absent.
    fn get(self, name: &str) -> Option<&'a str> {
        let value = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    }

    fn owned(self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    fn require(self, name: &str) -> Result<&'a str, AuthError> {
        self.get(name).ok_or_else(|| {
            AuthError::invalid_request(format!("Missing required parameter: {name}"))
        })
    }

    fn one_of(self, name: &str, known: &[&str]) -> Result<Option<&'a str>, AuthError> {
        match self.get(name) {
            Some(value) if !known.contains(&value) => Err(invalid(name, value)),
            value => Ok(value),
        }
    }

    fn refuse_repetition(self) -> Result<(), AuthError> {
        for (index, (name, _)) in self.0.iter().enumerate() {
            if self.0[..index].iter().any(|(earlier, _)| earlier == name) {
                let text = format!("OAuth 2 parameters can only have a single value: {name}");
                return Err(AuthError::invalid_request(text));
            }
        }
        Ok(())
    }
}

fn invalid(name: &str, value: &str) -> AuthError {
    AuthError::invalid_request(format!("Invalid {name}: {value}"))
}

fn client<'a>(state: &'a State, params: &Params<'_>) -> Result<&'a Client, AuthError> {
    let client_id = params.require("client_id")?;
    state.client(client_id).ok_or_else(AuthError::invalid_client)
}

fn redirect(client: &Client, params: &Params<'_>) -> Result<Redirect, AuthError> {
    let uri = params.require("redirect_uri")?;
    if ["postmessage", "gis_transform"].contains(&uri) {
        return postmessage(client, params);
    }
    if let Some(relay) = uri.strip_prefix("storagerelay://") {
        return storage_relay(client, relay)
            .ok_or_else(|| AuthError::malformed_redirect_uri(uri))?;
    }
    if url::Url::parse(uri).is_err() {
        return Err(AuthError::malformed_redirect_uri(uri));
    }
    if !client.redirect_uris.iter().any(|registered| registered == uri) {
        return Err(AuthError::redirect_uri_mismatch(uri));
    }
    Ok(Redirect::Uri(uri.to_owned()))
}

/// `postmessage` and `gis_transform` name no origin: it comes beside them, or there is just one.
fn postmessage(client: &Client, params: &Params<'_>) -> Result<Redirect, AuthError> {
    let origin = match (params.get("origin"), client.javascript_origins.as_slice()) {
        (Some(origin), _) => origin,
        (None, [only]) => only,
        (None, _) => {
            return Err(AuthError::invalid_request("Missing required parameter: origin"));
        }
    };
    popup(client, origin, None)
}

/// `<scheme>/<host>[:<port>]?id=<id>`, after `storagerelay://`.
fn storage_relay(client: &Client, relay: &str) -> Option<Result<Redirect, AuthError>> {
    let (address, query) = relay.split_once('?').unwrap_or((relay, ""));
    let (scheme, host) = address.split_once('/')?;
    let id = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "id");
    Some(popup(client, &format!("{scheme}://{host}"), id.map(|(_, id)| id.into_owned())))
}

fn popup(client: &Client, origin: &str, id: Option<String>) -> Result<Redirect, AuthError> {
    if client.javascript_origins.iter().any(|registered| registered == origin) {
        return Ok(Redirect::Popup { origin: origin.to_owned(), id });
    }
    Err(AuthError::origin_mismatch(origin))
}

/// Returns whether the answer is to be posted.
fn response(params: &Params<'_>) -> Result<bool, AuthError> {
    match params.get("response_type") {
        Some("code") => {}
        Some(other) => return Err(invalid("response_type", other)),
        None => {
            return Err(AuthError::invalid_request("Required parameter is missing: response_type"));
        }
    }
    Ok(params.one_of("response_mode", &["query", "form_post"])? == Some("form_post"))
}

fn scope<'a>(params: &Params<'a>) -> Result<&'a str, AuthError> {
    let scope = params.require("scope")?;
    let (valid, unknown): (Vec<_>, Vec<_>) =
        scopes::words(scope).partition(|scope| scopes::is_known(scope));
    match (valid.is_empty(), unknown.is_empty()) {
        (false, true) => Ok(scope),
        (true, true) => Err(AuthError::invalid_request("Missing required parameter: scope")),
        (true, false) => Err(AuthError::invalid_scope(&[], &unknown)),
        (false, false) => Err(AuthError::invalid_scope(&valid, &unknown)),
    }
}

fn challenge(params: &Params<'_>) -> Result<Option<Challenge>, AuthError> {
    let method = params.one_of("code_challenge_method", &["S256", "plain"])?;
    let Some(challenge) = params.get("code_challenge") else {
        return match method {
            Some(_) => {
                Err(AuthError::invalid_request("Missing required parameter: code_challenge"))
            }
            None => Ok(None),
        };
    };
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !(43..=128).contains(&challenge.len()) || !challenge.bytes().all(unreserved) {
        return Err(invalid("code_challenge", challenge));
    }
    let challenge = challenge.to_owned();
    Ok(Some(match method {
        Some("S256") => Challenge::S256(challenge),
        _ => Challenge::Plain(challenge),
    }))
}

fn prompt(params: &Params<'_>) -> Result<Prompt, AuthError> {
    let prompt = params.get("prompt");
    let approval_prompt = params.one_of("approval_prompt", &["auto", "force"])?;
    if prompt.is_some() && approval_prompt.is_some() {
        let text = "Conflict params: approval_prompt and prompt";
        return Err(AuthError::invalid_request(text));
    }
    let mut parsed = Prompt { consent: approval_prompt == Some("force"), ..Prompt::default() };
    let text = prompt.unwrap_or_default();
    for word in scopes::words(text) {
        match word {
            "none" => parsed.none = true,
            "consent" => parsed.consent = true,
            "select_account" => parsed.select_account = true,
            _ => return Err(invalid("prompt", text)),
        }
    }
    if parsed.none && (parsed.consent || parsed.select_account) {
        return Err(invalid("prompt", text));
    }
    Ok(parsed)
}
