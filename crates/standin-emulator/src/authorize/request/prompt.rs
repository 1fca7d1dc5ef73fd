//! What the client wants the person to be asked: `prompt`, and the two parameters it replaced.

use std::fmt;

use super::{Params, invalid};
use crate::authorize::error::AuthError;
use crate::scopes;

/// What the client wants the person to be asked.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::authorize) struct Prompt {
    /// Nothing may be asked, in this client's words.
    pub(in crate::authorize) silence: Option<Silence>,
    pub(in crate::authorize) consent: bool,
    pub(in crate::authorize) select_account: bool,
}

/// The two ways to ask for no page at all; each has an error of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::authorize) enum Silence {
    /// `prompt=none`.
    PromptNone,
    /// `immediate=true`, from before there was a `prompt`.
    Immediate,
}

pub(super) fn check(params: Params<'_>) -> Result<Prompt, AuthError> {
    let prompt = params.get("prompt");
    let approval_prompt = params.one_of("approval_prompt", &["auto", "force"])?;
    if prompt.is_some() && approval_prompt.is_some() {
        let text = "Conflict params: approval_prompt and prompt";
        return Err(AuthError::invalid_request(text));
    }
    let immediate = params.flag("immediate")? == Some(true);
    let mut parsed = Prompt {
        silence: immediate.then_some(Silence::Immediate),
        consent: approval_prompt == Some("force"),
        select_account: false,
    };
    let text = prompt.unwrap_or_default();
    let mut alone = false;
    for word in scopes::words(text) {
        match word {
            "none" => alone = true,
            "consent" => parsed.consent = true,
            "select_account" => parsed.select_account = true,
            _ => return Err(invalid("prompt", text)),
        }
    }
    if alone && (parsed.consent || parsed.select_account) {
        return Err(invalid("prompt", text));
    }
    if alone {
        parsed.silence = Some(Silence::PromptNone);
    }
    Ok(parsed)
}

impl fmt::Display for Prompt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            (self.silence.is_some(), "none"),
            (self.consent, "consent"),
            (self.select_account, "select_account"),
        ];
        let words: Vec<_> = words.iter().filter(|word| word.0).map(|word| word.1).collect();
        formatter.write_str(&words.join(" "))
    }
}
