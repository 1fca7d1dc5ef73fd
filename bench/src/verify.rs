//! Verifying a Google-shaped ID token, beside the RSA operation alone.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
};
use data_encoding::BASE64URL_NOPAD;
use standin::receipt::Receipt;
use standin::secret::{AccessToken, IdToken, Nonce};
use standin::time::Timestamp;
use standin::verify::{
    Expected, ExpectedNonce, KeySet, LEEWAY, UnverifiedIdToken, verify_id_token,
};

use crate::report::{Row, fastest, share};

/// Short rounds, and the fastest of each kind: whatever else the machine does only ever makes one slower.
const ROUNDS: usize = 60;
const PER_ROUND: u32 = 400;
const NOW: i64 = 1_800_000_000;

/// One core, in turns: ours, raw, ours, raw.
pub(crate) fn against_raw() -> Result<Row> {
    let sample = Sample::new()?;
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(per_second(|| sample.verify())?);
        raw.push(per_second(|| sample.verify_raw())?);
    }
    let (ours, raw) = (fastest(&ours), fastest(&raw));
    Ok(share("verify a Google-shaped ID token (one core)", ours, raw, "raw RS256", 0.85, "≥ 85 %"))
}

/// Milliseconds that one verification takes, on one core.
pub(crate) fn ms_each() -> Result<f64> {
    let sample = Sample::new()?;
    let rounds = (0..ROUNDS).map(|_| per_second(|| sample.verify()));
    Ok(1000.0 / fastest(&rounds.collect::<Result<Vec<_>>>()?))
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn per_second(work: impl Fn() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    for _ in 0..PER_ROUND {
        work()?;
    }
    Ok(f64::from(PER_ROUND) / start.elapsed().max(Duration::from_nanos(1)).as_secs_f64())
}

struct Sample {
    token: IdToken,
    keys: KeySet,
    raw_key: ParsedPublicKey,
    signed: Vec<u8>,
    signature: Vec<u8>,
    access_token: AccessToken,
    nonce: Nonce,
}

impl Sample {
    #[expect(clippy::disallowed_methods, reason = "a throw-away key for a benchmark")]
    fn new() -> Result<Self> {
        let pair = KeyPair::generate(KeySize::Rsa2048)?;
        let claims = claims().to_string();
        let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        let header =
            r#"{"alg":"RS256","kid":"1f2e3d4c5b6a79880716253443526170aabbccdd","typ":"JWT"}"#;
        let signed = format!("{}.{}", encode(header), encode(&claims));
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)?;
        let jwks = jwks(&pair);
        let raw_key =
            ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref())?;
        Ok(Self {
            token: IdToken::new(format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))),
            keys: KeySet::parse(jwks.as_bytes()).ok().context("the key set")?,
            raw_key,
            signed: signed.into_bytes(),
            signature,
            access_token: AccessToken::new("ya29.a0TEST_ACCESS_TOKEN"),
            nonce: Nonce::new("S2l0dGVucy1hcmUtbm90LWEtbm9uY2UtYnV0LWNsb3Nl"),
        })
    }

    fn verify(&self) -> Result<()> {
        let provider = "google".parse()?;
        let expected = Expected {
            provider: &provider,
            issuer: "https://accounts.google.com",
            issuer_aliases: &[],
            client_id: "407408718192-abcdefghijklmnopqrstuvwxyz012345.apps.googleusercontent.com",
            nonce: ExpectedNonce::Required(&self.nonce),
            access_token: Some(&self.access_token),
            code: None,
            now: Timestamp::from_unix_seconds(NOW),
            leeway: LEEWAY,
            hosted_domains: &[],
            tenants: None,
            authenticated_since: None,
            acr_values: &[],
        };
        let token = UnverifiedIdToken::parse(&self.token)?;
        verify_id_token(&token, &self.keys, &expected, &mut Receipt::unkept())?;
        Ok(())
    }

    fn verify_raw(&self) -> Result<()> {
        Ok(self.raw_key.verify_sig(&self.signed, &self.signature)?)
    }
}

/// What Google puts into the ID token of the code flow, in its order.
fn claims() -> serde_json::Value {
    let client = "407408718192-abcdefghijklmnopqrstuvwxyz012345.apps.googleusercontent.com";
    serde_json::json!({
        "iss": "https://accounts.google.com", "azp": client, "aud": client,
        "sub": "109876543210987654321", "email": "ada@example.com", "email_verified": true,
        "at_hash": "TQF6n3c1prBP7HrrbNba4g", "nonce": "S2l0dGVucy1hcmUtbm90LWEtbm9uY2UtYnV0LWNsb3Nl",
        "name": "Ada Lovelace", "picture": "https://lh3.googleusercontent.com/a/ACg8ocJtest=s96-c",
        "given_name": "Ada", "family_name": "Lovelace", "iat": NOW, "exp": NOW + 3600
    })
}

fn jwks(pair: &KeyPair) -> String {
    let modulus = pair.public_key().modulus().big_endian_without_leading_zero().to_vec();
    let exponent = pair.public_key().exponent().big_endian_without_leading_zero().to_vec();
    serde_json::json!({ "keys": [{
        "kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1f2e3d4c5b6a79880716253443526170aabbccdd",
        "n": BASE64URL_NOPAD.encode(&modulus), "e": BASE64URL_NOPAD.encode(&exponent)
    }]})
    .to_string()
}
