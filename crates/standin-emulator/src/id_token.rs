//! ID tokens: Google's claims in Google's order, and every way a fault can spoil one.

use aws_lc_rs::digest;
use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;

use crate::chance;
use crate::discovery::WRONG_ISSUER;
use crate::faults::Twist;
use crate::jws::{self, Seal};
use crate::keys::Signer;
use crate::object::Object;
use crate::scopes;
use crate::seed::{IssuerForm, IssuerForms, User};

/// A subject that no seeded user has.
pub(crate) const OTHER_SUBJECT: &str = "999999999999999999999";

/// What an ID token says, before it is signed.
#[derive(Debug)]
pub(crate) struct Statement<'a> {
    pub(crate) origin: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) user: &'a User,
    pub(crate) scopes: &'a std::collections::BTreeSet<String>,
    /// The access token given with it; its hash goes in.
    pub(crate) access_token: Option<&'a str>,
    /// The code given with it, which only the front channel hashes.
    pub(crate) code: Option<&'a str>,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) extras: &'a Extras,
    pub(crate) now: i64,
    pub(crate) channel: Channel,
    pub(crate) iss_forms: IssuerForms,
}

/// Claims that only some authorization requests ask for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Extras {
    /// When the user signed in at this browser, in seconds.
    pub(crate) auth_time: Option<i64>,
    /// The user's OpenID 2.0 identifier, for clients that still know users by it.
    pub(crate) openid_id: Option<String>,
}

/// The way an ID token reaches its client; each has a claim set of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Channel {
    /// `google.accounts.id`: says who it is in every case, and holds five minutes before its time.
    Button,
    /// An answer of the token endpoint.
    Token,
    /// The same of a provider that tells addresses and names at userinfo only.
    Terse,
    /// The redirect of an implicit or hybrid request: no profile, a `jti`.
    Front,
    /// The same from the endpoint before: a bare issuer.
    OldFront,
}

impl Statement<'_> {
    /// Signs the statement, spoiled as `twist` says.
    pub(crate) fn sign(&self, signer: &Signer, twist: Option<&Twist>) -> String {
        sign(signer, self.claims(), self.now, twist)
    }

    fn claims(&self) -> Object {
        match self.channel {
            Channel::Button => self.profile(self.early(self.identity())).with("iat", self.now),
            Channel::Token => self.profile(self.hashes(self.identity())).with("iat", self.now),
            Channel::Terse | Channel::Front | Channel::OldFront => {
                self.hashes(self.identity()).with("iat", self.now)
            }
        }
        .with("exp", self.now + 3600)
        .with_some("jti", self.has_id().then(chance::key_id))
    }

    fn has_id(&self) -> bool {
        !matches!(self.channel, Channel::Token | Channel::Terse)
    }

    /// The nonce, and an `nbf` in the past, which forgives clocks that are behind.
    fn early(&self, claims: Object) -> Object {
        claims.with_some("nonce", self.nonce).with("nbf", self.now - 300)
    }

    fn identity(&self) -> Object {
        let user = self.user;
        let claims = Object::default()
            .with("iss", self.issuer())
            .with("azp", self.client_id)
            .with("aud", self.client_id)
            .with("sub", user.sub.as_str())
            .with_some("hd", user.hd.as_deref());
        if !self.scopes.contains(scopes::EMAIL) || self.channel == Channel::Terse {
            return claims;
        }
        claims.with("email", user.email.as_str()).with("email_verified", user.email_verified)
    }

    /// Google has two spellings: its older front channel leaves out the scheme. OpenID Connect Core
    /// 3.1.3.7 wants the discovered one, and clients hold the newer endpoint to it.
    fn issuer(&self) -> &str {
        let form = match self.channel {
            Channel::Button | Channel::Token | Channel::Terse => self.iss_forms.token,
            Channel::Front => self.iss_forms.front,
            Channel::OldFront => self.iss_forms.old_front,
        };
        match form {
            IssuerForm::Https => self.origin,
            IssuerForm::Bare => self.origin.split_once("://").map_or(self.origin, |(_, bare)| bare),
        }
    }

    fn hashes(&self, claims: Object) -> Object {
        claims
            .with_some("at_hash", self.access_token.map(half_hash))
            .with_some("c_hash", self.code.map(half_hash))
            .with_some("nonce", self.nonce)
            .with_some("auth_time", self.extras.auth_time)
            .with_some("openid_id", self.extras.openid_id.as_deref())
    }

    fn profile(&self, claims: Object) -> Object {
        if self.scopes.contains(scopes::PROFILE) {
            return with_profile(claims, self.user, self.origin);
        }
        claims
    }
}

/// Signs the claims of an ID token made at `now`, in seconds, spoiled as `twist` says.
pub(crate) fn sign(signer: &Signer, claims: Object, now: i64, twist: Option<&Twist>) -> String {
    let (mut header, mut claims) = (jws::header(signer, "JWT"), claims);
    if let Some(twist) = twist {
        spoil(&mut header, &mut claims, now, twist);
    }
    let seal = match twist {
        Some(Twist::AlgNone) => Seal::Missing,
        Some(Twist::BadSignature) => Seal::Broken,
        _ => Seal::Good,
    };
    jws::sign(signer, &header, &claims, seal)
}

fn spoil(header: &mut Object, claims: &mut Object, now: i64, twist: &Twist) {
    match twist {
        Twist::AlgNone => header.set("alg", Value::from("none")),
        Twist::Expired => {
            claims.set("iat", Value::from(now - 7200));
            claims.set("exp", Value::from(now - 3600));
        }
        Twist::IdTokenClaims { claims: fields, header: members } => {
            claims.merge(fields);
            header.merge(members);
        }
        Twist::OtherSubject => claims.set("sub", Value::from(OTHER_SUBJECT)),
        Twist::UnknownKid => header.set("kid", Value::from(chance::key_id())),
        Twist::WrongAud => {
            claims.set("aud", Value::from("314159265358-other.apps.googleusercontent.com"));
        }
        Twist::WrongIss => claims.set("iss", Value::from(WRONG_ISSUER)),
        Twist::WrongNonce => claims.set("nonce", Value::from("a-nonce-nobody-sent")),
        _ => {}
    }
}

/// The profile claims, in the order in which the code flow and userinfo both give them.
pub(crate) fn with_profile(object: Object, user: &User, origin: &str) -> Object {
    let family_name = Some(user.family_name.as_str()).filter(|name| !name.is_empty());
    object
        .with("name", user.name.as_str())
        .with("picture", picture(user, origin))
        .with("given_name", user.given_name.as_str())
        .with_some("family_name", family_name)
}

/// The avatar's URL; without one of the user's own, a drawing that this emulator serves.
fn picture(user: &User, origin: &str) -> String {
    user.picture.clone().unwrap_or_else(|| format!("{origin}/a/{}=s96-c", user.sub))
}

/// `at_hash` and `c_hash`: the left half of a SHA-256.
fn half_hash(token: &str) -> String {
    BASE64URL_NOPAD.encode(&digest::digest(&digest::SHA256, token.as_bytes()).as_ref()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hashes_match_known_vectors() {
        assert_eq!(half_hash("ya29.a0TEST_ACCESS_TOKEN"), "TQF6n3c1prBP7HrrbNba4g");
        assert_eq!(half_hash("4/0ATEST_CODE"), "mPxIkLWqdWsZDamrFpBMOQ");
    }
    #[test]
    fn a_credential_has_the_buttons_claims_in_their_order() {
        let user = &crate::seed::Seed::default().users[2];
        let statement = Statement {
            origin: "http://127.0.0.1:1",
            client_id: "c",
            user,
            scopes: &scopes::parse("openid email profile"),
            access_token: None,
            code: None,
            nonce: Some("n"),
            extras: &Extras::default(),
            now: 1_000_000,
            channel: Channel::Button,
            iss_forms: IssuerForms::default(),
        };
        let claims = statement.claims();
        let names: Vec<_> = claims.members().map(|(name, _)| name).collect();
        let expected = "iss azp aud sub hd email email_verified nonce nbf name picture given_name \
            family_name iat exp jti";
        assert_eq!(names.join(" "), expected);
        let nbf = claims.members().find(|(name, _)| *name == "nbf").map(|(_, value)| value.clone());
        assert_eq!(nbf, Some(Value::from(999_700)));
    }
}
