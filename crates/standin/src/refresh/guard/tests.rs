//! Many grants of one client, against a provider that is well, ill, or absurd.

use super::*;
use crate::refresh::ahead::Life;

const PATIENCE: Duration = Duration::from_secs(10);

fn at(ms: u64) -> Timestamp {
    Timestamp::from_unix_seconds(1000).after(Duration::from_millis(ms))
}

fn grant(number: u32) -> GrantId {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    GrantId::from_bytes(bytes)
}

fn guard(limit: u32) -> Arc<Guard> {
    let client = Client { provider: "google".parse().unwrap(), id: "client".to_owned() };
    Guards::default().of(client, RefreshRate::per_second(limit).unwrap(), at(0))
}

/// One question, if it may be asked.
fn ask(guard: &Arc<Guard>, number: u32, now: Timestamp, outcome: Outcome) -> Option<Heard> {
    let pass = guard.enter(grant(number), now).ok()?;
    Some(pass.heard(outcome, now, Share(0)))
}

const REFUSED: Outcome = Outcome::GrantRefused { is_expected: false };
const EXPECTED: Outcome = Outcome::GrantRefused { is_expected: true };

#[test]
fn each_client_has_one_guard_of_its_own() {
    let guards = Guards::default();
    let of = |id: &str| {
        let client = Client { provider: "google".parse().unwrap(), id: id.to_owned() };
        guards.of(client, RefreshRate::default(), at(0))
    };
    assert!(Arc::ptr_eq(&of("a"), &of("a")));
    assert!(!Arc::ptr_eq(&of("a"), &of("b")));
    for _ in 0..5 {
        ask(&of("a"), 1, at(0), Outcome::Failed { retry_after: None });
    }
    assert!(of("a").shut(at(0)).is_some() && of("b").shut(at(0)).is_none());
    assert_eq!(guards.open(), [("google".parse().unwrap(), Why::Trouble)].into());
}

#[test]
fn rf_7_d9_thousand_grants_of_a_refused_registration_are_one_alarm_and_a_handful_of_questions() {
    let guard = guard(100);
    let (mut asked, mut alarms) = (0, Vec::new());
    for second in 0..600 {
        for number in 0..1000 {
            let heard = ask(&guard, number, at(second * 1000), Outcome::ClientRefused);
            asked += usize::from(heard.is_some());
            alarms.extend(heard.and_then(|heard| heard.alarm));
        }
    }
    assert_eq!(alarms, [Alarm::RegistrationRefused]);
    assert!((10..=15).contains(&asked), "{asked}");
    assert_eq!(guard.shut(at(599_000)).unwrap().why, Why::Registration);
}

#[test]
fn a_refused_registration_that_comes_and_goes_is_an_alarm_an_hour() {
    let guard = guard(100);
    let mut alarms = 0;
    for minute in 0..120 {
        let now = at(minute * 60_000);
        let heard = ask(&guard, 1, now, Outcome::ClientRefused).unwrap();
        alarms += usize::from(heard.alarm.is_some());
        let after = now.after(Duration::from_secs(30));
        assert!(ask(&guard, 1, after, Outcome::Granted).unwrap().has_closed);
    }
    assert_eq!(alarms, 2);
}

#[test]
fn too_many_dead_grants_at_once_are_not_believed_and_nobody_asks() {
    let guard = guard(1000);
    let believed = (0..1000).filter(|number| {
        let heard = ask(&guard, *number, at(0), REFUSED);
        heard.is_some_and(|heard| heard.is_believed)
    });
    assert_eq!(believed.count(), 19);
    let shut = guard.shut(at(0)).unwrap();
    assert_eq!((shut.why, shut.wait), (Why::Doubt, WHILE_IN_DOUBT));
    // The probe says the same, and is no more believed.
    let probe = ask(&guard, 1, at(60_000), REFUSED).unwrap();
    assert_eq!((probe.is_believed, probe.alarm), (false, None));
    assert!(ask(&guard, 1, at(60_000), Outcome::Granted).is_none());
    // One grant that lives ends it.
    assert!(ask(&guard, 2, at(120_000), Outcome::Granted).unwrap().has_closed);
    assert!(ask(&guard, 3, at(120_000), REFUSED).unwrap().is_believed);
}

#[test]
fn a_refusal_that_was_expected_opens_nothing_and_is_no_way_out_of_a_doubt() {
    let guard = guard(1000);
    let heard = (0..100).map(|number| ask(&guard, number, at(0), EXPECTED).unwrap());
    assert!(heard.into_iter().all(|heard| heard.is_believed && heard.alarm.is_none()));
    (0..20).for_each(|number| assert!(ask(&guard, number, at(0), REFUSED).is_some()));
    let probe = ask(&guard, 1, at(60_000), EXPECTED).unwrap();
    assert_eq!((probe.is_believed, probe.has_closed), (false, false));
    assert!(guard.shut(at(60_000)).is_some());
}

#[test]
fn questions_that_were_under_way_when_the_doubt_began_are_not_believed() {
    let guard = guard(1000);
    let passes: Vec<_> =
        (0..100).map(|number| guard.enter(grant(number), at(0)).unwrap()).collect();
    let heard = |pass: Pass| pass.heard(REFUSED, at(0), Share(0));
    let heard: Vec<_> = passes.into_iter().map(heard).collect();
    assert_eq!(heard.iter().filter(|heard| heard.is_believed).count(), 19);
    assert_eq!(heard.iter().filter(|heard| heard.alarm.is_some()).count(), 1);
}

#[test]
fn a_turn_that_is_not_used_and_a_question_that_is_never_heard_of_block_nobody() {
    let guard = guard(1);
    let (turn, wait) = guard.turn(grant(1), at(0), PATIENCE).unwrap();
    assert_eq!(wait, Duration::ZERO);
    assert!(guard.turn(grant(2), at(0), Duration::ZERO).is_err());
    drop(turn);
    let (turn, _) = guard.turn(grant(2), at(0), Duration::ZERO).unwrap();
    drop(guard.enter(grant(2), at(0)).unwrap());
    drop(turn);
    assert!(guard.turn(grant(3), at(0), Duration::ZERO).is_err());
    for _ in 0..5 {
        ask(&guard, 1, at(0), Outcome::Failed { retry_after: None });
    }
    // The probe panics.
    drop(guard.enter(grant(1), at(5000)).unwrap());
    assert!(guard.enter(grant(2), at(5000)).is_ok());
}

#[test]
fn while_nobody_may_ask_nobody_queues() {
    let guard = guard(1);
    for _ in 0..5 {
        ask(&guard, 1, at(0), Outcome::Failed { retry_after: None });
    }
    for number in 0..100 {
        assert_eq!(guard.turn(grant(number), at(1000), PATIENCE).unwrap().1, Duration::ZERO);
        assert!(guard.spare_turn(grant(number), at(1000)).is_none());
        assert!(guard.enter(grant(number), at(1000)).is_err());
    }
}

/// A hundred thousand grants whose tokens die at the same second, each used twice a minute: what is asked for in each
/// second, and how many callers had to wait or went without.
struct Herd {
    guard: Arc<Guard>,
    dies_at: Vec<Timestamp>,
    asked: Vec<usize>,
    waited: usize,
    unserved: usize,
}

impl Herd {
    const GRANTS: u32 = 100_000;
    const LIFE: Duration = Duration::from_hours(1);
    const USED_EVERY: u32 = 30;

    fn new(limit: u32) -> Self {
        let dies_at = vec![at(0).after(Self::LIFE); Self::GRANTS as usize];
        Self { guard: guard(limit), dies_at, asked: Vec::new(), waited: 0, unserved: 0 }
    }

    fn second(&mut self, second: u32) {
        self.asked.push(0);
        for number in (second % Self::USED_EVERY..Self::GRANTS).step_by(Self::USED_EVERY as usize) {
            // Those of one second come one after the other.
            self.vend(number, at(u64::from(second * 1000 + number / 100)));
        }
    }

    fn vend(&mut self, number: u32, now: Timestamp) {
        let dies_at = self.dies_at[number as usize];
        if dies_at > now {
            let life = Life { from: dies_at.before(Self::LIFE), until: dies_at };
            if life.is_nearly_over(grant(number), Duration::ZERO, now)
                && let Some(turn) = self.guard.spare_turn(grant(number), now)
            {
                self.ask(number, now);
                drop(turn);
            }
            return;
        }
        match self.guard.turn(grant(number), now, PATIENCE) {
            Ok((turn, wait)) => {
                self.waited += usize::from(!wait.is_zero());
                self.ask(number, now);
                drop(turn);
            }
            Err(_) => self.unserved += 1,
        }
    }

    fn ask(&mut self, number: u32, now: Timestamp) {
        ask(&self.guard, number, now, Outcome::Granted).unwrap();
        self.dies_at[number as usize] = now.after(Self::LIFE);
        *self.asked.last_mut().unwrap() += 1;
    }
}

#[test]
fn rf_8_hundred_thousand_grants_that_expire_together_are_all_served_within_the_limit() {
    let mut herd = Herd::new(500);
    // From before the first window begins until the last token would be dead.
    for second in 3200..3630 {
        herd.second(second);
    }
    assert!(herd.asked.iter().all(|asked| *asked <= 500), "{:?}", herd.asked.iter().max());
    assert_eq!((herd.unserved, herd.waited), (0, 0));
    assert_eq!(herd.asked.iter().sum::<usize>(), 100_000);
}

#[test]
fn rf_8_where_there_was_no_time_ahead_they_wait_or_are_told_when_to_come() {
    let mut herd = Herd::new(100);
    for second in 3600..3660 {
        herd.second(second);
    }
    // Ten seconds of a queue, and then a hundred a second.
    let asked: usize = herd.asked.iter().sum();
    assert!((5000..=7000).contains(&asked), "{asked}");
    assert!(herd.waited > 0 && herd.unserved > 0);
}
