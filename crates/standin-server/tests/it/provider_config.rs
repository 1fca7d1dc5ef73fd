//! What is said of providers other than Google, and how a mistake in it is told.

use standin::provider::{Certainty, Grace, ProviderKind, ProviderProfile};
use standin_server::config::{Config, Flags};

use crate::config::Place;

/// A configuration whose one provider has these keys.
fn provider(keys: &str) -> String {
    format!(
        r#"
public_url = "https://app.example.com"
database.url = "sqlite:///var/lib/standin/standin.db"
keys.file = "keys.toml"
[[provider]]
id = "idp"
client_id = "id"
client_secret = "canary-secret"
{keys}
"#
    )
}

fn oidc(keys: &str) -> String {
    provider(&format!("kind = \"oidc\"\nissuer = \"https://idp.example.com\"\n{keys}"))
}

fn load(text: &str, variables: &[(&str, &str)]) -> Config {
    Place::new().load(text, variables, Flags::default()).unwrap()
}

fn profile(keys: &str, variables: &[(&str, &str)]) -> ProviderProfile {
    *load(&oidc(keys), variables).providers[0].kind.profile()
}

#[test]
fn what_tokens_are_like_is_unknown_named_or_written() {
    assert_eq!(profile("", &[]), ProviderProfile::UNKNOWN);
    assert_eq!(profile("token_profile = \"xero\"", &[]), ProviderProfile::named("xero").unwrap());
    let written = profile(
        "token_profile = \"hydra\"\nrefresh_grace_seconds = 0\nidle_days = 30\nscopes_add_up = false",
        &[("STANDIN__PROVIDER__0__REFRESH_NARROWS", "true")],
    );
    assert_eq!((written.rotates, written.grace), (Certainty::Yes, Grace::None));
    assert_eq!((written.scopes_add_up, written.refresh_narrows), (Certainty::No, Certainty::Yes));
    assert_eq!(written.idle.unwrap().as_secs(), 30 * 24 * 3600);
}

#[test]
fn a_mistake_in_it_is_told() {
    let place = Place::new();
    let complaints = [
        oidc("token_profile = \"xro\""),
        oidc("idle_days = 0"),
        oidc("max_access_tokens = 0"),
        oidc("token_profile = \"zoho\"\nrefresh_grace_seconds = 5"),
        oidc("rotate_refresh_tokens = true"),
        provider("kind = \"google\"\nscopes_add_up = true"),
        provider("kind = \"github\"\nissuer = \"https://github.com\""),
        provider("kind = \"github\"\nbase_url = \"http://git.example.com\""),
        provider("kind = \"github\"\nidle_days = 1"),
        oidc("base_url = \"https://idp.example.com\""),
    ]
    .map(|text| place.complaint(&text, &[]))
    .join("\n");
    assert!(!complaints.contains("canary"), "{complaints}");
    insta::assert_snapshot!(complaints, @r##"
    provider "idp": token_profile: "xro" is none of hydra, ringcentral, xero, zoho, did you mean `xero`?
    provider "idp": idle_days: 0 days would be dead at once; leave it out
    provider "idp": max_access_tokens: 0 would be none at all; leave it out
    provider "idp": refresh_grace_seconds: a refresh token that is never replaced needs no grace; leave it out
    standin.toml:11: unknown key `rotate_refresh_tokens`, did you mean `rotates_refresh_tokens`?
    provider "idp": scopes_add_up: what google's tokens are like is known; leave it out
    provider "idp": issuer: GitHub's follows from its address; leave it out, or name a `base_url`
    provider "idp": base_url: must be https: over http anybody on the way could sign in as anybody; http is for an emulator on a loopback address, and only while public_url is http://localhost or another loopback address
    provider "idp": idle_days: what github's tokens are like is known; leave it out
    provider "idp": base_url: is for GitHub and Entra; other providers have an `issuer`
    "##);
    let switch = [("STANDIN__PROVIDER__0__SCOPES_ADD_UP", "yes")];
    let complaint = place.complaint(&oidc(""), &switch);
    assert!(complaint.ends_with("SCOPES_ADD_UP: is neither true nor false"), "{complaint}");
}

#[test]
fn every_kind_knows_its_tokens() {
    let google = load(&provider("kind = \"google\""), &[]);
    assert_eq!(google.providers[0].kind, ProviderKind::Google);
    assert_eq!(*google.providers[0].kind.profile(), ProviderProfile::GOOGLE);
    let github = load(&provider("kind = \"github\""), &[]);
    let github = &github.providers[0];
    assert_eq!(*github.kind.profile(), ProviderProfile::GITHUB);
    assert_eq!(github.issuer, "https://github.com/login/oauth");
    assert_eq!(github.scopes.to_string(), "read:user user:email");
    let enterprise = "kind = \"github\"\nbase_url = \"https://git.example.com/\"\nscopes = []";
    let enterprise = load(&provider(enterprise), &[]);
    assert_eq!(enterprise.providers[0].issuer, "https://git.example.com/login/oauth");
    assert!(enterprise.providers[0].scopes.is_empty());
}

const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

fn entra(keys: &str) -> String {
    provider(&format!("kind = \"entra\"\n{keys}"))
}

#[test]
fn the_issuer_of_entra_follows_from_its_tenant() {
    let list = format!("allow_tenants = [\"{}\"]", TENANT.to_uppercase());
    let personal = "9188040d-6c67-4c5b-b112-36a304b66dad";
    for (keys, issuer) in [
        (
            format!("tenant = \"{TENANT}\""),
            format!("https://login.microsoftonline.com/{TENANT}/v2.0"),
        ),
        (
            format!("tenant = \"{TENANT}\"\nbase_url = \"https://login.microsoftonline.us/\""),
            format!("https://login.microsoftonline.us/{TENANT}/v2.0"),
        ),
        (
            format!("tenant = \"organizations\"\n{list}"),
            "https://login.microsoftonline.com/{tenantid}/v2.0".to_owned(),
        ),
        (
            format!("tenant = \"consumers\"\nallow_tenants = [\"{personal}\"]"),
            format!("https://login.microsoftonline.com/{personal}/v2.0"),
        ),
    ] {
        let config = load(&entra(&keys), &[]);
        assert_eq!(config.providers[0].issuer, issuer);
        assert_eq!(*config.providers[0].kind.profile(), ProviderProfile::ENTRA);
        assert!(matches!(config.providers[0].kind, ProviderKind::Entra(_)));
    }
}

#[test]
fn a_mistake_in_tenants_is_told() {
    let place = Place::new();
    for (keys, complaint) in [
        ("tenant = \"contoso.example\"", "tenant: \"contoso.example\" is neither"),
        ("tenant = \"organizations\"", "allow_tenants: missing: with tenant = \"organizations\""),
        ("tenant = \"common\"", "allow_tenants: missing"),
        ("tenant = \"consumers\"", "allow_tenants: missing"),
        ("tenant = \"common\"\nallow_tenants = []", "allow_tenants: is empty"),
        ("tenant = \"common\"\nallow_tenants = [\"*\"]", "allow_tenants: \"*\" is not the id"),
        (
            "tenant = \"consumers\"\nallow_tenants = [\"72f988bf-86f1-41af-91ab-2d7cd011db47\"]",
            "allow_tenants: only accounts of 9188040d-",
        ),
        (
            "tenant = \"72f988bf-86f1-41af-91ab-2d7cd011db47\"\nissuer = \"https://idp.example.com\"",
            "issuer: Entra's follows from its tenant",
        ),
    ] {
        let told = place.complaint(&entra(keys), &[]);
        assert!(told.contains(complaint), "{keys}: {told}");
    }
    let told = place.complaint(&oidc("tenant = \"common\""), &[]);
    assert!(told.contains("tenant: only Entra has tenants"), "{told}");
}
