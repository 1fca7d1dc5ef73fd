//! Configurations that cannot be: one for each key, with what the operator reads (requirement HH-10).

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use standin::provider::AnswerForm;
use standin_server::config::{Config, ConfigError, Flags, Source, shown};
use tempfile::TempDir;

const GOOD: &str = r#"
public_url = "https://app.example.com"
[database]
url = "sqlite:///var/lib/standin/standin.db"
[keys]
file = "keys.toml"
[[provider]]
id = "google"
kind = "google"
client_id = "id"
client_secret = "canary-secret"
"#;

pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.0.path().join(name), content).unwrap();
    }

    pub(crate) fn load(
        &self,
        text: &str,
        variables: &[(&str, &str)],
        flags: Flags,
    ) -> Result<Config, ConfigError> {
        self.write("standin.toml", text);
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Config::load(&Source {
            path: self.0.path().join("standin.toml"),
            must_exist: true,
            variables: variables.iter().map(owned).collect(),
            flags,
        })
    }

    /// What the operator reads, with the directory's name taken out.
    pub(crate) fn complaint(&self, text: &str, variables: &[(&str, &str)]) -> String {
        let error = self.load(text, variables, Flags::default()).unwrap_err().to_string();
        error.replace(&format!("{}/", self.0.path().display()), "")
    }
}

/// The good configuration with one piece of it replaced.
fn with(old: &str, new: &str) -> String {
    assert!(GOOD.contains(old), "{old}");
    GOOD.replacen(old, new, 1)
}

/// The good configuration with more keys before the first table, in a table, or in the provider.
fn plus(lines: &str) -> String {
    match lines.strip_prefix("provider: ") {
        Some(line) => format!("{GOOD}{line}\n"),
        None if lines.starts_with('[') => format!("{GOOD}{lines}\n"),
        None => format!("{lines}\n{GOOD}"),
    }
}

/// The good configuration with these lines more of its provider.
fn of_provider(lines: &[&str]) -> String {
    format!("{GOOD}{}\n", lines.join("\n"))
}

#[test]
fn the_good_one_is_good_and_has_the_defaults() {
    let config = Place::new().load(GOOD, &[], Flags::default()).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.operator_listen.to_string(), "127.0.0.1:8081");
    assert_eq!(config.session.idle.as_secs(), 7 * 24 * 3600);
    assert_eq!(config.session.absolute.as_secs(), 30 * 24 * 3600);
    assert_eq!(config.limits, standin_server::net::Limits::default());
    assert_eq!(config.providers[0].issuer, "https://accounts.google.com");
    assert_eq!(config.providers[0].scopes.to_string(), "email openid profile");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table, and what it gives")]
fn hh_10_one_bad_value_per_key() {
    let place = Place::new();
    place.write("empty", "\n");
    place.write("wrong.json", r#"{"service_account":{"private_key":"canary"}}"#);
    let bad = [
        with("public_url = \"https://app.example.com\"", ""),
        with("https://app.example.com", "app.example.com"),
        with("https://app.example.com", "http://app.example.com"),
        with("https://app.example.com", "https://app.example.com/sso"),
        with("https://app.example.com", "ftp://app.example.com"),
        plus("listen = \"8080\""),
        plus("operator_listen = \"localhost\""),
        plus("allowed_hosts = [\"*.example.com\"]"),
        plus("trusted_proxies = [\"0.0.0.0/0\"]"),
        plus("trusted_proxies = [\"proxy\"]"),
        plus("[outbound]\nallow_networks = [\"10.1.0.0/33\"]"),
        plus("[outbound]\nallow_networks = [\"10.1.0.0/16\", \"10.1.2.3/16\"]"),
        plus("[outbound]\nallow_networks = [\"0.0.0.0/0\"]"),
        plus("[outbound]\nallow_networks = [\"::ffff:10.1.0.0/112\"]"),
        with("url = \"sqlite:///var/lib/standin/standin.db\"", ""),
        with("sqlite:///var", "mysql:///var"),
        with("sqlite:///var", "postgres:///var"),
        with(
            "sqlite:///var/lib/standin/standin.db",
            "postgres://ada:canary@db.example/s?sslmode=require",
        ),
        with(
            "sqlite:///var/lib/standin/standin.db",
            "postgres://ada:canary@db.example/s?sslmode=disable",
        ),
        with(
            "sqlite:///var/lib/standin/standin.db",
            "postgres://ada:canary@db.example/s?sslcert=canary",
        ),
        with("url = \"sqlite:///var/lib/standin/standin.db\"", "url_file = \"empty\""),
        with(
            "url = \"sqlite:///var/lib/standin/standin.db\"",
            "url = \"sqlite:///a\"\nurl_file = \"b\"",
        ),
        with("file = \"keys.toml\"", ""),
        plus("[session]\nidle = \"7\""),
        plus("[session]\nabsolute = \"0d\""),
        plus("[session]\nidle = \"31d\""),
        plus("[limits]\nmax_connections = 0"),
        plus("[limits]\nfirst_byte_timeout = \"\""),
        plus("[limits]\nheader_timeout = \"10\""),
        plus("[limits]\nbody_timeout = \"ten\""),
        plus("[limits]\nidle_timeout = \"-1s\""),
        plus("[limits]\nshutdown_timeout = \"1y\""),
        plus("[limits]\nmax_header_bytes = 100"),
        plus("[limits]\nmax_headers = 0"),
        plus("[limits]\nmax_uri_bytes = 0"),
        plus("[limits]\nmax_body_bytes = 0"),
        plus("[log]\nformat = \"jsn\""),
        plus("[log]\nlevel = \"wran\""),
        "public_url = \"https://a.example\"\ndatabase.url = \"sqlite://a\"\nkeys.file = \"k\""
            .into(),
        with("id = \"google\"\n", ""),
        with("id = \"google\"", "id = \"Google\""),
        with("kind = \"google\"", ""),
        with("kind = \"google\"", "kind = \"gogle\""),
        with("kind = \"google\"", "kind = \"entra\""),
        with("kind = \"google\"", "kind = \"oidc\""),
        plus("provider: issuer = \"http://accounts.google.com\""),
        plus("provider: issuer = \"http://127.0.0.1:9090\""),
        plus("provider: issuer = \"https://10.1.2.3\""),
        plus("provider: issuer = \"https://[::ffff:169.254.169.254]\""),
        plus("provider: issuer = \"https://127.1:9443\""),
        with("client_id = \"id\"", ""),
        with("client_secret = \"canary-secret\"", ""),
        with("client_secret = \"canary-secret\"", "client_secret = \"\""),
        plus("provider: client_secret_file = \"secret\""),
        with("client_secret = \"canary-secret\"", "client_secret_file = \"absent\""),
        plus("provider: client_secret_json = \"wrong.json\""),
        with(
            "client_id = \"id\"\nclient_secret = \"canary-secret\"",
            "client_secret_json = \"wrong.json\"",
        ),
        plus("provider: client_authentication = \"client_secret_pots\""),
        plus("provider: scopes = [\"email\"]"),
        plus("provider: extra_scopes = [\"a b\"]"),
        plus("provider: browser_scopes = [\"https://example.com/drive\"]"),
        plus("provider: hosted_domains = []"),
        plus("provider: hosted_domains = [\"Example\"]"),
        plus("provider: allow_emails = []"),
        plus("provider: allow_emails = [\"ada@example.com\", \"*@example.com\"]"),
        plus("provider: allow_emails = [\"a@b@example.com\"]"),
        plus("provider: allow_domains = []"),
        plus("provider: allow_domains = [\"@example.com\"]"),
        plus("provider: allow_domains = [\"example.com\"]\nscopes = [\"openid\"]"),
        plus("provider: installed_client_id = \"desktop\""),
        plus("provider: device_client_secret = \"canary-secret\""),
        plus("provider: installed_client_id = \"id\"\ninstalled_client_secret = \"canary-secret\""),
        plus("[users]\nsign_up = \"clsed\""),
        plus("[users]\nsign_up = \"\""),
        with(
            "kind = \"google\"",
            "kind = \"oidc\"\nissuer = \"https://idp.example.com\"\nallow_credential_without_nonce = true",
        ),
        plus(
            "[[provider]]\nid = \"google\"\nkind = \"google\"\nclient_id = \"a\"\nclient_secret = \"b\"",
        ),
    ];
    let complaints: Vec<String> = bad.iter().map(|text| place.complaint(text, &[])).collect();
    let all = complaints.join("\n");
    assert!(!all.contains("canary"), "{all}");
    insta::assert_snapshot!(all, @r##"
    public_url: missing; write the address that browsers see, such as "https://app.example.com"
    public_url: "app.example.com" is not a URL (relative URL without a base)
    public_url: must be https: over http anybody on the way could take the session; http is for a loopback address, in development
    public_url: must be scheme, host and port only: cookies belong to the whole host, so a path would promise a separation that is not there
    public_url: must begin with https://
    listen: "8080" is not an IP address and a port, such as "127.0.0.1:8080"
    operator_listen: "localhost" is not an IP address and a port, such as "127.0.0.1:8080"
    allowed_hosts: "*.example.com" is not a host or host:port as a Host header has it, such as "standin.internal:8080"; there are no wildcards
    trusted_proxies: 0.0.0.0/0 is everybody, so any client could claim any address; name your proxies
    trusted_proxies: "proxy" is neither an address nor a network, such as "10.0.0.0/8"
    outbound.allow_networks: "10.1.0.0/33" is neither an address nor a network, such as "10.1.0.0/16"
    outbound.allow_networks: 10.1.2.3/16 is an address within a network; write the network, 10.1.0.0/16
    outbound.allow_networks: 0.0.0.0/0 is every address, so nothing would be refused any more; name the provider's network
    outbound.allow_networks: ::ffff:10.1.0.0/112 is an IPv4 network in the form of IPv6; write it as IPv4
    database.url: missing; such as "sqlite:///var/lib/standin/standin.db"
    database.url: there is no storage for `mysql://`: use sqlite:// or postgres://
    database.url: the database URL cannot be used: it names no host: postgres://user:password@host/database
    database.url: the database URL cannot be used: sslmode is verify-full, which needs not be said, or disable for a server on this machine; allow, prefer, require and verify-ca would talk to whoever answers
    database.url: the database URL cannot be used: sslmode=disable is for a server on this machine; over a network it would show every row and the password to whoever listens. Give the server a certificate, or write sslmode=dangerously-plaintext
    database.url: the database URL cannot be used: it has the parameter `sslcert`; understood are sslmode, sslrootcert, pool_size, pool_timeout, prepared, application_name, connect_timeout, channel_binding
    database.url: is empty; a variable or a file without content, perhaps
    database.url: given twice, here and as its _file twin; keep one, so that nobody wonders which is in force
    keys.file: missing; name the key file that `standin init` made, such as "/etc/standin/keys.toml"
    session.idle: "7" is not a duration; write a number above 0 and a unit, such as "30s", "12h" or "7d"
    session.absolute: "0d" is not a duration; write a number above 0 and a unit, such as "30s", "12h" or "7d"
    session.idle: is longer than session.absolute, so it would never matter; make it shorter
    limits.max_connections: 0 is too small; the least is 1
    limits.first_byte_timeout: "" is not a duration; write a number above 0 and a unit, such as "30s", "12h" or "7d"
    limits.header_timeout: "10" is not a duration; write a number above 0 and a unit, such as "30s", "12h" or "7d"
    limits.body_timeout: "ten" is not a duration; write a number above 0 and a unit, such as "30s", "12h" or "7d"
    limits.idle_timeout: "-1s" is not a duration; write a number above 0 and a unit, such as "30s", "12h" or "7d"
    limits.shutdown_timeout: "1y" is not a duration; write a number above 0 and a unit, such as "30s", "12h" or "7d"
    limits.max_header_bytes: 100 is too small; the least is 8192
    limits.max_headers: 0 is too small; the least is 1
    limits.max_uri_bytes: 0 is too small; the least is 1
    limits.max_body_bytes: 0 is too small; the least is 1
    log.format: "jsn" is neither text nor json, did you mean `json`?
    log.level: "wran" is none of error, warn, info, debug and trace, alone or as target=level, did you mean `warn`?
    provider: none is configured, so nobody could sign in; add a [[provider]]
    provider 0: id: missing; such as "google"
    provider "Google": id: a provider's id is 1 to 32 lower-case letters, digits and hyphens
    provider "google": kind: missing; google, github, entra or oidc
    provider "google": kind: "gogle" is none of google, github, entra and oidc, did you mean `google`?
    provider "google": tenant: missing; the id of your tenant or, with `allow_tenants`, organizations, common or consumers
    provider "google": issuer: missing; the `issuer` of the provider's .well-known/openid-configuration
    provider "google": issuer: must be https: over http anybody on the way could sign in as anybody; http is for an emulator on a loopback address, and only while public_url is http://localhost or another loopback address
    provider "google": issuer: must be https: over http anybody on the way could sign in as anybody; http is for an emulator on a loopback address, and only while public_url is http://localhost or another loopback address
    provider "google": issuer: 10.1.2.3 is a private address, and only public addresses are talked to; if it is meant, name its network in `outbound.allow_networks`
    provider "google": issuer: ::ffff:169.254.169.254 is a link-local or metadata address, and only public addresses are talked to; if it is meant, name its network in `outbound.allow_networks`
    provider "google": issuer: 127.0.0.1 is a loopback address, and only public addresses are talked to; if it is meant, name its network in `outbound.allow_networks`
    provider "google": client_id: missing; the provider's console shows it, and client_secret_json may bring it
    provider "google": client_secret: missing; one of client_secret, client_secret_file and client_secret_json
    provider "google": client_secret: is empty; a variable or a file without content, perhaps
    provider "google": client_secret: given twice, here and as its _file twin; keep one, so that nobody wonders which is in force
    absent: cannot be read: No such file or directory (os error 2)
    provider "google": client_secret_json: brings client id and secret; leave out client_id, client_secret and client_secret_file
    provider "google": client_secret_json: wrong.json is not the client_secret_….json that Google's console offers for download: no `web` or `installed` with client_id and client_secret
    provider "google": client_authentication: "client_secret_pots" is none of client_secret_basic and client_secret_post, did you mean `client_secret_post`?
    provider "google": scopes: `openid` is missing; without it the provider gives no ID token and nobody can be signed in
    provider "google": extra_scopes: a scope may hold only printable ASCII without quotes and backslashes, and must not be empty
    provider "google": browser_scopes: https://example.com/drive is in neither scopes nor extra_scopes, so no user can ever grant it
    provider "google": hosted_domains: is empty, which would admit nobody; name domains, or leave it out to admit everybody
    provider "google": hosted_domains: "Example" is not a domain in lower case, such as "example.com"
    provider "google": allow_emails: is empty, which would admit nobody; name somebody, or leave it out to admit everybody
    provider "google": allow_emails: "*@example.com" is not an e-mail address such as "ada@example.com"; there are no wildcards
    provider "google": allow_emails: "a@b@example.com" is not an e-mail address such as "ada@example.com"; there are no wildcards
    provider "google": allow_domains: is empty, which would admit nobody; name somebody, or leave it out to admit everybody
    provider "google": allow_domains: "@example.com" is not a domain such as "example.com": without @ and wildcards, and beyond ASCII in its form with xn--
    provider "google": allow_domains: needs the scope `email`: without it the provider tells no address, and nobody could sign in; add it to scopes
    provider "google": installed_client_id: id and secret belong together; write both, or the file that holds them
    provider "google": device_client_id: id and secret belong together; write both, or the file that holds them
    provider "google": installed_client_id: is the web application's: a provider takes each client for what it is registered as, so this one needs its own
    users.sign_up: "clsed" is none of open, first_user and closed, did you mean `closed`?
    users.sign_up: "" is none of open, first_user and closed
    provider "google": allow_credential_without_nonce: only Google has a button that gives a credential; leave it out
    provider "google": id: stands twice; ids are in URLs, so each provider needs its own
    "##);
}

#[test]
fn hh_10_a_key_that_is_not_known_is_named_with_its_line_and_the_likely_one() {
    let place = Place::new();
    let complaints = [
        plus("listn = \"127.0.0.1:1\""),
        plus("[sesion]\nidle = \"1d\""),
        plus("[limits]\nmax_conections = 3"),
        plus("provider: client_secrt = \"canary-secret\""),
        plus("provider: colour = \"red\""),
        plus("provider: allow_email = [\"ada@example.com\"]"),
        plus("[users]\nsignup = \"closed\""),
        plus("listen = 8080"),
        plus("[limits]\nmax_headers = \"canary-secret\""),
        plus("= canary-secret"),
    ]
    .map(|text| place.complaint(&text, &[]))
    .join("\n");
    assert!(!complaints.contains("canary"), "{complaints}");
    insta::assert_snapshot!(complaints, @r##"
    standin.toml:1: unknown key `listn`, did you mean `listen`?
    standin.toml:12: unknown key `sesion`, did you mean `session`?
    standin.toml:13: unknown key `max_conections`, did you mean `max_connections`?
    standin.toml:12: unknown key `client_secrt`, did you mean `client_secret`?
    standin.toml:12: unknown key `colour`
    standin.toml:12: unknown key `allow_email`, did you mean `allow_emails`?
    standin.toml:13: unknown key `signup`, did you mean `sign_up`?
    standin.toml:1: wrong type of value, expected a string
    standin.toml:13: wrong type of value, expected u32
    standin.toml:1: unquoted keys cannot be empty, expected letters, numbers, `-`, `_`
    "##);
}

#[test]
fn ar_2_ar_9_nothing_weakens_how_a_sign_in_is_asked_for() {
    let place = Place::new();
    let complaints = [
        "pkce = \"plain\"",
        "pkce = \"none\"",
        "pkce = false",
        "code_challenge_method = \"plain\"",
        "response_types = [\"code\", \"id_token\"]",
        "grant_type = \"password\"",
    ]
    .map(|line| {
        let at_the_top = place.complaint(&plus(line), &[]);
        let of_a_provider = place.complaint(&plus(&format!("provider: {line}")), &[]);
        assert_eq!(at_the_top.replace(":1:", ":12:"), of_a_provider);
        of_a_provider
    })
    .join("\n");
    insta::assert_snapshot!(complaints, @r##"
    standin.toml:12: unknown key `pkce`; PKCE with S256 is always on: leave it out
    standin.toml:12: unknown key `pkce`; PKCE with S256 is always on: leave it out
    standin.toml:12: unknown key `pkce`; PKCE with S256 is always on: leave it out
    standin.toml:12: unknown key `code_challenge_method`; PKCE with S256 is always on: leave it out
    standin.toml:12: unknown key `response_types`; every sign-in is for a code, and there is no other way: leave it out
    standin.toml:12: unknown key `grant_type`; every sign-in is for a code, and there is no other way: leave it out
    "##);
    for (name, value) in [("PKCE", "plain"), ("GRANT_TYPE", "password")] {
        let variable = format!("STANDIN__PROVIDER__0__{name}");
        let complaint = place.complaint(GOOD, &[(&variable, value)]);
        assert!(complaint.contains("names no key of the configuration"), "{complaint}");
    }
}

#[test]
fn ar_9_a_provider_is_asked_to_answer_in_one_of_three_forms() {
    let place = Place::new();
    for (lines, form) in [
        (&[][..], AnswerForm::Query),
        (&["response_type = \"code\""], AnswerForm::Query),
        (&["response_mode = \"query\""], AnswerForm::Query),
        (&["response_mode = \"form_post\""], AnswerForm::FormPost),
        (&["response_type = \"code id_token\""], AnswerForm::HybridFormPost),
        (
            &["response_type = \"code id_token\"", "response_mode = \"form_post\""],
            AnswerForm::HybridFormPost,
        ),
    ] {
        let config = place.load(&of_provider(lines), &[], Flags::default()).unwrap();
        assert_eq!(config.providers[0].answer, form, "{lines:?}");
    }
    let complaints = [
        &["response_type = \"token\""][..],
        &["response_type = \"code id_token token\""],
        &["response_type = \"id_token\""],
        &["response_type = \"none\""],
        &["response_type = \"\""],
        &["response_type = \"code id_tokn\""],
        &["response_type = \"id_token code\""],
        &["response_type = \"code id_token\"", "response_mode = \"query\""],
        &["response_type = \"code id_token\"", "response_mode = \"fragment\""],
        &["response_mode = \"fragment\""],
        &["response_mode = \"form_pots\""],
        &["response_mode = \"web_message\""],
        &["response_mode = \"\""],
    ]
    .map(|lines| place.complaint(&of_provider(lines), &[]));
    insta::assert_snapshot!(complaints.join("\n"), @r##"
    provider "google": response_type: "token" is not offered: what it brings through the browser can be taken on the way; write "code" or "code id_token"
    provider "google": response_type: "code id_token token" is not offered: what it brings through the browser can be taken on the way; write "code" or "code id_token"
    provider "google": response_type: "id_token" is not offered: what it brings through the browser can be taken on the way; write "code" or "code id_token"
    provider "google": response_type: "none" is neither code nor code id_token, did you mean `code`?
    provider "google": response_type: "" is neither code nor code id_token
    provider "google": response_type: "code id_tokn" is neither code nor code id_token, did you mean `code id_token`?
    provider "google": response_type: "id_token code" is neither code nor code id_token
    provider "google": response_mode: "query" would put the ID token of "code id_token" into addresses and logs; leave it out, or write "form_post"
    provider "google": response_mode: "fragment" reaches only scripts of a page, and no server; write "form_post", or leave it out
    provider "google": response_mode: "fragment" reaches only scripts of a page, and no server; write "form_post", or leave it out
    provider "google": response_mode: "form_pots" is neither query nor form_post, did you mean `form_post`?
    provider "google": response_mode: "web_message" is neither query nor form_post
    provider "google": response_mode: "" is neither query nor form_post
    "##);
    let misplaced = place.complaint(&plus("response_type = \"code\""), &[]);
    assert!(misplaced.ends_with("unknown key `response_type`; it belongs into a [[provider]]"));
    let variable = ("STANDIN__PROVIDER__0__RESPONSE_TYPE", "token");
    let complaint = place.complaint(GOOD, &[variable]);
    assert!(complaint.contains("response_type: \"token\" is not offered"), "{complaint}");
}

#[test]
fn id_23_what_is_asked_of_a_sign_in_at_the_provider_is_written_as_it_can_be_asked() {
    let place = Place::new();
    let with_max_age = of_provider(&["max_age = \"15m\""]);
    let config = place.load(&with_max_age, &[], Flags::default()).unwrap();
    let asked = &config.providers[0].authentication;
    assert_eq!(asked.max_age, Some(std::time::Duration::from_mins(15)));
    assert!(asked.acr_values.is_empty());
    let complaints =
        ["max_age = \"900\"", "max_age = \"0s\"", "max_age = \"250ms\"", "acr_values = [\"phr\"]"]
            .map(|line| place.complaint(&of_provider(&[line]), &[]));
    insta::assert_snapshot!(complaints.join("\n"), @r##"
    provider "google": max_age: "900" is not a duration; write a number above 0 and a unit, such as "30s", "12h" or "7d"
    provider "google": max_age: "0s" is not a duration; write a number above 0 and a unit, such as "30s", "12h" or "7d"
    provider "google": max_age: providers are asked in whole seconds; write "1s" or longer
    provider "google": acr_values: a provider of kind google never says how somebody signed in, so nobody could; leave it out
    "##);
}

#[test]
fn rf_8_how_often_a_provider_is_asked_is_written_per_second_and_never_none() {
    let place = Place::new();
    let rate = |lines: &[&str]| {
        let config = place.load(&of_provider(lines), &[], Flags::default()).unwrap();
        config.providers[0].max_refreshes_per_second.get()
    };
    assert_eq!(rate(&[]), 100);
    assert_eq!(rate(&["max_refreshes_per_second = 7"]), 7);
    let none = place.complaint(&of_provider(&["max_refreshes_per_second = 0"]), &[]);
    insta::assert_snapshot!(none, @r#"provider "google": max_refreshes_per_second: 0 would refresh nothing; at least 1, or leave it out for 100"#);
}

#[test]
fn variables_win_over_the_file_and_flags_over_both() {
    let place = Place::new();
    let text = plus("listen = \"127.0.0.1:1\"");
    let variables = [("STANDIN__LISTEN", "127.0.0.1:2"), ("STANDIN__SESSION__IDLE", "12h")];
    let flags = Flags { listen: Some("127.0.0.1:3".parse().unwrap()), ..Flags::default() };
    let port = |config: Config| config.listen.port();
    assert_eq!(port(place.load(&text, &[], Flags::default()).unwrap()), 1);
    assert_eq!(port(place.load(&text, &variables, Flags::default()).unwrap()), 2);
    let config = place.load(&text, &variables, flags).unwrap();
    assert_eq!(config.session.idle.as_secs(), 12 * 3600);
    assert_eq!(port(config), 3);
}

#[test]
fn everything_can_be_a_variable() {
    let variables = [
        ("STANDIN__PUBLIC_URL", "https://app.example.com"),
        ("STANDIN__DATABASE__URL", "sqlite://a.db"),
        ("STANDIN__KEYS__FILE", "/k"),
        ("STANDIN__LIMITS__MAX_HEADERS", "50"),
        ("STANDIN__TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
        ("STANDIN__OUTBOUND__ALLOW_NETWORKS", "10.1.0.0/16, fd12::/32"),
        ("STANDIN__PROVIDER__1__ID", "second"),
        ("STANDIN__PROVIDER__1__KIND", "oidc"),
        ("STANDIN__PROVIDER__1__ISSUER", "https://id.example.com"),
        ("STANDIN__PROVIDER__1__CLIENT_ID", "b"),
        ("STANDIN__PROVIDER__1__CLIENT_SECRET", "s"),
        ("STANDIN__PROVIDER__0__ID", "google"),
        ("STANDIN__PROVIDER__0__KIND", "google"),
        ("STANDIN__PROVIDER__0__CLIENT_ID", "a"),
        ("STANDIN__PROVIDER__0__CLIENT_SECRET", "s"),
        ("STANDIN__PROVIDER__0__SCOPES", "openid email"),
    ];
    let config = Place::new().load("", &variables, Flags::default()).unwrap();
    assert_eq!(config.limits.max_headers, 50);
    assert_eq!(config.trusted_proxies.written(), ["10.0.0.0/8", "::1/128"]);
    let networks: Vec<_> = config.allow_networks.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.1.0.0/16", "fd12::/32"]);
    assert_eq!(config.providers[0].scopes.to_string(), "email openid");
    assert_eq!(config.providers[1].issuer, "https://id.example.com");
}

#[test]
fn hh_10_a_variable_that_means_nothing_is_an_error() {
    let place = Place::new();
    let complaints = [
        ("STANDIN__LISTN", "canary"),
        ("STANDIN__PROVIDER__0__CLIENT_SECRT", "canary"),
        ("STANDIN__PROVIDER__CLIENT_SECRET", "canary"),
        ("STANDIN__PROVIDER__2__ID", "canary"),
        ("STANDIN__LIMITS__MAX_HEADERS", "canary"),
        ("STANDIN__LIMITS__MAX_HEADERS", "-1"),
    ]
    .map(|variable| place.complaint(GOOD, &[variable]))
    .join("\n");
    assert!(!complaints.contains("canary"), "{complaints}");
    insta::assert_snapshot!(complaints, @r##"
    environment variable STANDIN__LISTN: names no key of the configuration, did you mean `STANDIN__LISTEN`?
    environment variable STANDIN__PROVIDER__0__CLIENT_SECRT: names no key of the configuration, did you mean `STANDIN__PROVIDER__0__CLIENT_SECRET`?
    environment variable STANDIN__PROVIDER__CLIENT_SECRET: names no key of the configuration, did you mean `STANDIN__PROVIDER__0__CLIENT_SECRET`?
    environment variable STANDIN__PROVIDER__2__ID: there is no such provider, and providers are counted from 0 without gaps
    environment variable STANDIN__LIMITS__MAX_HEADERS: is not a whole number from 0 to 4294967295
    environment variable STANDIN__LIMITS__MAX_HEADERS: is not a whole number from 0 to 4294967295
    "##);
}

#[test]
fn secrets_come_from_files_and_from_what_google_gives_out() {
    let place = Place::new();
    place.write("secret", "from-file\n");
    place.write("g.json", r#"{"web":{"client_id":"gid","client_secret":"gs","redirect_uris":[]}}"#);
    place.write("i.json", r#"{"installed":{"client_id":"iid","client_secret":"is"}}"#);
    let from = |text: &str| place.load(text, &[], Flags::default()).unwrap().providers.remove(0);
    let file = from(&with("client_secret = \"canary-secret\"", "client_secret_file = \"secret\""));
    assert_eq!(file.client_secret.expose(), "from-file");
    let both = "client_id = \"id\"\nclient_secret = \"canary-secret\"";
    let web = from(&with(both, "client_secret_json = \"g.json\""));
    assert_eq!((web.client_id.as_str(), web.client_secret.expose()), ("gid", "gs"));
    let installed = from(&with(both, "client_secret_json = \"i.json\""));
    assert_eq!(installed.client_id, "iid");
}

#[test]
fn em_2_development_stays_on_this_machine() {
    let place = Place::new();
    let local = with("https://app.example.com", "http://localhost:8080");
    let emulated = format!("{local}issuer = \"http://127.0.0.1:9090\"\n");
    assert!(place.load(&emulated, &[], Flags::default()).unwrap().is_development());
    let complaints = [
        format!("listen = \"0.0.0.0:8080\"\n{local}"),
        format!("operator_listen = \"192.168.0.1:8081\"\n{local}"),
        format!("{local}issuer = \"http://id.example.com\"\n"),
    ]
    .map(|text| place.complaint(&text, &[]))
    .join("\n");
    insta::assert_snapshot!(complaints, @r##"
    listen: 0.0.0.0:8080 can be reached by others while public_url is plain http; listen on 127.0.0.1, or give an https public_url
    operator_listen: 192.168.0.1:8081 can be reached by others while public_url is plain http; listen on 127.0.0.1, or give an https public_url
    provider "google": issuer: must be https: over http anybody on the way could sign in as anybody; http is for an emulator on a loopback address, and only while public_url is http://localhost or another loopback address
    "##);
}

#[test]
fn hh_7_a_network_of_ones_own_is_talked_to_once_it_is_named() {
    let place = Place::new();
    let inside = plus("provider: issuer = \"https://10.1.2.3\"");
    let named = format!("{inside}[outbound]\nallow_networks = [\"10.1.0.0/16\"]\n");
    let config = place.load(&named, &[], Flags::default()).unwrap();
    let judge = |config: &Config, address: &str| {
        config.address_policy().judge(address.parse().unwrap()).is_ok()
    };
    assert!(judge(&config, "10.1.2.3") && judge(&config, "1.1.1.1"));
    assert!(!judge(&config, "10.2.0.1") && !judge(&config, "127.0.0.1"));
    let printed = toml::to_string(&shown(&config)).unwrap();
    assert!(printed.contains("[outbound]\nallow_networks = [\"10.1.0.0/16\"]"), "{printed}");
    let local = with("https://app.example.com", "http://localhost:8080");
    let development = place.load(&local, &[], Flags::default()).unwrap();
    assert!(judge(&development, "127.0.0.1") && !judge(&development, "10.1.2.3"));
}

#[test]
fn a_client_authenticates_as_it_is_registered_which_is_seldom_written_down() {
    let place = Place::new();
    let method = |text: &str| {
        let config = place.load(text, &[], Flags::default()).unwrap();
        config.providers[0].client_authentication.method()
    };
    let oidc = "kind = \"oidc\"\nissuer = \"https://idp.example.com\"";
    assert_eq!(method(GOOD), "client_secret_post");
    assert_eq!(method(&with("kind = \"google\"", oidc)), "client_secret_basic");
    let post = format!("{oidc}\nclient_authentication = \"client_secret_post\"");
    assert_eq!(method(&with("kind = \"google\"", &post)), "client_secret_post");
}

#[test]
fn ls_5_nothing_that_is_printed_holds_a_secret() {
    let place = Place::new();
    let config = place.load(GOOD, &[], Flags::default()).unwrap();
    let printed = toml::to_string(&shown(&config)).unwrap();
    assert!(printed.contains("client_secret = \"***\""), "{printed}");
    for text in [printed, format!("{config:?}")] {
        assert!(!text.contains("canary"), "{text}");
    }
}

#[test]
fn what_is_printed_is_a_configuration() {
    let place = Place::new();
    let config = place.load(GOOD, &[], Flags::default()).unwrap();
    let again = toml::to_string(&shown(&config)).unwrap();
    assert!(place.load(&again, &[], Flags::default()).is_ok(), "{again}");
}

#[test]
fn vc_9_a_key_file_that_others_can_read_is_refused() {
    let place = Place::new();
    let keys = standin::vault::KeyFile::generate(&standin::entropy::SystemEntropy);
    place.write("keys.toml", &keys.to_toml().unwrap());
    let path = place.0.path().join("keys.toml");
    let config = place.load(GOOD, &[], Flags::default()).unwrap();
    for (mode, is_good) in [(0o600, true), (0o640, false), (0o604, false)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(config.keys.read().is_ok(), is_good, "{mode:o}");
    }
}

#[test]
fn hh_10_a_list_that_a_variable_empties_admits_nobody_and_stops_the_start() {
    let place = Place::new();
    let text = plus("provider: allow_emails = [\"ada@example.com\"]");
    let complaint = place.complaint(&text, &[("STANDIN__PROVIDER__0__ALLOW_EMAILS", " ")]);
    assert!(complaint.contains("allow_emails: is empty"), "{complaint}");
    let variables = [("STANDIN__PROVIDER__0__ALLOW_EMAILS", "Grace@Example.com,ada@example.com")];
    let config = place.load(&text, &variables, Flags::default()).unwrap();
    let listed: Vec<_> = config.providers[0].allow.emails().collect();
    assert_eq!(listed, ["ada@example.com", "grace@example.com"]);
    assert_eq!(config.sign_up, standin::SignUp::Open);
}
