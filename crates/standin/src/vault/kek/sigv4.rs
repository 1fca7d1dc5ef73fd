//! AWS Signature Version 4 (docs.aws.amazon.com, "Create a signed AWS API request"), for the one kind of request that
//! is made here: a POST to `/` without a query.
//!
//! ```text
//! secret ─▶ day ─▶ region ─▶ service ─▶ aws4_request        a chain of HMACs: the signing key
//! canonical request ─SHA-256─▶ string to sign ─HMAC─▶ Authorization
//! ```

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use data_encoding::HEXLOWER;
use time::OffsetDateTime;
use time::macros::format_description;
use zeroize::Zeroizing;

use crate::secret::sha256;
use crate::time::Timestamp;

/// A key of AWS.
#[derive(Clone)]
pub(super) struct Credentials {
    /// Its name: no secret.
    pub(super) key_id: String,
    /// The key.
    pub(super) secret: Zeroizing<String>,
    /// What temporary keys go with.
    pub(super) session_token: Option<Zeroizing<String>>,
}

/// What is called.
pub(super) struct Target<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

/// `20150830T123600Z`
pub(super) fn instant(now: Timestamp) -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let at = OffsetDateTime::from_unix_timestamp(now.unix_seconds());
    // A clock outside of the calendar signs nothing that would be taken.
    at.ok().and_then(|at| at.format(format).ok()).unwrap_or_default()
}

/// The header `Authorization` of a POST of `body` to `/`. `headers` are all that are signed, with their names in
/// lower case, `host` and `x-amz-date` (which is `at`) among them.
pub(super) fn authorization(
    credentials: &Credentials,
    target: &Target<'_>,
    at: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Zeroizing<String> {
    let mut headers = headers.to_vec();
    headers.sort_unstable();
    let line = |(name, value): &(&str, &str)| format!("{name}:{}\n", on_one_line(value));
    let lines = Zeroizing::new(headers.iter().map(line).collect::<String>());
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let payload = HEXLOWER.encode(&sha256(body));
    let request = Zeroizing::new(format!("POST\n/\n\n{}\n{names}\n{payload}", lines.as_str()));

    let day = at.get(..8).unwrap_or_default();
    let scope = format!("{day}/{}/{}/aws4_request", target.region, target.service);
    let hash = HEXLOWER.encode(&sha256(request.as_bytes()));
    let to_sign = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{hash}");
    let first = Zeroizing::new(format!("AWS4{}", credentials.secret.as_str()));
    let mut key = mac(first.as_bytes(), day);
    for part in [target.region, target.service, "aws4_request"] {
        key = mac(key.as_ref(), part);
    }
    let signature = HEXLOWER.encode(mac(key.as_ref(), &to_sign).as_ref());
    Zeroizing::new(format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
        credentials.key_id
    ))
}

fn mac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(HMAC_SHA256, key), text.as_bytes())
}

fn on_one_line(value: &str) -> String {
    value.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "20150830T123600Z";
    const HOST: (&str, &str) = ("host", "example.amazonaws.com");
    const DATE: (&str, &str) = ("x-amz-date", AT);

    fn credentials() -> Credentials {
        Credentials {
            key_id: "AKIDEXAMPLE".to_owned(),
            secret: Zeroizing::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
            session_token: None,
        }
    }

    fn signature(headers: &[(&str, &str)], body: &str) -> String {
        let target = Target { region: "us-east-1", service: "service" };
        let signed = authorization(&credentials(), &target, AT, headers, body.as_bytes());
        let (rest, signature) = signed.rsplit_once(", Signature=").unwrap();
        let begin = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=";
        assert!(rest.starts_with(begin), "{rest}");
        signature.to_owned()
    }

    /// Those cases of AWS's published suite (`aws-sig-v4-test-suite`) that are a POST to `/` without a query.
    #[test]
    fn vc_14_signs_as_the_published_examples_of_aws_do() {
        let form = ("content-type", "application/x-www-form-urlencoded");
        for (name, headers, body, wanted) in [
            (
                "post-vanilla",
                &[HOST, DATE][..],
                "",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "post-x-www-form-urlencoded",
                &[form, HOST, DATE],
                "Param1=value1",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
            (
                "post-header-value-case",
                &[DATE, HOST, ("my-header1", "VALUE1")],
                "",
                "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
            ),
        ] {
            assert_eq!(signature(headers, body), wanted, "{name}");
        }
    }

    #[test]
    fn spaces_of_a_value_count_as_one() {
        let values = [("my-header1", " value1"), ("my-header2", " \"a   b   c\"")];
        let plain = [("my-header1", "value1"), ("my-header2", "\"a b c\"")];
        let with = |own: [(&'static str, &'static str); 2]| [HOST, DATE, own[0], own[1]];
        assert_eq!(signature(&with(values), ""), signature(&with(plain), ""));
    }

    #[test]
    fn an_instant_is_written_as_aws_writes_it() {
        assert_eq!(instant(Timestamp::from_unix_seconds(1_440_938_160)), AT);
    }
}
