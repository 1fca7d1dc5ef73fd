use super::*;
use crate::provider::Scopes;
use crate::time::MockClock;

const START: i64 = 1_766_000_000;

fn begin() -> (Arc<MockClock>, Receipt) {
    let clock = Arc::new(MockClock::new(Timestamp::from_unix_seconds(START)));
    let shared: Arc<dyn Clock> = clock.clone();
    (clock, Receipt::begin(&shared))
}

fn seconds(seconds: u64) -> std::time::Duration {
    std::time::Duration::from_secs(seconds)
}

#[test]
fn checks_stand_under_their_step_and_the_verdict_is_what_they_say() {
    let (clock, mut receipt) = begin();
    receipt.step("answer", &[("state", Fact::Bytes(43))]);
    clock.advance(seconds(2));
    let verdict = receipt.check(rules::COOKIE, "one", "one", true);
    assert_eq!(verdict.or("refused"), Ok(()));
    receipt.step("keys", &[]);
    assert_eq!(
        receipt.check(rules::ISSUER, "ours", "another", false).or("refused"),
        Err("refused")
    );

    let [answer, keys] = receipt.steps() else { panic!("{receipt:?}") };
    assert_eq!((answer.at_ms, keys.at_ms), (0, 2000));
    assert_eq!(answer.facts, [("state".into(), "43 bytes".into())]);
    assert_eq!(
        (&*answer.checks[0].check, answer.checks[0].passed),
        ("cookie of the attempt", true)
    );
    assert_eq!((&*keys.checks[0].requirement, keys.checks[0].passed), ("ID-5", false));
    assert!(receipt.has_failed());
}

#[test]
fn what_an_attempt_began_with_comes_first_and_times_count_from_there() {
    let (clock, mut receipt) = begin();
    receipt.step("answer", &[]);
    clock.advance(seconds(1));
    receipt.step("exchange", &[]);
    receipt.began(Timestamp::from_unix_seconds(START - 5), &[]);
    receipt.step("keys", &[]);
    let steps: Vec<_> = receipt.steps().iter().map(|step| (&*step.step, step.at_ms)).collect();
    assert_eq!(steps, [("begun", 0), ("answer", 5000), ("exchange", 6000), ("keys", 6000)]);
}

#[test]
fn whatever_ends_it_stands_last() {
    let (_, mut receipt) = begin();
    receipt.stopped("provider_unavailable");
    assert_eq!(receipt.steps()[0].facts, [("because".into(), "provider_unavailable".into())]);

    let (_, mut receipt) = begin();
    receipt.failed(rules::SINGLE_USE, "the first", "used before");
    receipt.stopped("attempt_used");
    assert_eq!(receipt.steps().len(), 1, "the check says it: {receipt:?}");
}

#[test]
fn a_receipt_stays_small_whatever_is_sent_and_still_tells_what_failed() {
    let (_, mut receipt) = begin();
    let many: Vec<String> = (0..500).map(|n| format!("https://api.example/scope/{n}")).collect();
    let many = Scopes::try_from(many).unwrap();
    for _ in 0..1000 {
        receipt.step("tokens", &[("scopes", Fact::Scopes(&many))]);
        receipt.passed(rules::ISSUER, Fact::Scopes(&many), Fact::Scopes(&many));
    }
    receipt.failed(rules::AUDIENCE, "ours", "another");
    let steps = serde_json::to_string(receipt.steps()).unwrap();
    let last = receipt.steps().iter().flat_map(|step| &step.checks).next_back().unwrap();
    assert_eq!((&*last.check, &*last.came), ("aud", "another"));
    assert!(steps.len() < 16 * 1024, "{}", steps.len());
}

#[test]
fn an_unkept_receipt_decides_and_keeps_nothing() {
    let mut receipt = Receipt::unkept();
    receipt.step("keys", &[]);
    assert_eq!(receipt.check(rules::ISSUER, "ours", "another", false).or(1), Err(1));
    assert_eq!(receipt.steps(), []);
}

#[test]
fn steps_are_read_back_as_they_were_written() {
    let (_, mut receipt) = begin();
    receipt.step("answer", &[("iss", Fact::yes(true))]);
    receipt.passed(rules::ISSUER, Fact::Issuer("https://idp.example"), "the same");
    let written = serde_json::to_string(receipt.steps()).unwrap();
    let read: Vec<Step> = serde_json::from_str(&written).unwrap();
    assert_eq!(read, receipt.steps());
}
