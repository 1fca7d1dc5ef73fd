//! `[users]` and the lists of a `[[provider]]`: who may sign in.

use standin::{AllowList, InvalidEntry, SignUp};

use super::error::{ConfigError, did_you_mean};
use super::raw::RawUsers;

const WAYS: [(&str, SignUp); 3] =
    [("open", SignUp::Open), ("first_user", SignUp::FirstUser), ("closed", SignUp::Closed)];

pub(super) fn sign_up(raw: &RawUsers) -> Result<SignUp, ConfigError> {
    let written = raw.sign_up.as_str();
    let found = WAYS.iter().find(|(word, _)| *word == written);
    found.map(|(_, sign_up)| *sign_up).ok_or_else(|| {
        let hint = did_you_mean(written, WAYS.map(|(word, _)| word));
        let problem = format!("\"{written}\" is none of open, first_user and closed{hint}");
        ConfigError::invalid("users.sign_up", problem)
    })
}

/// As it is written.
pub(super) fn word(sign_up: SignUp) -> &'static str {
    WAYS.iter().find(|(_, known)| *known == sign_up).map_or("", |(word, _)| word)
}

/// `allow_emails` and `allow_domains` of one provider. What is wrong is said of one key: its name, and what.
pub(super) fn allow_list(
    emails: Option<Vec<String>>,
    domains: Option<Vec<String>>,
    tells_address: bool,
) -> Result<AllowList, (&'static str, String)> {
    let emails = list("allow_emails", emails, tells_address)?;
    let domains = list("allow_domains", domains, tells_address)?;
    AllowList::new(&emails, &domains).map_err(|invalid| match invalid {
        InvalidEntry::Address(_) => ("allow_emails", invalid.to_string()),
        InvalidEntry::Domain(_) => ("allow_domains", invalid.to_string()),
    })
}

fn list(
    key: &'static str,
    written: Option<Vec<String>>,
    tells_address: bool,
) -> Result<Vec<String>, (&'static str, String)> {
    let Some(list) = written else { return Ok(Vec::new()) };
    let problem = if list.is_empty() {
        "is empty, which would admit nobody; name somebody, or leave it out to admit everybody"
    } else if !tells_address {
        "needs the scope `email`: without it the provider tells no address, and nobody could sign in; add it to scopes"
    } else {
        return Ok(list);
    };
    Err((key, problem.to_owned()))
}
