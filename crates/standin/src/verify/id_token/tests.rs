use super::*;
use crate::secret::IdToken;
use crate::verify::test_signer::{Signer, jwks};

const NOW: i64 = 1_766_000_000;
const ISSUER: &str = "https://accounts.google.com";
const CLIENT: &str = "123-abc.apps.googleusercontent.com";

/// The claims of a sign-in at Google, as JSON texts.
const CLAIMS: &[(&str, &str)] = &[
    ("iss", r#""https://accounts.google.com""#),
    ("azp", r#""123-abc.apps.googleusercontent.com""#),
    ("aud", r#""123-abc.apps.googleusercontent.com""#),
    ("sub", r#""109200000000000000001""#),
    ("hd", r#""corp.example""#),
    ("email", r#""Ada@Example.com""#),
    ("email_verified", "true"),
    ("at_hash", r#""TQF6n3c1prBP7HrrbNba4g""#),
    ("c_hash", r#""mPxIkLWqdWsZDamrFpBMOQ""#),
    ("nonce", r#""n-0S6_WzA2Mj""#),
    ("name", r#""Ada Lovelace""#),
    ("picture", r#""https://lh3.googleusercontent.com/a/ada=s96-c""#),
    ("given_name", r#""Ada""#),
    ("iat", "1766000000"),
    ("exp", "1766003600"),
];

/// The claims with some of them changed or added; an empty text takes one away.
fn claims(changes: &[(&str, &str)]) -> String {
    let mut claims = CLAIMS.to_vec();
    for change in changes {
        match claims.iter_mut().find(|claim| claim.0 == change.0) {
            Some(claim) => *claim = *change,
            None => claims.push(*change),
        }
    }
    let members: Vec<String> = claims
        .iter()
        .filter(|claim| !claim.1.is_empty())
        .map(|(name, value)| format!(r#""{name}":{value}"#))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// What a test expects, owned.
struct World {
    provider: ProviderId,
    aliases: Vec<String>,
    nonce: Nonce,
    access_token: AccessToken,
    code: AuthorizationCode,
    domains: Vec<String>,
    keys: KeySet,
}

impl World {
    fn new() -> Self {
        Self {
            provider: "google".parse().unwrap(),
            aliases: vec!["accounts.google.com".to_owned()],
            nonce: Nonce::new("n-0S6_WzA2Mj"),
            access_token: AccessToken::new("ya29.a0TEST_ACCESS_TOKEN"),
            code: AuthorizationCode::new("4/0ATEST_CODE"),
            domains: Vec::new(),
            keys: KeySet::parse(&jwks(&[Signer::p256("k")])).unwrap(),
        }
    }

    fn expected(&self) -> Expected<'_> {
        Expected {
            provider: &self.provider,
            issuer: ISSUER,
            issuer_aliases: &self.aliases,
            client_id: CLIENT,
            nonce: ExpectedNonce::Required(&self.nonce),
            access_token: Some(&self.access_token),
            code: Some(&self.code),
            now: Timestamp::from_unix_seconds(NOW),
            leeway: LEEWAY,
            hosted_domains: &self.domains,
            authenticated_since: None,
            acr_values: &[],
            tenants: None,
        }
    }

    fn verify(&self, claims: &str) -> Result<VerifiedIdentity, IdTokenFault> {
        self.verify_as(claims, &self.expected())
    }

    fn verify_as(
        &self,
        claims: &str,
        expected: &Expected<'_>,
    ) -> Result<VerifiedIdentity, IdTokenFault> {
        let token = Signer::p256("k").sign(claims);
        verify_id_token(&parsed(&token), &self.keys, expected, &mut Receipt::unkept())
    }

    fn verify_with(
        &self,
        keys: &KeySet,
        token: &IdToken,
    ) -> Result<VerifiedIdentity, IdTokenFault> {
        verify_id_token(&parsed(token), keys, &self.expected(), &mut Receipt::unkept())
    }

    fn refuses_each(&self, claim: &str, values: &[&str], fault: IdTokenFault) {
        for value in values {
            let verdict = self.verify(&claims(&[(claim, value)]));
            assert_eq!(verdict, Err(fault), "{claim}: {value}");
        }
    }

    fn accepts_each(&self, claim: &str, values: &[&str]) {
        for value in values {
            let verdict = self.verify(&claims(&[(claim, value)]));
            assert!(verdict.is_ok(), "{claim}: {value}: {verdict:?}");
        }
    }
}

fn parsed(token: &IdToken) -> UnverifiedIdToken<'_> {
    UnverifiedIdToken::parse(token).unwrap()
}

#[test]
fn a_token_that_passes_every_step_proves_who_it_is() {
    let world = World::new();
    let verified = world.verify(&claims(&[])).unwrap();
    let identity = verified.identity();
    assert_eq!(identity.provider.as_str(), "google");
    assert_eq!(identity.issuer, ISSUER);
    assert_eq!(identity.subject, "109200000000000000001");
    let profile = verified.profile();
    assert_eq!(profile.email.as_deref(), Some("Ada@example.com"));
    assert!(profile.email_verified);
    assert_eq!(profile.name.as_deref(), Some("Ada Lovelace"));
    assert_eq!(profile.hosted_domain.as_deref(), Some("corp.example"));
    assert!(profile.picture.is_some());
}

#[test]
fn a_token_signed_with_rsa_proves_as_much() {
    let signer = Signer::rsa("r");
    let token = signer.sign(&claims(&[]));
    let keys = KeySet::parse(&jwks(&[signer])).unwrap();
    let world = World::new();
    let verdict = world.verify_with(&keys, &token);
    assert!(verdict.is_ok());
    let forged = Signer::other_rsa("r").sign(&claims(&[]));
    let verdict = world.verify_with(&keys, &forged);
    assert_eq!(verdict, Err(IdTokenFault::SignatureInvalid));
}

#[test]
fn nothing_is_told_about_the_claims_of_a_token_that_is_not_signed() {
    let world = World::new();
    let forged = Signer::other_p256("k").sign(&claims(&[("iss", "1"), ("exp", "0")]));
    let verdict = world.verify_with(&world.keys, &forged);
    assert_eq!(verdict, Err(IdTokenFault::SignatureInvalid));
}

#[test]
fn id_4_claims_that_are_not_one_object_without_repetition_are_refused() {
    let world = World::new();
    let good = claims(&[]);
    let open = good.trim_end_matches('}');
    let deep = format!(r#"{open},"x":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    let aud_deep = claims(&[("aud", &format!("{}{}", "[".repeat(200), "]".repeat(200)))]);
    for wrong in [
        String::new(),
        "null".to_owned(),
        format!("[{good}]"),
        format!("{good}{good}"),
        format!("{good},"),
        format!(r#"{open},"sub":"109200000000000000001"}}"#),
        format!(r#"{open},"\u0073ub":"eve"}}"#),
        format!(r#"{open},"jti":"a","jti":"b"}}"#),
        format!(r#"{open},"address":{{"a":1,"a":2}}}}"#),
        format!(r#"{open},"list":[{{"a":1,"a":2}}]}}"#),
        format!(r#"{open},"x":1e400}}"#),
        deep,
        aud_deep,
    ] {
        let verdict = world.verify(&wrong);
        assert_eq!(verdict, Err(IdTokenFault::ClaimsMalformed), "{wrong}");
    }
}

#[test]
fn claims_that_mean_nothing_to_us_are_ignored() {
    let world = World::new();
    world.accepts_each(
        "unknown",
        &[
            "null",
            "true",
            "-1",
            "1.5",
            r#""\u00e9""#,
            "[]",
            r#"[{"a":[1,{"b":null}]}]"#,
            r#"{"_claim_names":{"a":"src1"}}"#,
        ],
    );
}

#[test]
fn id_5_the_issuer_is_the_configured_one_byte_for_byte() {
    let world = World::new();
    world.refuses_each(
        "iss",
        &[
            "",
            "null",
            "1",
            r#""""#,
            r#""https://accounts.google.com/""#,
            r#""https://Accounts.google.com""#,
            r#""HTTPS://accounts.google.com""#,
            r#""http://accounts.google.com""#,
            r#""https://accounts.google.com:443""#,
            r#""https://accounts.google.com.evil.example""#,
            r#""https://evil.example/https://accounts.google.com""#,
            r#""https://accounts.google.com/other-tenant""#,
            r#""https://accounts.google.com\u0000""#,
            r#""accounts.google.com/""#,
            r#"["https://accounts.google.com"]"#,
        ],
        IdTokenFault::IssuerMismatch,
    );
}

#[test]
fn id_5_an_alias_is_accepted_where_it_is_configured_and_becomes_the_one_form() {
    let mut world = World::new();
    let bare = claims(&[("iss", r#""accounts.google.com""#)]);
    assert_eq!(world.verify(&bare).unwrap().identity().issuer, ISSUER);
    world.aliases.clear();
    assert_eq!(world.verify(&bare), Err(IdTokenFault::IssuerMismatch));
}

#[test]
fn id_6_the_audience_is_our_client_and_nobody_else() {
    let world = World::new();
    world.accepts_each("aud", &[r#"["123-abc.apps.googleusercontent.com"]"#]);
    world.refuses_each(
        "aud",
        &[
            "",
            "null",
            "123",
            r#""""#,
            "[]",
            r#"[""]"#,
            r#""other.apps.googleusercontent.com""#,
            r#""123-ABC.apps.googleusercontent.com""#,
            r#""123-abc.apps.googleusercontent.com ""#,
            r#""x 123-abc.apps.googleusercontent.com""#,
            r#"["stranger","123-abc.apps.googleusercontent.com"]"#,
            r#"["123-abc.apps.googleusercontent.com","stranger"]"#,
            r#"["123-abc.apps.googleusercontent.com",1]"#,
            r#"[1,"123-abc.apps.googleusercontent.com"]"#,
            r#"[["123-abc.apps.googleusercontent.com"]]"#,
            r#"{"123-abc.apps.googleusercontent.com":true}"#,
        ],
        IdTokenFault::AudienceMismatch,
    );
}

#[test]
fn id_6_the_authorized_party_is_our_client_and_is_named_beside_several_audiences() {
    let world = World::new();
    world.accepts_each("azp", &[""]);
    world.refuses_each(
        "azp",
        &[
            "null",
            "1",
            r#""""#,
            r#""other.apps.googleusercontent.com""#,
            r#"["123-abc.apps.googleusercontent.com"]"#,
        ],
        IdTokenFault::AuthorizedPartyMismatch,
    );
    let twice = format!(r#"["{CLIENT}","{CLIENT}"]"#);
    assert!(world.verify(&claims(&[("aud", &twice)])).is_ok());
    assert_eq!(
        world.verify(&claims(&[("aud", &twice), ("azp", "")])),
        Err(IdTokenFault::AuthorizedPartyMismatch)
    );
}

/// What is not an instant: of the wrong type, negative, or beyond 63 bits.
const NO_INSTANTS: &[&str] = &[
    "null",
    "true",
    r#""1766003600""#,
    r#""""#,
    "1766003600.0",
    "1766003600.5",
    "1.7660036e9",
    "-1",
    "-0",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "[1766003600]",
    "{}",
];

#[test]
fn id_7_an_expiry_that_is_no_integer_is_refused() {
    let world = World::new();
    world.refuses_each("exp", NO_INSTANTS, IdTokenFault::ExpiryInvalid);
    world.refuses_each("exp", &[""], IdTokenFault::ExpiryInvalid);
    world.refuses_each("exp", &["1e400", "01766003600"], IdTokenFault::ClaimsMalformed);
}

#[test]
fn id_7_a_time_of_issue_that_is_no_integer_is_refused() {
    let world = World::new();
    world.refuses_each("iat", NO_INSTANTS, IdTokenFault::IssuedAtInvalid);
    world.refuses_each("iat", &[""], IdTokenFault::IssuedAtInvalid);
}

#[test]
fn id_7_a_time_to_begin_is_honoured_where_there_is_one() {
    let world = World::new();
    world.accepts_each("nbf", &["", "0", "1765999700", "1766000060"]);
    world.refuses_each("nbf", &["1766000061"], IdTokenFault::NotYetValid);
    world.refuses_each("nbf", &["9223372036854775807"], IdTokenFault::NotYetValid);
    world.refuses_each("nbf", NO_INSTANTS, IdTokenFault::NotBeforeInvalid);
}

#[test]
fn id_7_a_token_expires_when_the_leeway_has_passed_too() {
    let world = World::new();
    for (expired_for, verdict) in [
        (-3600, None),
        (0, None),
        (59, None),
        (60, Some(IdTokenFault::Expired)),
        (61, Some(IdTokenFault::Expired)),
    ] {
        let exp = (NOW - expired_for).to_string();
        let iat = (NOW - 3600).to_string();
        let claims = claims(&[("exp", &exp), ("iat", &iat)]);
        assert_eq!(world.verify(&claims).err(), verdict, "{expired_for}");
    }
}

#[test]
fn id_7_no_configuration_stretches_the_leeway_beyond_five_minutes() {
    let world = World::new();
    let expected = Expected { leeway: Duration::from_hours(1), ..world.expected() };
    let token = |exp: i64| claims(&[("exp", &exp.to_string()), ("iat", "1765990000")]);
    assert!(world.verify_as(&token(NOW - 299), &expected).is_ok());
    assert_eq!(world.verify_as(&token(NOW - 300), &expected), Err(IdTokenFault::Expired));
    let strict = Expected { leeway: Duration::ZERO, ..expected };
    assert!(world.verify_as(&token(NOW + 1), &strict).is_ok());
    assert_eq!(world.verify_as(&token(NOW), &strict), Err(IdTokenFault::Expired));
}

#[test]
fn id_7_a_token_from_the_future_is_refused() {
    let world = World::new();
    world.accepts_each("iat", &["1766000060"]);
    world.refuses_each("iat", &["1766000061"], IdTokenFault::IssuedInFuture);
    world.refuses_each("iat", &["9223372036854775807"], IdTokenFault::IssuedInFuture);
}

#[test]
fn id_7_a_token_lives_a_day_at_most() {
    let world = World::new();
    world.accepts_each("exp", &["1766086400"]);
    world.refuses_each("exp", &["1766086401"], IdTokenFault::LifetimeRefused);
    world.refuses_each("exp", &["9223372036854775807"], IdTokenFault::LifetimeRefused);
    world.refuses_each("exp", &["1765999999"], IdTokenFault::LifetimeRefused);
    world.refuses_each("iat", &["0"], IdTokenFault::LifetimeRefused);
}

#[test]
fn id_8_the_nonce_is_the_one_that_was_sent() {
    let world = World::new();
    world.refuses_each(
        "nonce",
        &[
            "",
            "null",
            "1",
            r#""""#,
            r#""n-0S6_WzA2M""#,
            r#""n-0S6_WzA2Mj ""#,
            r#""N-0S6_WzA2Mj""#,
            r#"["n-0S6_WzA2Mj"]"#,
        ],
        IdTokenFault::NonceMismatch,
    );
}

#[test]
fn id_8_no_claim_switches_a_check_off() {
    let world = World::new();
    let claims = claims(&[("nonce", ""), ("nonce_supported", "false")]);
    assert_eq!(world.verify(&claims), Err(IdTokenFault::NonceMismatch));
}

#[test]
fn id_8_a_nonce_that_was_not_asked_for_is_not_looked_at() {
    let world = World::new();
    let expected = Expected { nonce: ExpectedNonce::NotSent, ..world.expected() };
    for nonce in ["", r#""anything""#, "1"] {
        let claims = claims(&[("nonce", nonce)]);
        assert!(world.verify_as(&claims, &expected).is_ok(), "{nonce}");
    }
}

#[test]
fn id_8_a_nonce_that_may_have_been_sent_is_the_one_that_was_or_none() {
    let world = World::new();
    let expected = Expected { nonce: ExpectedNonce::IfPresent(&world.nonce), ..world.expected() };
    for nonce in ["", r#""n-0S6_WzA2Mj""#] {
        let claims = claims(&[("nonce", nonce)]);
        assert!(world.verify_as(&claims, &expected).is_ok(), "{nonce}");
    }
    for nonce in ["null", "1", r#""""#, r#""another""#] {
        let verdict = world.verify_as(&claims(&[("nonce", nonce)]), &expected);
        assert_eq!(verdict, Err(IdTokenFault::NonceMismatch), "{nonce}");
    }
}

#[test]
fn id_9_the_subject_is_up_to_255_printable_ascii_characters() {
    let world = World::new();
    let longest = format!(r#""{}""#, "a".repeat(255));
    let too_long = format!(r#""{}""#, "a".repeat(256));
    world.accepts_each("sub", &[r#""1""#, r#""auth0|5f7c""#, r#""a b~""#, &longest]);
    world.refuses_each(
        "sub",
        &[
            "",
            "null",
            "123",
            "true",
            r#""""#,
            r#""\u0000""#,
            r#""a\u0000b""#,
            r#""a\nb""#,
            r#""a\u007f""#,
            r#""\u00e9""#,
            r#""１""#,
            r#"["a"]"#,
            r#"{"a":1}"#,
            &too_long,
        ],
        IdTokenFault::SubjectInvalid,
    );
}

#[test]
fn id_10_the_access_token_is_the_one_the_provider_sent() {
    let world = World::new();
    world.accepts_each("at_hash", &[""]);
    world.refuses_each(
        "at_hash",
        &[
            "null",
            "1",
            r#""""#,
            r#""TQF6n3c1prBP7HrrbNba4Q""#,
            r#""TQF6n3c1prBP7HrrbNba4g==""#,
            r#""mPxIkLWqdWsZDamrFpBMOQ""#,
            r#"["TQF6n3c1prBP7HrrbNba4g"]"#,
        ],
        IdTokenFault::AccessTokenHashMismatch,
    );
    let other = AccessToken::new("ya29.other");
    let expected = Expected { access_token: Some(&other), ..world.expected() };
    assert_eq!(
        world.verify_as(&claims(&[]), &expected),
        Err(IdTokenFault::AccessTokenHashMismatch)
    );
}

#[test]
fn id_10_the_code_is_the_one_the_provider_sent() {
    let world = World::new();
    world.accepts_each("c_hash", &[""]);
    world.refuses_each(
        "c_hash",
        &["null", r#""""#, r#""TQF6n3c1prBP7HrrbNba4g""#],
        IdTokenFault::CodeHashMismatch,
    );
    let other = AuthorizationCode::new("4/other");
    let expected = Expected { code: Some(&other), ..world.expected() };
    assert_eq!(world.verify_as(&claims(&[]), &expected), Err(IdTokenFault::CodeHashMismatch));
}

#[test]
fn id_11_a_refreshed_token_is_about_the_same_person() {
    let world = World::new();
    let identity = world.verify(&claims(&[])).unwrap().identity().clone();
    let refresh = |changes: &[(&str, &str)], identity: &Identity| {
        let token = Signer::p256("k").sign(&claims(changes));
        check_refreshed_id_token(&parsed(&token), &world.expected(), identity)
    };
    // No nonce is demanded: a refresh has no request that could carry one.
    assert!(refresh(&[("nonce", "")], &identity).is_ok());
    let bare = ("iss", r#""accounts.google.com""#);
    assert!(refresh(&[bare], &identity).is_ok());
    assert_eq!(refresh(&[("sub", "")], &identity), Err(IdTokenFault::SubjectMismatch));
    let other = ("sub", r#""eve""#);
    assert_eq!(refresh(&[other], &identity), Err(IdTokenFault::SubjectMismatch));
    let iss = ("iss", r#""https://evil.example""#);
    assert_eq!(refresh(&[iss], &identity), Err(IdTokenFault::IssuerMismatch));
    let aud = ("aud", r#""another""#);
    assert_eq!(refresh(&[aud], &identity), Err(IdTokenFault::AudienceMismatch));
    let elsewhere = Identity { issuer: "https://evil.example".to_owned(), ..identity.clone() };
    assert_eq!(refresh(&[], &elsewhere), Err(IdTokenFault::IssuerMismatch));
    let another = Identity { provider: "another".parse().unwrap(), ..identity };
    assert_eq!(refresh(&[], &another), Err(IdTokenFault::SubjectMismatch));
}

#[test]
fn id_13_an_address_is_verified_only_by_the_boolean_true() {
    let world = World::new();
    for value in ["", "false", "null", r#""true""#, "1", "[true]"] {
        let verified = world.verify(&claims(&[("email_verified", value)])).unwrap();
        assert!(verified.profile().email.is_some());
        assert!(!verified.profile().email_verified, "{value}");
    }
}

#[test]
fn id_14_an_address_that_is_none_is_left_out_and_is_not_verified() {
    let world = World::new();
    for value in ["", "null", "1", r#""""#, r#""a@evil.com@corp.com""#, r#"["a@b.example"]"#] {
        let verified = world.verify(&claims(&[("email", value)])).unwrap();
        assert_eq!(verified.profile().email, None, "{value}");
        assert!(!verified.profile().email_verified, "{value}");
    }
}

#[test]
fn attributes_that_cannot_be_shown_are_left_out() {
    let world = World::new();
    let long = format!(r#""https://{}""#, "a".repeat(3000));
    for (claim, value) in [
        ("name", "1"),
        ("name", r#""""#),
        ("name", r#""a\u0000""#),
        ("name", r#""a\r\nSet-Cookie: b""#),
        ("name", long.as_str()),
        ("picture", r#""http://lh3.example/a""#),
        ("picture", r#""javascript:alert(1)""#),
        ("picture", r#""https://a\u0000""#),
        ("picture", long.as_str()),
    ] {
        let verified = world.verify(&claims(&[(claim, value)])).unwrap();
        let profile = verified.profile();
        let kept = match claim {
            "name" => &profile.name,
            _ => &profile.picture,
        };
        assert_eq!(*kept, None, "{claim}: {value}");
    }
}

#[test]
fn id_15_a_restriction_to_domains_looks_at_the_signed_claim_alone() {
    let mut world = World::new();
    world.domains = vec!["corp.example".to_owned(), "other.example".to_owned()];
    world.accepts_each("hd", &[r#""corp.example""#, r#""Other.Example""#]);
    world.refuses_each(
        "hd",
        &[
            "",
            "null",
            r#""""#,
            r#""gmail.com""#,
            r#""corp.example.""#,
            r#""sub.corp.example""#,
            r#""evil-corp.example""#,
            r#"["corp.example"]"#,
            "true",
        ],
        IdTokenFault::HostedDomainRefused,
    );
    let by_address = claims(&[("hd", ""), ("email", r#""eve@corp.example""#)]);
    let verdict = world.verify(&by_address);
    assert_eq!(verdict, Err(IdTokenFault::HostedDomainRefused));
}

#[test]
fn id_23_a_sign_in_at_the_provider_is_as_recent_as_was_asked_for() {
    let world = World::new();
    let since = Timestamp::from_unix_seconds(NOW - 300);
    let expected = Expected { authenticated_since: Some(since), ..world.expected() };
    let at = |instant: i64| instant.to_string();
    for (auth_time, fault) in [
        (at(NOW), None),
        (at(NOW - 300), None),
        (at(NOW - 360), None),
        (at(NOW - 361), Some(IdTokenFault::AuthenticationTooOld)),
        ("0".to_owned(), Some(IdTokenFault::AuthenticationTooOld)),
        (at(NOW + 60), None),
        (at(NOW + 61), Some(IdTokenFault::AuthenticationTimeInvalid)),
        (String::new(), Some(IdTokenFault::AuthenticationTimeInvalid)),
    ] {
        let verdict = world.verify_as(&claims(&[("auth_time", &auth_time)]), &expected);
        assert_eq!(verdict.err(), fault, "{auth_time}");
    }
    for auth_time in NO_INSTANTS {
        let verdict = world.verify_as(&claims(&[("auth_time", auth_time)]), &expected);
        assert_eq!(verdict.err(), Some(IdTokenFault::AuthenticationTimeInvalid), "{auth_time}");
    }
    // Nobody asked: the claim is not looked at.
    world.accepts_each("auth_time", &["0", "null", r#""soon""#]);
}

#[test]
fn id_23_a_sign_in_at_the_provider_was_of_a_kind_that_was_asked_for() {
    let world = World::new();
    let asked = ["phr".to_owned(), "urn:mace:incommon:iap:silver".to_owned()];
    let expected = Expected { acr_values: &asked, ..world.expected() };
    for acr in [r#""phr""#, r#""urn:mace:incommon:iap:silver""#] {
        assert!(world.verify_as(&claims(&[("acr", acr)]), &expected).is_ok(), "{acr}");
    }
    for acr in ["", "null", "0", r#""""#, r#""0""#, r#""PHR""#, r#""phr ""#, r#"["phr"]"#] {
        let verdict = world.verify_as(&claims(&[("acr", acr)]), &expected);
        assert_eq!(verdict, Err(IdTokenFault::AuthenticationContextRefused), "{acr}");
    }
    world.accepts_each("acr", &[r#""0""#, "null"]);
}

#[test]
fn id_21_an_access_token_is_no_id_token() {
    let opaque = IdToken::new("ya29.a0TEST_ACCESS_TOKEN");
    assert!(UnverifiedIdToken::parse(&opaque).is_err());
    let header = r#"{"alg":"ES256","kid":"k","typ":"at+jwt"}"#;
    let token = Signer::p256("k").sign_with_header(header, &claims(&[]));
    let fault = UnverifiedIdToken::parse(&token).err();
    assert_eq!(fault, Some(IdTokenFault::TypeRefused));
}
