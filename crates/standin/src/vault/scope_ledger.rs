//! The ledger of scopes: what of a grant was asked for, given, kept back and lost again, and when.
//!
//! ```text
//!   asked ──▶ given ──a new consent, or two refreshes, without it──▶ removed ──given again──▶ given
//!      └────▶ refused (asked for and left unticked)
//! ```
//!
//! A grant's own `scopes` say what its newest token opens, since that is what a job can use. The ledger says
//! what the user gave, and does not forget it because of one answer. A provider that gives less at a refresh
//! may have taken something away (an administrator's new rule), or may have left it out: Google's refreshes
//! never narrow unless they are asked to. So the first such answer is an event and a doubt: the token opens
//! less, and the ledger still says `given`. Only if the next one says so, too, the scope is `removed`.
//! An answer to a consent needs no second: there the user was asked.
//!
//! Records are made here and written with the grant, in one transaction (requirements CB-12, RF-12).

use serde::{Deserialize, Serialize};

use crate::provider::{Scopes, is_same_scope};
use crate::time::Timestamp;

/// What changed a record last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeSource {
    /// The second leg of a sign-in.
    Consent,
    /// It stood in the grant before there was a ledger.
    Earlier,
    /// A signed-in user was asked for more.
    Incremental,
    /// A refresh.
    Refresh,
    /// The grant was taken back.
    Revocation,
    /// A sign-in.
    SignIn,
}

/// How a scope stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeStanding {
    /// The user gave it.
    Granted,
    /// The user had given it.
    Removed,
    /// The user was asked and kept it back.
    Refused,
    /// It was asked for, and no answer has said anything about it.
    Requested,
}

/// One scope of one grant. Each time is that of the last such happening.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScopeRecord {
    /// As it was first written, by us or by the provider.
    pub scope: String,
    /// When it was last asked for; never, if the provider added it of its own accord.
    pub requested_at: Option<Timestamp>,
    /// Since when it is given, or was, if it is removed.
    pub granted_at: Option<Timestamp>,
    /// When the user kept it back; forgotten when it is given.
    pub refused_at: Option<Timestamp>,
    /// When it was lost; forgotten when it is given again.
    pub removed_at: Option<Timestamp>,
    /// What changed it last.
    pub source: ScopeSource,
}

impl ScopeRecord {
    fn new(scope: &str, source: ScopeSource) -> Self {
        Self {
            scope: scope.to_owned(),
            requested_at: None,
            granted_at: None,
            refused_at: None,
            removed_at: None,
            source,
        }
    }

    /// How it stands.
    #[must_use]
    pub const fn standing(&self) -> ScopeStanding {
        match (self.granted_at, self.removed_at, self.refused_at) {
            (Some(_), None, _) => ScopeStanding::Granted,
            (_, Some(_), _) => ScopeStanding::Removed,
            (None, None, Some(_)) => ScopeStanding::Refused,
            (None, None, None) => ScopeStanding::Requested,
        }
    }

    fn is_granted(&self) -> bool {
        self.standing() == ScopeStanding::Granted
    }

    fn give(&mut self, source: ScopeSource, at: Timestamp) {
        if !self.is_granted() {
            *self = Self {
                granted_at: Some(at),
                refused_at: None,
                removed_at: None,
                source,
                scope: std::mem::take(&mut self.scope),
                requested_at: self.requested_at,
            };
        }
    }

    fn refuse(&mut self, source: ScopeSource, at: Timestamp) {
        self.refused_at = Some(at);
        self.source = source;
    }

    fn remove(&mut self, source: ScopeSource, at: Timestamp) {
        if self.is_granted() {
            self.removed_at = Some(at);
            self.source = source;
        }
    }
}

/// What a refresh said about scopes that the ledger holds for given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowing {
    /// Missing for the first time.
    pub doubted: Scopes,
    /// Missing again: they count as removed.
    pub removed: Scopes,
}

/// The records of one grant, as they were read and as they are to be.
#[derive(Clone, Debug)]
pub struct ScopeLedger {
    before: Vec<ScopeRecord>,
    now: Vec<ScopeRecord>,
}

impl ScopeLedger {
    /// Of the records that the store holds; none, if the grant is new.
    #[must_use]
    pub fn new(records: Vec<ScopeRecord>) -> Self {
        Self { before: records.clone(), now: records }
    }

    /// What the user gave and nobody took away.
    #[must_use]
    pub fn granted(&self) -> Scopes {
        let granted = self.now.iter().filter(|record| record.is_granted());
        Scopes::of_known(granted.map(|record| record.scope.as_str()))
    }

    /// The records that are not as they were read.
    #[must_use]
    pub fn into_changes(self) -> Vec<ScopeRecord> {
        let Self { before, now } = self;
        now.into_iter().filter(|record| !before.contains(record)).collect()
    }

    /// The user was asked for `asked`, and from now on the grant opens `opens`.
    pub fn authorize(
        &mut self,
        asked: &Scopes,
        opens: &Scopes,
        source: ScopeSource,
        at: Timestamp,
    ) {
        for scope in self.granted().iter().filter(|scope| !opens.contains(scope)) {
            self.record(scope, source).remove(source, at);
        }
        self.ask(asked, opens, source, at);
        for scope in opens.iter() {
            self.record(scope, source).give(source, at);
        }
    }

    /// The user was asked for `asked`, and the grant stays as it was, since what the answer brought, which
    /// opens `opens` together with the grant, is no better.
    pub fn ask(&mut self, asked: &Scopes, opens: &Scopes, source: ScopeSource, at: Timestamp) {
        for scope in asked.iter() {
            let record = self.record(scope, source);
            record.requested_at = Some(at);
            if !opens.contains(scope) {
                record.remove(source, at);
                record.refuse(source, at);
            }
        }
    }

    /// A refresh whose token opens `opens`; the one before it opened `had`.
    pub fn refresh(&mut self, had: &Scopes, opens: &Scopes, at: Timestamp) -> Narrowing {
        let lost = opens.missing(&self.granted());
        let narrowing = Narrowing {
            doubted: lost.only(|scope| had.contains(scope)),
            removed: lost.only(|scope| !had.contains(scope)),
        };
        for scope in narrowing.removed.iter() {
            self.record(scope, ScopeSource::Refresh).remove(ScopeSource::Refresh, at);
        }
        for scope in opens.iter() {
            self.record(scope, ScopeSource::Refresh).give(ScopeSource::Refresh, at);
        }
        narrowing
    }

    /// The grant was taken back: nothing of it is left.
    pub fn revoke(&mut self, at: Timestamp) {
        for record in &mut self.now {
            record.remove(ScopeSource::Revocation, at);
        }
    }

    /// The record of a scope in whatever spelling; a new one, if there is none.
    fn record(&mut self, scope: &str, source: ScopeSource) -> &mut ScopeRecord {
        let known = self.now.iter().position(|record| is_same_scope(&record.scope, scope));
        let index = known.unwrap_or_else(|| {
            self.now.push(ScopeRecord::new(scope, source));
            self.now.len() - 1
        });
        &mut self.now[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_ms(second * 1000)
    }

    fn scopes(list: &str) -> Scopes {
        Scopes::parse(list).unwrap()
    }

    fn standings(ledger: &ScopeLedger) -> Vec<(&str, ScopeStanding)> {
        let records = ledger.now.iter();
        records.map(|record| (record.scope.as_str(), record.standing())).collect()
    }

    fn after_sign_in(asked: &str, opens: &str) -> ScopeLedger {
        let mut ledger = ScopeLedger::new(Vec::new());
        ledger.authorize(&scopes(asked), &scopes(opens), ScopeSource::SignIn, at(1));
        ScopeLedger::new(ledger.into_changes())
    }

    #[test]
    fn cb_12_what_was_unticked_is_refused_and_what_came_uncalled_is_granted() {
        use ScopeStanding::{Granted, Refused};
        let ledger = after_sign_in("a b", "b c");
        assert_eq!(standings(&ledger), [("a", Refused), ("b", Granted), ("c", Granted)]);
        assert_eq!(ledger.now[2].requested_at, None);
        assert_eq!(
            (ledger.now[0].requested_at, ledger.now[0].refused_at),
            (Some(at(1)), Some(at(1)))
        );
    }

    #[test]
    fn a_scope_has_one_record_whatever_its_spelling() {
        let ledger =
            after_sign_in("openid email", "openid https://www.googleapis.com/auth/userinfo.email");
        assert_eq!(ledger.now.len(), 2);
        assert!(ledger.granted().covers(&scopes("openid email")));
    }

    #[test]
    fn a_later_consent_without_a_scope_removes_it_at_once() {
        use ScopeStanding::{Granted, Removed};
        let mut ledger = after_sign_in("a b", "a b");
        ledger.authorize(&scopes("a"), &scopes("a"), ScopeSource::Incremental, at(2));
        assert_eq!(standings(&ledger), [("a", Granted), ("b", Removed)]);
        let changes = ledger.into_changes();
        assert_eq!(changes[0].granted_at, Some(at(1)), "given once, and still");
        assert_eq!((changes[1].granted_at, changes[1].removed_at), (Some(at(1)), Some(at(2))));
    }

    #[test]
    fn rf_12_one_narrower_refresh_is_a_doubt_and_two_are_a_loss() {
        use ScopeStanding::{Granted, Removed};
        let mut ledger = after_sign_in("a b", "a b");
        let first = ledger.refresh(&scopes("a b"), &scopes("a"), at(2));
        assert_eq!((first.doubted, first.removed), (scopes("b"), Scopes::default()));
        assert_eq!(standings(&ledger), [("a", Granted), ("b", Granted)]);
        assert!(ledger.clone().into_changes().is_empty());

        let again = ledger.refresh(&scopes("a"), &scopes("a"), at(3));
        assert_eq!((again.doubted, again.removed), (Scopes::default(), scopes("b")));
        assert_eq!(standings(&ledger), [("a", Granted), ("b", Removed)]);

        let back = ledger.refresh(&scopes("a"), &scopes("a b"), at(4));
        assert_eq!(back, Narrowing::default());
        assert_eq!(standings(&ledger), [("a", Granted), ("b", Granted)]);
        assert_eq!(ledger.now[1].granted_at, Some(at(4)));
    }

    #[test]
    fn a_doubt_that_does_not_come_true_leaves_no_trace() {
        let mut ledger = after_sign_in("a b", "a b");
        ledger.refresh(&scopes("a b"), &scopes("a"), at(2));
        ledger.refresh(&scopes("a"), &scopes("a b"), at(3));
        assert!(ledger.into_changes().is_empty());
    }

    #[test]
    fn what_is_taken_back_is_removed_and_what_was_refused_stays_refused() {
        use ScopeStanding::{Refused, Removed};
        let mut ledger = after_sign_in("a b", "b");
        ledger.revoke(at(5));
        assert_eq!(standings(&ledger), [("a", Refused), ("b", Removed)]);
    }
}
