//! Whether this machine's clock is that of the providers: tokens are judged by it.

use std::time::Duration;

use http::{HeaderMap, Method, header};
use standin::http::{HttpClient as _, Request, ReqwestClient};
use standin::time::{Clock as _, SystemClock, Timestamp};
use time::PrimitiveDateTime;
use time::macros::format_description;
use url::Url;

use super::{Finding, spoken};
use crate::config::Config;

const CHECK: &str = "clock";
/// Half of what the verification of ID tokens forgives.
const MOST: Duration = Duration::from_secs(30);
const LARGEST_ANSWER: usize = 1 << 20;

/// By whoever answers first with a `Date`.
pub(super) async fn look(config: &Config) -> Vec<Finding> {
    let Ok(http) = ReqwestClient::new(config.address_policy()) else { return Vec::new() };
    for provider in &config.providers {
        if let Some((ours, theirs)) = ask(&http, &provider.issuer).await {
            return vec![judge(provider.id.as_str(), ours, theirs)];
        }
    }
    let action = "see whether the providers can be reached";
    vec![Finding::warning(CHECK, "no provider has told its time", action)]
}

async fn ask(http: &ReqwestClient, issuer: &str) -> Option<(Timestamp, Timestamp)> {
    let request = Request {
        method: Method::GET,
        url: Url::parse(issuer).ok()?,
        headers: HeaderMap::new(),
        body: bytes::Bytes::new(),
        max_response_bytes: LARGEST_ANSWER,
    };
    let begun_at = SystemClock.now();
    // Whatever the status: an error has a date, too.
    let answer = http.send(request).await.ok()?;
    let took = SystemClock.now().remaining(begun_at);
    let date = answer.headers.get(header::DATE)?.to_str().ok()?;
    Some((begun_at.after(took / 2), date_of(date)?))
}

/// RFC 9110 §5.6.7, in the one form that servers write.
fn date_of(text: &str) -> Option<Timestamp> {
    let form = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let date = PrimitiveDateTime::parse(text, &form).ok()?;
    Some(Timestamp::from_unix_seconds(date.assume_utc().unix_timestamp()))
}

fn judge(provider: &str, ours: Timestamp, theirs: Timestamp) -> Finding {
    let (ahead, behind) = (ours.remaining(theirs), theirs.remaining(ours));
    let skew = ahead.max(behind);
    let side = if ahead > behind { "ahead of" } else { "behind" };
    if skew <= MOST {
        return Finding::ok(CHECK, format!("within {} s of {provider}'s", skew.as_secs() + 1));
    }
    let detail = format!("{} {side} {provider}'s", spoken(skew.as_secs()));
    let action = "let this machine's clock be set (NTP): tokens are judged by it, and good ones will be refused";
    Finding::error(CHECK, detail, action)
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn a_date_is_read_as_servers_write_it() {
        let read = date_of("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(read, Some(Timestamp::from_unix_seconds(784_111_777)));
        assert_eq!(date_of("Sunday, 06-Nov-94 08:49:37 GMT"), None);
        assert_eq!(date_of(""), None);
    }

    #[test]
    fn half_a_minute_is_the_edge_on_both_sides() {
        let at = Timestamp::from_unix_seconds;
        for (ours, theirs) in [(1_030, 1_000), (1_000, 1_030), (1_000, 1_000)] {
            assert_eq!(judge("p", at(ours), at(theirs)).verdict, Verdict::Ok);
        }
        let fast = judge("p", at(1_031), at(1_000));
        assert_eq!(
            (fast.verdict, fast.detail.as_str()),
            (Verdict::Error, "31 seconds ahead of p's")
        );
        let slow = judge("p", at(1_000), at(1_031));
        assert_eq!((slow.verdict, slow.detail.as_str()), (Verdict::Error, "31 seconds behind p's"));
    }
}
