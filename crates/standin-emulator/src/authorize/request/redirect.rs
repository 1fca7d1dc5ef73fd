//! Where the answer may go: the redirect URI against what the client has registered.
//!
//! Each kind of client has rules of its own; all end at a registered place or at loopback.

use url::{Host, Url};

use super::Params;
use crate::authorize::error::AuthError;
use crate::loopback;
use crate::seed::{Client, ClientKind, Profile};

/// What asked for a code that the user copies by hand; blocked since 2022.
const OUT_OF_BAND: [&str; 3] =
    ["urn:ietf:wg:oauth:2.0:oob", "urn:ietf:wg:oauth:2.0:oob:auto", "oob"];

/// Where the answer goes.
#[derive(Clone, Debug)]
pub(in crate::authorize) enum Redirect {
    /// A registered URI.
    Uri(String),
    /// A page at a registered origin that opened us as a popup and listens for a message.
    Popup { origin: String, id: Option<String> },
}

impl Redirect {
    /// What the token endpoint must be told: codes from popups are bound to `postmessage`.
    pub(in crate::authorize) fn bound(&self) -> &str {
        match self {
            Self::Uri(uri) => uri,
            Self::Popup { .. } => "postmessage",
        }
    }
}

pub(super) fn check(
    client: &Client,
    profile: &Profile,
    params: Params<'_>,
) -> Result<Redirect, AuthError> {
    let uri = params.require("redirect_uri")?;
    if uri == "postmessage" || uri == "gis_transform" {
        return by_message(client, profile, params);
    }
    if let Some(relay) = uri.strip_prefix("storagerelay://") {
        return storage_relay(client, profile, relay)
            .ok_or_else(|| AuthError::malformed_redirect_uri(uri))?;
    }
    if OUT_OF_BAND.contains(&uri) {
        return Err(AuthError::out_of_band(uri, client.kind == ClientKind::Web));
    }
    let url = Url::parse(uri).map_err(|_| AuthError::malformed_redirect_uri(uri))?;
    if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(AuthError::malformed_redirect_uri(uri));
    }
    let device = params.get("device_id").is_some() && params.get("device_name").is_some();
    if is_private(&url) && !device {
        return Err(AuthError::device_required(uri));
    }
    if may_go_to(client, uri, &url)? {
        return Ok(Redirect::Uri(uri.to_owned()));
    }
    Err(AuthError::redirect_uri_mismatch(uri))
}

fn may_go_to(client: &Client, uri: &str, url: &Url) -> Result<bool, AuthError> {
    let registered = client.redirect_uris.iter().any(|registered| registered == uri);
    let on_web = ["http", "https"].contains(&url.scheme());
    match client.kind {
        ClientKind::Web if !on_web => Err(AuthError::custom_scheme("WEB")),
        ClientKind::Web => Ok(registered),
        ClientKind::Desktop => Ok(registered || is_plain_loopback(url)),
        ClientKind::Android | ClientKind::Ios if is_plain_loopback(url) => {
            Err(AuthError::loopback(uri))
        }
        ClientKind::Android | ClientKind::Ios if !on_web && url.has_authority() => {
            Err(AuthError::custom_scheme_with_authority(uri))
        }
        ClientKind::Android | ClientKind::Ios => Ok(registered || has_own_scheme(client, url)),
        ClientKind::LimitedInput => Ok(false),
    }
}

/// Any port and any path of this machine, over plain HTTP.
fn is_plain_loopback(url: &Url) -> bool {
    url.scheme() == "http" && loopback::is_loopback(url)
}

fn is_private(url: &Url) -> bool {
    matches!(url.host(), Some(Host::Ipv4(address)) if address.is_private())
}

/// The reversed client id, which needs no registration, or the scheme of a registered URI.
fn has_own_scheme(client: &Client, url: &Url) -> bool {
    let id = client.client_id.strip_suffix(".apps.googleusercontent.com");
    let reversed = id.map(|id| format!("com.googleusercontent.apps.{id}"));
    let mut registered = client.redirect_uris.iter().filter_map(|uri| Url::parse(uri).ok());
    reversed.as_deref() == Some(url.scheme())
        || registered.any(|known| known.scheme() == url.scheme() && url.scheme().contains('.'))
}

/// `postmessage` and `gis_transform` name no origin: it comes beside them, or there is just one.
fn by_message(
    client: &Client,
    profile: &Profile,
    params: Params<'_>,
) -> Result<Redirect, AuthError> {
    match (params.get("origin"), client.javascript_origins.as_slice()) {
        (Some(origin), _) => popup(client, profile, origin, None),
        (None, [only]) => popup(client, profile, only, None),
        (None, []) => Err(AuthError::no_registered_origin()),
        (None, _) => Err(AuthError::missing("origin")),
    }
}

/// `<scheme>/<host>[:<port>]?id=<id>`, after `storagerelay://`.
fn storage_relay(
    client: &Client,
    profile: &Profile,
    relay: &str,
) -> Option<Result<Redirect, AuthError>> {
    let (address, query) = relay.split_once('?').unwrap_or((relay, ""));
    let (scheme, host) = address.split_once('/')?;
    let id = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "id");
    let id = id.map(|(_, id)| id.into_owned());
    Some(popup(client, profile, &format!("{scheme}://{host}"), id))
}

fn popup(
    client: &Client,
    profile: &Profile,
    origin: &str,
    id: Option<String>,
) -> Result<Redirect, AuthError> {
    if client.javascript_origins.is_empty() {
        return Err(AuthError::no_registered_origin());
    }
    if client.javascript_origins.iter().any(|registered| registered == origin) {
        return Ok(Redirect::Popup { origin: origin.to_owned(), id });
    }
    Err(AuthError::origin_mismatch(origin, profile.origin_error))
}
