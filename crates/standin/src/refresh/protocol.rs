//! The refresh of one grant, as a machine that does nothing itself.
//!
//! ```text
//!           ┌────────────── the row moved, or somebody else is at it ───────────────┐
//!           ▼                                                                       │
//! Read ─▶ Claim ─▶ Read ─▶ Ask ─┬─ answered ─▶ Keep ─▶ Commit ─▶ End                │
//!  │                            ├─ lost ─────▶ Yield ───────────────────────────────┤
//!  │                            ├─ failed ───▶ Release ─▶ End                       │
//!  └─ will do, dead, gone ─▶ End└─ refused ──▶ Read ─▶ Recall ─▶ Commit, or Bury ───┘
//! ```
//!
//! [`Machine::next`] takes what happened and says what to do; `flight.rs` does it, and the model checker in
//! `protocol/model.rs` does it with crashes, pauses and lost answers in every order. It is the same machine, so
//! what the checker finds is true of what runs.
//!
//! The rules, and why each is there:
//! - **One asks at a time.** Where a refresh token is good for one use, whoever asks holds the lease of the grant.
//!   The row is read again under the lease: a claim alone does not say whether the token was spent before it.
//! - **Who has lost the lease writes nothing.** The commit deletes the lease it was asked under, in the same
//!   transaction. A late answer takes the lease anew before it may be written (`Fenced`).
//! - **An answer that was given is never dropped while it may be the newest.** It is in the journal before the
//!   commit, and whoever wants to claim on that node finds it there first, and takes up the lease it was given under.
//!   It is applied forward while the row stands at its generation or before and nobody has asked since; where
//!   somebody has, it is a spare: a refusal looks for it (`Recall`), and its node tries to bring it once a minute.
//!   Questions have numbers for that, later ones higher: a lease keeps the newest, an answer that of its own. Whoever
//!   only brings an answer counts none, and who surely was not answered takes its own back. A number is the
//!   database's time, so that a standby which has no lease, or one of before, goes on above: nobody asks there for
//!   longer than clocks are apart. Who claims and dies before it asks is counted all the same, since nobody can tell;
//!   an answer of before is a spare then.
//! - **A question whose answer is lost is asked again at once**, unless the provider wants to be left alone: one with
//!   a grace time still takes the old token. The lease stays as a record of it (`Yield`), so that whoever is refused
//!   later can say that a rotation was lost and not that the user took it back.
//! - **Where two may have spent one token, the provider is asked at once whether the newest still lives.** Whoever was
//!   fenced, or was refused for a token that the row has left behind, leaves a record at the row's generation
//!   (`is_in_doubt`), and the sweeper follows it.

#[cfg(test)]
mod model;

/// How often a lost answer is asked for again by the one who lost it; then the sweeper goes on.
const MAX_LOST: u8 = 3;

/// What the machine is to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Goal {
    /// A token that will do.
    Token,
    /// A lease whose holder has gone: whatever was under way is brought to an end.
    Resolve,
    /// An answer of the journal comes to its row.
    Replay(Given),
}

/// An answer of the provider, as far as it matters whether there is a newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Given {
    /// The generation of the refresh token that was spent for it.
    pub(super) generation: u64,
    /// The number of the question that it answers.
    pub(super) question: u64,
}

/// What a row says, as far as a refresh cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Row {
    pub(super) generation: u64,
    pub(super) standing: Standing,
    /// Whether its access token is what the caller needs.
    pub(super) will_do: bool,
    /// Whether its user has given other tokens since the answer in hand was asked for: that is not newer then, however
    /// its generation counts.
    pub(super) outdates: bool,
}

/// Whether a grant may be refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Standing {
    /// It may.
    Usable,
    /// The provider refused it; an answer that was kept may still mend it.
    Dead,
    /// It was taken back, or never was.
    Gone,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Event {
    /// The row was read; `None` if there is none.
    Read(Option<Row>),
    /// The lease is ours. It is for this generation, the claimed one or a later one that an earlier attempt has
    /// left; so many earlier attempts at it ended in the dark, none if nobody has asked. The newest question that may have
    /// been asked has this number, and is ours if the claim asks.
    Claimed { generation: u64, unresolved: u32, question: u64 },
    /// Somebody else has the lease.
    Held,
    /// So much of the lease is over that the question may not be asked any more.
    Late,
    /// The provider gave tokens; with a new refresh token, or without.
    Answered { rotated: bool },
    /// The provider says that the refresh token is dead.
    Refused,
    /// The provider may have acted; what it answered is lost, or may not be used. It may be asked again at once, or is
    /// left alone for a while, by all nodes.
    Lost { ask_again: bool },
    /// The provider has surely not acted.
    Failed,
    /// The journal has it.
    Kept,
    /// What the journal has for this generation or a later one: the generation it was given for. It answers a claim,
    /// too, instead of which it was looked for.
    Recalled(Option<Given>),
    /// The row is written.
    Written,
    /// The row has changed since it was read; nothing was written.
    Moved,
    /// The lease is not ours any more; nothing was written.
    Fenced,
    /// The lease is given back, or what was to be revoked is.
    Done,
    /// Some time has passed, or the row has moved.
    Waited,
    /// The database does not answer.
    Unavailable,
    /// There is no more time.
    GiveUp,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// Read the row: [`Event::Read`].
    Read,
    /// Take the lease for this generation, unless somebody has it: [`Event::Claimed`] or [`Event::Held`]. A record
    /// of a later generation stays one. Or, where the journal has an answer that the row does not,
    /// [`Event::Recalled`] with it: from then on this is the attempt that was given it. Without `asks` it is for an
    /// answer that is there, and nothing will be asked under it.
    Claim { generation: u64, asks: bool },
    /// Spend the refresh token: [`Event::Answered`], [`Event::Refused`], [`Event::Lost`], [`Event::Failed`] or,
    /// instead of asking, [`Event::Late`].
    Ask,
    /// Write the answer to the journal, and with it the number of its question: [`Event::Kept`].
    Keep { question: u64 },
    /// Write the answer to the row, under the lease if there is one: [`Event::Written`], [`Event::Moved`] or
    /// [`Event::Fenced`].
    ///
    /// In doubt, the lease is not deleted but left for the generation that is written, as a record that is due.
    Commit { is_in_doubt: bool },
    /// Look in the journal for an answer that was given for this generation or later: [`Event::Recalled`].
    Recall { generation: u64 },
    /// Write that the provider refuses the grant, under the lease if there is one: as [`Step::Commit`].
    Bury { rotation_lost: bool },
    /// Revoke what was answered, at the provider, or queue it: [`Event::Done`].
    Discard,
    /// Delete the lease: [`Event::Done`].
    Release,
    /// Let go of the lease, and leave it as a record that the refresh token may have been spent, due at once, or when its
    /// provider may be asked again: [`Event::Done`]. Where we have not asked, or were surely not answered, our question is
    /// not counted.
    Yield { has_asked: bool },
    /// Wait until the row moves, the lease is over, or a while has passed: [`Event::Waited`] or, where nobody waits
    /// any more and nothing would be lost, [`Event::GiveUp`].
    Wait,
    /// It is over.
    End(End),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum End {
    /// The row has a token that will do, or the answer that was just written.
    Token,
    /// The grant is dead.
    Dead,
    /// It was taken back, or never was.
    Gone,
    /// Not now.
    Later,
    /// The database does not answer.
    Unavailable,
    /// There was nothing to resolve or to replay, or it was done.
    Settled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Reading,
    Claiming,
    Asking {
        generation: u64,
    },
    Keeping,
    Committing,
    /// Refused: the row is read once more before anything is believed.
    Confirming {
        generation: u64,
    },
    Recalling {
        generation: u64,
    },
    Burying,
    Discarding,
    Leaving(Then),
    Waiting,
    Over,
}

/// What follows when the lease is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Then {
    Read,
    End(End),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Lease {
    generation: u64,
    /// How many attempts at it ended in the dark, with what the database does not know of.
    unresolved: u32,
    /// The number of the newest question.
    question: u64,
    /// Whether we have asked under it, and may have been given something.
    has_asked: bool,
    /// Whether nobody has asked since the answer in hand was given.
    is_newest: bool,
}

/// One refresh, from the first read to the end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Machine {
    goal: Goal,
    /// Whether a refresh token may be good for one use only: then whoever asks holds the lease.
    is_leased: bool,
    phase: Phase,
    lease: Option<Lease>,
    /// The answer in hand.
    answer: Option<Given>,
    /// Whether it was found in the journal.
    is_recalled: bool,
    lost: u8,
    /// For which generation an answer to us was lost. It need not stand in the lease: the database may have been away
    /// when it was to be left as a record.
    dark: Option<u64>,
    /// Whether somebody else may have spent the same refresh token: then the provider may have revoked what came
    /// of it, and nobody knows yet.
    is_in_doubt: bool,
}

impl Machine {
    /// A machine and its first step.
    pub(super) const fn start(goal: Goal, is_leased: bool) -> (Self, Step) {
        let answer = match goal {
            Goal::Replay(given) => Some(given),
            Goal::Token | Goal::Resolve => None,
        };
        let phase = Phase::Reading;
        (
            Self {
                goal,
                is_leased,
                phase,
                lease: None,
                answer,
                is_recalled: false,
                lost: 0,
                dark: None,
                is_in_doubt: false,
            },
            Step::Read,
        )
    }

    /// What to do now that `event` has happened. An event that answers another step than the last one ends the
    /// machine: it would be a mistake of the caller's, and nothing is safer than to stop.
    pub(super) fn next(&mut self, event: Event) -> Step {
        match (self.phase, event) {
            (Phase::Reading, Event::Read(row)) => self.judge(row),
            (Phase::Claiming, Event::Claimed { generation, unresolved, question }) => {
                self.claimed(generation, unresolved, question)
            }
            (Phase::Claiming, Event::Recalled(Some(given))) => {
                (self.answer, self.is_recalled) = (Some(given), true);
                self.read()
            }
            (Phase::Claiming, Event::Held) => match self.goal {
                Goal::Resolve => self.end(End::Settled),
                Goal::Token | Goal::Replay(_) => self.go(Phase::Waiting, Step::Wait),
            },
            (Phase::Waiting, Event::Waited)
            | (Phase::Committing | Phase::Burying, Event::Moved) => self.read(),
            (Phase::Waiting, Event::GiveUp) => self.end(End::Later),
            (Phase::Asking { .. }, Event::Late) => self.leave(Then::Read),
            (Phase::Asking { generation }, Event::Answered { rotated }) => {
                self.answered(generation, rotated)
            }
            (Phase::Asking { generation }, Event::Refused) => {
                self.go(Phase::Confirming { generation }, Step::Read)
            }
            (Phase::Asking { generation }, Event::Lost { ask_again }) => {
                self.lost(generation, ask_again)
            }
            (Phase::Asking { .. }, Event::Failed) => self.leave(Then::End(End::Later)),
            (Phase::Keeping, Event::Kept) => self.commit(),
            (Phase::Committing, Event::Written) => self.written(),
            (Phase::Committing | Phase::Burying, Event::Fenced) => {
                self.lease = None;
                self.is_in_doubt = true;
                self.read()
            }
            (Phase::Confirming { generation }, Event::Read(row)) => match row {
                Some(Row { generation: now, standing: Standing::Usable, .. })
                    if now == generation =>
                {
                    self.go(Phase::Recalling { generation }, Step::Recall { generation })
                }
                row => {
                    self.is_in_doubt = self.is_leased;
                    self.judge(row)
                }
            },
            (Phase::Recalling { .. }, Event::Recalled(Some(given))) => {
                (self.answer, self.is_recalled) = (Some(given), true);
                self.is_in_doubt = self.is_leased;
                self.commit()
            }
            (Phase::Recalling { .. }, Event::Recalled(None)) => {
                let rotation_lost = self.lease.is_some_and(|lease| lease.unresolved > 0);
                self.go(Phase::Burying, Step::Bury { rotation_lost })
            }
            (Phase::Burying, Event::Written) => {
                self.lease = None;
                self.end(End::Dead)
            }
            (Phase::Discarding, Event::Done) => self.leave(Then::End(End::Gone)),
            (Phase::Leaving(then), Event::Done | Event::Unavailable) => self.then(then),
            (phase, Event::Unavailable) if phase != Phase::Over => self.unavailable(),
            _ => self.go(Phase::Over, Step::End(End::Later)),
        }
    }

    fn claimed(&mut self, generation: u64, unresolved: u32, question: u64) -> Step {
        let has_asked_since = self.dark == Some(generation);
        let is_newest =
            !has_asked_since && self.answer.is_some_and(|given| question <= given.question);
        let unresolved = unresolved.max(u32::from(has_asked_since));
        self.lease = Some(Lease { generation, unresolved, question, has_asked: false, is_newest });
        self.read()
    }

    fn answered(&mut self, generation: u64, rotated: bool) -> Step {
        let question = self.lease.map_or(0, |lease| lease.question);
        (self.answer, self.is_recalled) = (Some(Given { generation, question }), false);
        self.lease = self.lease.map(|lease| Lease { has_asked: true, is_newest: true, ..lease });
        // Whatever was lost before it was not the newest.
        self.dark = None;
        if rotated { self.go(Phase::Keeping, Step::Keep { question }) } else { self.commit() }
    }

    fn written(&mut self) -> Step {
        self.lease = None;
        match self.goal {
            // What was given a while ago need not live any more.
            Goal::Token if std::mem::take(&mut self.is_recalled) => {
                self.answer = None;
                self.read()
            }
            Goal::Token => self.end(End::Token),
            Goal::Resolve | Goal::Replay(_) => self.end(End::Settled),
        }
    }

    /// What a row means, for what is in hand.
    fn judge(&mut self, row: Option<Row>) -> Step {
        let row = row.filter(|row| row.standing != Standing::Gone);
        match (row, self.answer) {
            (None, Some(_)) => self.go(Phase::Discarding, Step::Discard),
            (Some(row), Some(given)) if row.generation <= given.generation && !row.outdates => {
                self.apply(row, given.generation)
            }
            (row, _) => {
                // Somebody else's answer is newer. Ours stays in the journal for a while, as a spare.
                self.answer = None;
                self.pursue(row)
            }
        }
    }

    /// There is an answer that is newer than the row.
    fn apply(&mut self, row: Row, answer: u64) -> Step {
        self.is_in_doubt |= self.is_leased && row.standing == Standing::Dead;
        match self.lease {
            None if self.is_leased => self.claim(row.generation),
            // Somebody has asked since, and what they were answered is lost: ours is not the newest. Nor is the lease
            // one for asking. Who asked for an earlier generation has not asked since: the row had left it behind when
            // ours was asked for, and a failover has brought both back.
            Some(Lease { generation, unresolved: 1.., is_newest: false, .. })
                if generation >= answer =>
            {
                self.answer = None;
                self.leave(match self.goal {
                    Goal::Token | Goal::Resolve => Then::Read,
                    Goal::Replay(_) => Then::End(End::Settled),
                })
            }
            _ => self.commit(),
        }
    }

    /// There is none: does the row do, may it be asked for, by whom?
    fn pursue(&mut self, row: Option<Row>) -> Step {
        if self.goal != Goal::Token {
            return self.resolve(row);
        }
        let Some(row) = row else { return self.leave(Then::End(End::Gone)) };
        if let Some(lease) = self.lease.filter(|lease| lease.generation < row.generation) {
            // What it was a record of has come to its end.
            self.lease = Some(Lease { unresolved: 0, ..lease });
            return self.leave(Then::Read);
        }
        if self.is_in_doubt && row.standing == Standing::Usable {
            let Some(lease) = self.lease else { return self.claim(row.generation) };
            self.lease = Some(Lease { unresolved: lease.unresolved.max(1), ..lease });
            self.is_in_doubt = false;
        }
        if row.will_do {
            return self.leave(Then::End(End::Token));
        }
        if row.standing == Standing::Dead {
            return self.leave(Then::End(End::Dead));
        }
        match self.lease {
            None if self.is_leased => self.claim(row.generation),
            _ => self.ask(row.generation),
        }
    }

    /// The holder of a lease has gone. If its refresh token still stands in the row, it is spent again.
    fn resolve(&mut self, row: Option<Row>) -> Step {
        let Some(lease) = self.lease else {
            // Whoever replays has nothing to resolve: the row has what it wanted to bring, or something newer.
            return match self.goal {
                Goal::Resolve => self.claim(row.map_or(0, |row| row.generation)),
                Goal::Token | Goal::Replay(_) => self.end(End::Settled),
            };
        };
        match row {
            Some(Row { generation, standing: Standing::Usable, .. })
                if generation <= lease.generation && lease.unresolved > 0 =>
            {
                self.ask(generation)
            }
            _ => {
                self.lease = Some(Lease { unresolved: 0, ..lease });
                self.leave(Then::End(End::Settled))
            }
        }
    }

    fn lost(&mut self, generation: u64, ask_again: bool) -> Step {
        (self.lost, self.dark) = (self.lost + 1, Some(generation));
        let may_ask = ask_again && self.lost < MAX_LOST && self.is_leased;
        let then = if may_ask { Then::Read } else { Then::End(End::Later) };
        if let Some(lease) = &mut self.lease {
            (lease.unresolved, lease.has_asked) = (lease.unresolved + 1, true);
        }
        self.leave(then)
    }

    /// The database is away. An answer in hand must still come to its row; anything else can begin anew.
    fn unavailable(&mut self) -> Step {
        if self.answer.is_some() {
            self.go(Phase::Waiting, Step::Wait)
        } else {
            self.go(Phase::Over, Step::End(End::Unavailable))
        }
    }

    /// Gives the lease back, if there is one. It stays where an attempt under it ended in the dark.
    fn leave(&mut self, then: Then) -> Step {
        match self.lease.take() {
            None => self.then(then),
            Some(Lease { unresolved: 0, .. }) => self.go(Phase::Leaving(then), Step::Release),
            Some(Lease { has_asked, .. }) => {
                self.go(Phase::Leaving(then), Step::Yield { has_asked })
            }
        }
    }

    fn then(&mut self, then: Then) -> Step {
        match then {
            Then::Read => self.read(),
            Then::End(end) => self.end(end),
        }
    }

    fn read(&mut self) -> Step {
        self.go(Phase::Reading, Step::Read)
    }

    fn claim(&mut self, generation: u64) -> Step {
        self.go(Phase::Claiming, Step::Claim { generation, asks: self.answer.is_none() })
    }

    fn ask(&mut self, generation: u64) -> Step {
        self.go(Phase::Asking { generation }, Step::Ask)
    }

    fn commit(&mut self) -> Step {
        self.go(Phase::Committing, Step::Commit { is_in_doubt: self.is_in_doubt })
    }

    fn end(&mut self, end: End) -> Step {
        self.go(Phase::Over, Step::End(end))
    }

    fn go(&mut self, phase: Phase, step: Step) -> Step {
        self.phase = phase;
        step
    }
}
