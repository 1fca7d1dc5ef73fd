//! Google's error page: why a request never reaches the client's redirect URI.
//!
//! An encoded `authError` in a redirect, then a page that says it in words.

mod page;
mod wire;

use axum::response::Response;

pub(super) use self::page::page;
use super::pages::application;
use super::request::echo;
use crate::reply;
use crate::seed::OriginError;
use crate::state::Shared;

pub(super) const PAGE: &str = "/signin/oauth/error";

const DOCUMENTATION: &str = "https://developers.google.com/identity/protocols/oauth2/";

/// Why a request never reaches the client's redirect URI.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct AuthError {
    code: Box<str>,
    description: Box<str>,
    help: Box<str>,
    status: u16,
    detail: Option<(Box<str>, Box<str>)>,
}

/// About requests.
impl AuthError {
    pub(crate) fn invalid_request(description: impl Into<String>) -> Self {
        Self::new("invalid_request", 400, description)
    }

    pub(crate) fn missing(name: &str) -> Self {
        Self::invalid_request(format!("Missing required parameter: {name}"))
    }

    pub(super) fn invalid_scope(valid: &[&str], invalid: &[&str]) -> Self {
        let invalid = format!("invalid=[{}]", invalid.join(", "));
        let lists = if valid.is_empty() {
            invalid
        } else {
            format!("valid=[{}], {invalid}", valid.join(", "))
        };
        let description = format!("Some requested scopes were invalid. {{{lists}}}");
        Self::new("invalid_scope", 400, description)
    }

    pub(super) fn disallowed_useragent() -> Self {
        let description = "You can't sign in from this screen because this app doesn't comply with \
            Google's secure browsers policy. If this app has a website, you can open a web browser \
            and try signing in from there.\n\nYou can let the app developer know that this app \
            doesn't comply with Google's secure browsers policy.";
        Self::new("disallowed_useragent", 403, description)
            .helped_by("web-server#authorization-errors-disallowed-useragent")
    }
}

/// About clients, and where their answers may go.
impl AuthError {
    pub(crate) fn invalid_client() -> Self {
        Self::new("invalid_client", 401, "The OAuth client was not found.")
    }

    pub(crate) fn no_registered_origin() -> Self {
        Self::new("invalid_client", 401, "no registered origin")
    }

    pub(super) fn deleted_client() -> Self {
        Self::new("deleted_client", 401, "The OAuth client was deleted.")
    }

    pub(super) fn disabled_client() -> Self {
        Self::new("disabled_client", 403, "The OAuth client was disabled.")
    }

    pub(crate) fn redirect_uri_mismatch(uri: &str) -> Self {
        Self::new("redirect_uri_mismatch", 400, complaint("redirect URI"))
            .helped_by("web-server#authorization-errors-redirect-uri-mismatch")
            .about("redirect_uri", uri)
    }

    pub(crate) fn origin_mismatch(origin: &str, code: OriginError) -> Self {
        let code = match code {
            OriginError::OriginMismatch => "origin_mismatch",
            OriginError::RedirectUriMismatch => "redirect_uri_mismatch",
        };
        Self::new(code, 400, complaint("JavaScript origin"))
            .helped_by("javascript-implicit-flow#authorization-errors-origin-mismatch")
            .about("origin", origin)
    }

    pub(super) fn malformed_redirect_uri(uri: &str) -> Self {
        let description = "You can't sign in to this app because it doesn't comply with Google's \
            OAuth 2.0 policy for keeping apps secure.\n\nYou can let the app developer know that \
            this app doesn't comply with one or more Google validation rules.";
        Self::invalid_request(description)
            .helped_by("policies#secure-response-handling")
            .about("redirect_uri", uri)
    }

    pub(super) fn custom_scheme(client_type: &str) -> Self {
        let text = format!("Custom scheme URIs are not allowed for '{client_type}' client type.");
        Self::invalid_request(text)
    }

    pub(super) fn custom_scheme_with_authority(uri: &str) -> Self {
        Self::invalid_request(format!(
            "Invalid parameter value for redirect_uri: Custom schemes cannot have authority: {uri}"
        ))
    }

    pub(super) fn device_required(uri: &str) -> Self {
        Self::invalid_request(format!(
            "device_id and device_name are required for private IP: {uri}"
        ))
    }

    /// A code for the user to copy: nobody gets one any more, and web clients never could.
    pub(super) fn out_of_band(uri: &str, web: bool) -> Self {
        if web {
            let description = format!(
                "The redirect URI in the request, {uri}, can only be used by a Client ID for native \
                 application. It is not allowed for the WEB client type. You can create a Client ID \
                 for native application at \
                 https://console.developers.google.com/apis/credentials/oauthclient"
            );
            return Self::new("redirect_uri_mismatch", 400, description)
                .helped_by("web-server#authorization-errors-redirect-uri-mismatch");
        }
        let description = "The out-of-band (OOB) flow has been blocked in order to keep users \
            secure. Follow the Out-of-Band (OOB) flow migration guide linked in the developer docs \
            below to migrate your app to an alternative method.";
        Self::invalid_request(description)
            .helped_by("resources/oob-migration")
            .about("redirect_uri", uri)
    }

    /// Loopback on a phone: another app could be listening.
    pub(super) fn loopback(uri: &str) -> Self {
        let description = "The loopback flow has been blocked in order to keep users secure. Follow \
            the loopback flow migration guide linked in the developer docs below to migrate your \
            app to an alternative method.";
        Self::invalid_request(description)
            .helped_by("resources/loopback-migration")
            .about("redirect_uri", uri)
    }
}

/// About people: the request is good, but this account may not follow it.
impl AuthError {
    /// The application is in testing, and this is not one of its test users.
    pub(super) fn not_a_test_user(developer: &str) -> Self {
        let description = format!(
            "The developer hasn’t given you access to this app. It’s currently being tested and it \
             hasn’t been verified by Google. If you think you should have access, contact the \
             developer ({developer})."
        );
        Self::new("access_denied", 403, description)
    }

    pub(super) fn org_internal(application: &str) -> Self {
        let description = format!("{application} is restricted to users within its organization");
        Self::new("org_internal", 403, description)
    }

    pub(super) fn admin_policy_enforced() -> Self {
        let description =
            "Access to your account data is restricted by policies within your organization";
        Self::new("admin_policy_enforced", 400, description)
    }

    pub(super) fn access_not_configured(application: &str) -> Self {
        let description = format!(
            "Your institution's admin needs to review {application} before users under the age of \
             18 can use it"
        );
        Self::new("access_not_configured", 400, description)
    }
}

impl AuthError {
    fn new(code: &str, status: u16, description: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            description: description.into().into_boxed_str(),
            status,
            ..Self::default()
        }
    }

    fn helped_by(self, page: &str) -> Self {
        Self { help: format!("{DOCUMENTATION}{page}").into(), ..self }
    }

    fn about(self, name: &str, value: &str) -> Self {
        Self { detail: Some((name.into(), value.into())), ..self }
    }

    /// 302 to the error page, which repeats some of the request's parameters; or the page itself, if
    /// the profile says so.
    pub(crate) fn redirect(&self, shared: &Shared, params: &[(String, String)]) -> Response {
        if !shared.state().profile.error_page_redirect {
            let client_id = params.iter().find(|(name, _)| name == "client_id");
            let application = client_id.and_then(|(_, id)| application(shared, id));
            return self.page(application, self.status);
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("authError", &self.encode());
        query.extend_pairs(echo(params));
        query.append_pair("flowName", "GeneralOAuthFlow");
        let page = shared.path(PAGE);
        reply::redirect(&format!("{page}?{}", query.finish()))
    }
}

fn complaint(what: &str) -> String {
    format!(
        "\nYou can't sign in to this app because it doesn't comply with Google's OAuth 2.0 policy.\
        \n\nIf you're the app developer, register the {what} in the Google Cloud Console.\n  "
    )
}
