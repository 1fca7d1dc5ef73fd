//! Keys for AWS, from the first place that has any: variables, the shared file, the container, the machine.
//!
//! The variables have the names that AWS's own programs read. What was found is [kept](super::kept) for a minute.

use std::path::{Path, PathBuf};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::{Host, Url};
use zeroize::Zeroizing;

use super::KekError;
use super::external::Environment;
use super::outbound::{self, host_of, read, secret_header, trusted};
use super::sigv4::Credentials;
use crate::http::HttpClient;
use crate::time::{Clock, Timestamp};

const MACHINE: &str = "http://169.254.169.254";
const CONTAINER: &str = "http://169.254.170.2";
/// Where containers' keys are handed out over plain http: ECS, and EKS in both families.
const CONTAINER_HOSTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];

/// Where keys are looked for.
pub(super) struct AwsCredentials {
    pub(super) environment: Environment,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Temporary {
    access_key_id: String,
    secret_access_key: String,
    token: String,
    /// As RFC 3339 writes it; keys without an end are not kept.
    #[serde(default)]
    expiration: String,
}

impl Temporary {
    fn ends_at(&self) -> Timestamp {
        let at = OffsetDateTime::parse(&self.expiration, &Rfc3339);
        at.map_or(Timestamp::default(), |at| Timestamp::from_unix_seconds(at.unix_timestamp()))
    }
}

impl From<Temporary> for Credentials {
    fn from(temporary: Temporary) -> Self {
        Self {
            key_id: temporary.access_key_id,
            secret: Zeroizing::new(temporary.secret_access_key),
            session_token: Some(Zeroizing::new(temporary.token)),
        }
    }
}

impl AwsCredentials {
    /// The keys as they are now, and when they end, as far as that is known: those of a file may be others at once.
    pub(super) async fn read(
        &self,
        http: &dyn HttpClient,
        clock: &dyn Clock,
    ) -> Result<(Credentials, Timestamp), KekError> {
        if let Some(given) = self.of_variables()? {
            return Ok((given, clock.now()));
        }
        if let Some(shared) = self.of_shared_file()? {
            return Ok((shared, clock.now()));
        }
        match self.container()? {
            Some(url) => self.of_container(http, url).await,
            None => self.of_machine(http).await,
        }
    }

    fn variable(&self, name: &str) -> Option<Zeroizing<String>> {
        self.environment.read(name)
    }

    fn of_variables(&self) -> Result<Option<Credentials>, KekError> {
        let id = self.variable("AWS_ACCESS_KEY_ID");
        let secret = self.variable("AWS_SECRET_ACCESS_KEY");
        match (id, secret) {
            (Some(id), Some(secret)) => {
                let session_token = self.variable("AWS_SESSION_TOKEN");
                Ok(Some(Credentials { key_id: id.to_string(), secret, session_token }))
            }
            (None, None) => Ok(None),
            _ => Err(KekError::Credentials(
                "of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only one is set".to_owned(),
            )),
        }
    }

    /// `~/.aws/credentials`, or the file that is named. One that was named must be there.
    fn of_shared_file(&self) -> Result<Option<Credentials>, KekError> {
        let named = self.variable("AWS_SHARED_CREDENTIALS_FILE");
        let own = || self.variable("HOME").map(|home| Path::new(&*home).join(".aws/credentials"));
        let profile = self.variable("AWS_PROFILE");
        let is_meant = named.is_some() || profile.is_some();
        let Some(path) = named.map(|path| PathBuf::from(&*path)).or_else(own) else {
            return Ok(None);
        };
        let unusable = |problem: &str| {
            KekError::Credentials(format!("AWS's credentials in {}: {problem}", path.display()))
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => Zeroizing::new(text),
            Err(reason) if is_meant => return Err(unusable(&reason.to_string())),
            Err(_) => return Ok(None),
        };
        let profile = profile.as_ref().map_or("default", |profile| profile.as_str());
        match of_profile(&text, profile) {
            Some(credentials) => Ok(Some(credentials)),
            None if is_meant => Err(unusable(&format!("profile {profile} has no key and secret"))),
            None => Ok(None),
        }
    }

    fn container(&self) -> Result<Option<Url>, KekError> {
        let relative = self.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        let full = self.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
        let written = match (relative, full) {
            (Some(relative), _) => format!("{CONTAINER}{}", relative.as_str()),
            (None, Some(full)) => full.to_string(),
            (None, None) => return Ok(None),
        };
        let url = Url::parse(&written).ok().filter(|url| trusted(url) || is_of_containers(url));
        let problem =
            "where AWS's container credentials are said to be is neither https nor on this machine";
        url.map(Some).ok_or_else(|| KekError::Credentials(problem.to_owned()))
    }

    async fn of_container(
        &self,
        http: &dyn HttpClient,
        url: Url,
    ) -> Result<(Credentials, Timestamp), KekError> {
        let file = self.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
        let token = match file {
            Some(file) => {
                let text = std::fs::read_to_string(&*file).map_err(|reason| {
                    KekError::Credentials(format!("{}: {reason}", file.as_str()))
                })?;
                Some(Zeroizing::new(text.trim().to_owned()))
            }
            None => self.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        };
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            headers.insert(http::header::AUTHORIZATION, secret_header(&token)?);
        }
        temporary(http, url, headers).await
    }

    /// The instance metadata service, version 2: a token for it first.
    async fn of_machine(
        &self,
        http: &dyn HttpClient,
    ) -> Result<(Credentials, Timestamp), KekError> {
        let elsewhere = self.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        let origin = elsewhere.as_ref().map_or(MACHINE, |origin| origin.trim_end_matches('/'));
        let url = |path: &str| {
            let url = Url::parse(&format!("{origin}/latest/{path}"));
            url.map_err(|_| {
                KekError::Credentials("AWS's metadata service has no address".to_owned())
            })
        };
        let mut headers = HeaderMap::new();
        let lifetime = HeaderValue::from_static("60");
        headers.insert("x-aws-ec2-metadata-token-ttl-seconds", lifetime);
        let asked = crate::http::Request {
            method: Method::PUT,
            ..outbound::get(url("api/token")?, headers)
        };
        let token = text(
            &outbound::send(http, asked, words).await.map_err(|error| none_anywhere(&error))?,
        )?;
        let name = HeaderName::from_static("x-aws-ec2-metadata-token");
        let headers = HeaderMap::from_iter([(name, secret_header(&token)?)]);
        let roles = "meta-data/iam/security-credentials/";
        let request = outbound::get(url(roles)?, headers.clone());
        let role = text(&outbound::send(http, request, words).await?)?;
        temporary(http, url(&format!("{roles}{}", role.as_str()))?, headers).await
    }
}

async fn temporary(
    http: &dyn HttpClient,
    url: Url,
    headers: HeaderMap,
) -> Result<(Credentials, Timestamp), KekError> {
    let host = host_of(&url);
    let response = outbound::send(http, outbound::get(url, headers), words).await?;
    let temporary = read::<Temporary>(&host, &response)?;
    let ends_at = temporary.ends_at();
    Ok((temporary.into(), ends_at))
}

fn none_anywhere(error: &KekError) -> KekError {
    KekError::Credentials(format!(
        "there are no credentials for AWS: none in AWS_ACCESS_KEY_ID, ~/.aws/credentials or of a container, and the machine has none ({error})"
    ))
}

fn is_of_containers(url: &Url) -> bool {
    let host = url.host().map(|host: Host<&str>| host.to_string());
    url.scheme() == "http" && host.is_some_and(|host| CONTAINER_HOSTS.contains(&host.as_str()))
}

fn text(response: &crate::http::Response) -> Result<Zeroizing<String>, KekError> {
    let text = std::str::from_utf8(&response.body).map(str::trim);
    let is_word = |text: &&str| !text.is_empty() && !text.contains(['/', '\n', ' ']);
    let unusable = "AWS's metadata service gives an answer that cannot be used";
    let text = text.ok().filter(is_word);
    Ok(Zeroizing::new(text.ok_or_else(|| KekError::Credentials(unusable.to_owned()))?.to_owned()))
}

fn words(body: &Value) -> Option<String> {
    body["message"].as_str().map(str::to_owned)
}

/// The keys of a section of an INI file.
fn of_profile(text: &str, profile: &str) -> Option<Credentials> {
    let lines = text.lines().map(str::trim);
    let is_section = |line: &&str| line.starts_with('[') && line.ends_with(']');
    let own = lines
        .skip_while(|line| {
            line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) != Some(profile)
        })
        .skip(1)
        .take_while(|line| !is_section(line));
    let pairs: Vec<(&str, &str)> = own
        .filter(|line| !line.starts_with(['#', ';']))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim()))
        .collect();
    let value = |wanted: &str| {
        let found = pairs.iter().find(|(name, value)| *name == wanted && !value.is_empty());
        found.map(|(_, value)| (*value).to_owned())
    };
    Some(Credentials {
        key_id: value("aws_access_key_id")?,
        secret: Zeroizing::new(value("aws_secret_access_key")?),
        session_token: value("aws_session_token").map(Zeroizing::new),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_of_the_shared_file_is_found_among_others() {
        let text = "# mine\n[other]\naws_access_key_id=AKIDO\naws_secret_access_key = no\n\n[default]\n\
                    aws_access_key_id = AKIDD\naws_secret_access_key = a/b+c=\n[temporary]\n\
                    aws_access_key_id = ASIA\naws_secret_access_key = s\naws_session_token = t==\n[empty]\n";
        let found = of_profile(text, "default").unwrap();
        assert_eq!((found.key_id.as_str(), found.secret.as_str()), ("AKIDD", "a/b+c="));
        assert!(found.session_token.is_none());
        let temporary = of_profile(text, "temporary").unwrap();
        assert_eq!(temporary.session_token.unwrap().as_str(), "t==");
        for missing in ["empty", "none", "[default"] {
            assert!(of_profile(text, missing).is_none(), "{missing}");
        }
    }

    #[test]
    fn a_container_hands_out_keys_within_its_machine_or_over_https() {
        for (address, is_good) in [
            ("http://169.254.170.2/v2/credentials/1", true),
            ("http://169.254.170.23/v1/credentials", true),
            ("http://[fd00:ec2::23]/v1/credentials", true),
            ("http://127.0.0.1:51679/credentials", true),
            ("https://credentials.example/", true),
            ("http://credentials.example/", false),
            ("http://169.254.170.2.evil.example/", false),
            ("ftp://169.254.170.2/", false),
        ] {
            let variables = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", address)];
            let credentials = AwsCredentials { environment: Environment::of(variables) };
            assert_eq!(credentials.container().is_ok(), is_good, "{address}");
        }
    }
}
