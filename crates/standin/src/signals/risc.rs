//! Security events of an account (Google's Cross-Account Protection, RFC 8417).
//!
//! Each event type has its duties, which are Google's; an event of a type that is not known, or about
//! somebody who is not known, is taken and asks for nothing (requirement RI-7).

use std::time::Duration;

use serde_json::{Map, Value};

use super::{Signals, Taken, up_to_and_including};
use crate::error::Error;
use crate::provider::Provider;
use crate::store::{About, Duties, News, SpentKind};
use crate::time::Timestamp;
use crate::vault::NamedToken;
use crate::verify::{Identity, ProviderId, VerifiedEvents};

/// How long a second delivery is recognised (requirement RI-3 asks for thirty days).
const REMEMBERED_FOR: Duration = Duration::from_hours(24 * 45);
/// What is kept of a `state` that we made up ourselves.
const MAX_STATE: usize = 128;

const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type/";
const OAUTH: &str = "https://schemas.openid.net/secevent/oauth/event-type/";

impl Signals {
    /// Takes a security event token and does what it asks. One that was taken before changes nothing.
    ///
    /// # Errors
    /// [`Error::EventToken`] for a token that does not count; [`crate::Refusal::NoSecurityEvents`] for a
    /// provider that sends none; otherwise the provider's keys or the database are out of reach: nothing was
    /// changed, and the provider does well to try again.
    pub async fn security_event(&self, provider: &ProviderId, token: &str) -> Result<(), Error> {
        let provider = self.core.provider(provider)?;
        let token = provider.verify_events(&self.core, token).await?;
        let taken = Taken {
            kind: SpentKind::SecurityEvent,
            provider: provider.id(),
            id: &token.id,
            remembered_for: REMEMBERED_FOR,
        };
        self.take(taken, news(provider, &token)).await?;
        Ok(())
    }
}

fn news(provider: &Provider, token: &VerifiedEvents) -> Vec<News> {
    let events = token.events.iter();
    events.filter_map(|(name, event)| news_of(provider, name, event, token.issued_at)).collect()
}

fn news_of(provider: &Provider, name: &str, event: &Value, issued_at: Timestamp) -> Option<News> {
    let event = event.as_object()?;
    let word = name.strip_prefix(RISC).or_else(|| name.strip_prefix(OAUTH))?;
    let duties = duties(word, event)?;
    let about = if word == "verification" { About::Nobody } else { about(provider, event)? };
    let repeated = match word {
        "verification" => event.get("state").and_then(Value::as_str).map(shown),
        _ => event.get("reason").and_then(Value::as_str).map(shown),
    };
    let detail = repeated.map_or_else(|| word.to_owned(), |said| format!("{word}: {said}"));
    Some(News { about, duties, before: up_to_and_including(issued_at), detail })
}

/// What Google asks of those who sign users in with it, and suggests to them (requirement RI-5). `None` for
/// events that ask for nothing we could do.
fn duties(word: &str, event: &Map<String, Value>) -> Option<Duties> {
    let none = Duties::NONE;
    Some(match word {
        "sessions-revoked" => Duties { end_sessions: true, ..none },
        "tokens-revoked" => Duties { end_sessions: true, withdraw_grants: true, ..none },
        "token-revoked" => Duties { withdraw_grants: true, ..none },
        "account-disabled" => {
            let is_hijacked = event.get("reason").and_then(Value::as_str) == Some("hijacking");
            Duties { end_sessions: is_hijacked, suspended: Some(true), ..none }
        }
        "account-enabled" => Duties { suspended: Some(false), ..none },
        "account-credential-change-required" | "verification" => none,
        _ => return None,
    })
}

/// Whom an event is about; `None` for somebody of another issuer, or named in a way that is not known.
fn about(provider: &Provider, event: &Map<String, Value>) -> Option<About> {
    let subject = event.get("subject")?.as_object()?;
    let text = |name: &str| subject.get(name).and_then(Value::as_str);
    match text("subject_type")? {
        "iss-sub" | "iss_sub" | "id_token_claims" => {
            let (issuer, subject) = (text("iss")?, text("sub")?);
            provider.is_issuer(issuer).then(|| {
                About::Identity(Identity {
                    provider: provider.id().clone(),
                    issuer: provider.config().issuer.clone(),
                    subject: subject.to_owned(),
                })
            })
        }
        "oauth_token" if text("token_type")? == "refresh_token" => {
            let token = match text("token_identifier_alg")? {
                "prefix" => NamedToken::by_prefix(text("token")?),
                "hash_base64_sha512_sha512" => NamedToken::by_hash(text("token")?),
                _ => None,
            };
            Some(About::Token { provider: provider.id().clone(), token: token? })
        }
        _ => None,
    }
}

/// What somebody else wrote, fit for a record.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_STATE).collect()
}
