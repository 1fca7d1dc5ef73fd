//! Every order of events that two nodes, a database and a rotating provider can come into, explored.
//!
//! A [`World`] is the database row with its lease, the provider's family of tokens, two nodes that run the very
//! [`Machine`] of the service, each with a journal, and a budget of faults. stateright tries every interleaving. The
//! provider is the judge: it revokes the family when a token that was used up comes again, and that is the loss.

use stateright::{Model, Property};

use super::{Event, Given, Goal, Machine, Row, Standing, Step};

mod case;
mod tests;

use self::case::{Case, Faults, Order};

const NODES: usize = 2;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    row: Stored,
    lease: Option<Leased>,
    /// The row as it was before the newest commit: what a failover brings back.
    before: Option<Stored>,
    provider: Provider,
    nodes: [Node; NODES],
    faults: Faults,
    /// How many times the access token will run out.
    demands: u8,
    attempts: u8,
    holding_off: bool,
    /// Whether a failover was noticed lately: what is refused then may have been rotated before it.
    aftermath: bool,
    mistakes: Mistakes,
}

/// Which of two answers was taken for the newer one, where that was wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Mistakes {
    /// One was taken for an older one than there is, and was the newest.
    dropped_the_newest: bool,
    /// One was written that was older than one in a journal.
    wrote_an_older: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Stored {
    version: u8,
    generation: u64,
    token: u8,
    standing: Standing,
    named_lost: bool,
    will_do: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Leased {
    attempt: u8,
    generation: u64,
    unresolved: u32,
    question: u64,
    question_before: u64,
    overdue: bool,
}

/// A family of refresh tokens: the newest, and with a grace time the one that it was given for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Provider {
    newest: u8,
    previous: Option<u8>,
    revoked: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Node {
    running: Option<Running>,
    journal: Vec<Kept>,
    must_replay: bool,
}

/// An answer: under which attempt, for which generation and to which question it was given, and the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kept {
    attempt: u8,
    from: u64,
    question: u64,
    token: u8,
}

impl Kept {
    const fn given(self) -> Given {
        Given { generation: self.from, question: self.question }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Running {
    goal: Goal,
    machine: Machine,
    step: Step,
    attempt: u8,
    read: Option<Stored>,
    /// What the provider answered and has not arrived yet.
    answer: Option<Result<u8, ()>>,
    hand: Option<Kept>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Action {
    Start(usize, Goal),
    Do(usize),
    /// The question goes out although the lease is over: the node slept after it had looked.
    SendLate(usize),
    Receive(usize),
    Lose(usize),
    Crash(usize),
    LeaseEnds,
    GraceEnds,
    Failover,
    HoldOffEnds,
    TokenRunsOut,
}

impl Provider {
    fn spend(&mut self, token: u8, grace: bool) -> Result<u8, ()> {
        let is_known = token == self.newest || (grace && Some(token) == self.previous);
        if self.revoked || !is_known {
            self.revoked = true;
            return Err(());
        }
        (self.previous, self.newest) = (Some(token), self.newest + 1);
        Ok(self.newest)
    }
}

impl Node {
    /// What its journal has for this generation or a later one.
    fn kept_since(&self, generation: u64) -> Option<Kept> {
        self.journal.iter().rev().find(|kept| kept.from >= generation).copied()
    }
}

impl World {
    fn is_alive(&self, attempt: u8) -> bool {
        let running = self.nodes.iter().filter_map(|node| node.running.as_ref());
        running.into_iter().any(|running| running.attempt == attempt)
    }

    /// Whether a node that died has written down what this attempt was answered: it is back before its lease ends.
    fn is_coming_back(&self, attempt: u8) -> bool {
        let has_it = |node: &Node| {
            node.must_replay && node.journal.last().is_some_and(|kept| kept.attempt == attempt)
        };
        self.nodes.iter().any(has_it)
    }

    fn may_crash_when_kept(&self) -> bool {
        let Faults { crashes_when_kept, crashes_in_aftermath, .. } = self.faults;
        crashes_when_kept > 0 || (self.aftermath && crashes_in_aftermath > 0)
    }

    fn is_quiet(&self) -> bool {
        self.lease.is_none()
            && !self.holding_off
            && self.nodes.iter().all(|node| node.running.is_none() && !node.must_replay)
    }

    fn start(&mut self, node: usize, goal: Goal) {
        let (machine, step) = Machine::start(goal, true);
        self.attempts += 1;
        let hand = match goal {
            Goal::Replay(_) => self.nodes[node].journal.last().copied(),
            Goal::Token | Goal::Resolve => None,
        };
        let attempt = hand.map_or(self.attempts, |kept| kept.attempt);
        self.nodes[node].must_replay &= !matches!(goal, Goal::Replay(_));
        self.nodes[node].running =
            Some(Running { goal, machine, step, attempt, read: None, answer: None, hand });
    }

    /// The lease of an attempt, if it still has it.
    fn lease_of(&self, attempt: u8) -> Option<Leased> {
        self.lease.filter(|lease| lease.attempt == attempt)
    }

    /// Above all there are, also where a failover took the lease of one away: the clock of the databases goes on. As low
    /// as can be, since nothing but their order counts.
    fn next_question(&self) -> u64 {
        let of_lease = self.lease.iter().flat_map(|lease| [lease.question, lease.question_before]);
        let of_node = |node: &Node| {
            let running = node.running.iter();
            let of_running = running.flat_map(|running| {
                let of_answer = running.machine.answer.map_or(0, |given| given.question);
                [of_answer, running.machine.lease.map_or(0, |lease| lease.question)]
            });
            let of_journal = node.journal.iter().map(|kept| kept.question);
            of_running.chain(of_journal).max().unwrap_or_default()
        };
        let of_nodes = self.nodes.iter().map(of_node);
        1 + of_lease.chain(of_nodes).max().unwrap_or_default()
    }

    fn claim(&mut self, case: Case, attempt: u8, asks: bool, generation: u64) -> Event {
        let is_own = self.lease_of(attempt).is_some();
        let held = self.lease.filter(|lease| lease.generation >= generation);
        let question_before = held.map_or(0, |lease| lease.question);
        let (generation, unresolved) = match self.lease {
            Some(lease) if is_own => (lease.generation, lease.unresolved),
            Some(lease) if !lease.overdue => return Event::Held,
            // Who only brings an answer asks nothing of the provider.
            _ if self.holding_off && asks => return Event::Held,
            Some(lease) if lease.generation >= generation => {
                let has_asked = lease.question > 0 || case.order == Order::Count;
                (lease.generation, lease.unresolved + u32::from(has_asked))
            }
            Some(_) | None => (generation, 0),
        };
        let question = match (case.order, asks) {
            (Order::Count, _) => u64::from(unresolved),
            (Order::Numbers, true) => self.next_question(),
            (Order::Numbers, false) => question_before,
        };
        let overdue = false;
        self.lease =
            Some(Leased { attempt, generation, unresolved, question, question_before, overdue });
        Event::Claimed { generation, unresolved, question }
    }

    fn give_way(&mut self, attempt: u8, has_asked: bool) -> Event {
        if let Some(lease) = self.lease.as_mut().filter(|lease| lease.attempt == attempt) {
            (lease.overdue, lease.unresolved) = (true, lease.unresolved + 1);
            if !has_asked {
                lease.question = lease.question_before;
            }
        }
        Event::Done
    }

    /// One transaction: the fence, the compare-and-swap, the row.
    fn write(
        &mut self,
        attempt: u8,
        read: Option<Stored>,
        change: impl FnOnce(Stored) -> Stored,
    ) -> Event {
        if self.lease_of(attempt).is_none() {
            return Event::Fenced;
        }
        if read != Some(self.row) {
            return Event::Moved;
        }
        self.before = Some(self.row);
        self.row = Stored { version: self.row.version + 1, ..change(self.row) };
        self.lease = None;
        Event::Written
    }

    fn recall(&mut self, node: usize, generation: u64) -> Option<Event> {
        let found = self.nodes[node].kept_since(generation);
        let running = self.running(node)?;
        running.hand = found;
        running.attempt = found.map_or(running.attempt, |kept| kept.attempt);
        Some(Event::Recalled(found.map(Kept::given)))
    }

    /// Does a node's step, and gives what comes of it; `None` for what takes another action.
    fn perform(&mut self, case: Case, node: usize) -> Option<Event> {
        let running = self.nodes[node].running.clone()?;
        let attempt = running.attempt;
        let event = match running.step {
            Step::Read => {
                self.running(node)?.read = Some(self.row);
                let Stored { generation, standing, will_do, .. } = self.row;
                Event::Read(Some(Row { generation, standing, will_do, outdates: false }))
            }
            Step::Claim { generation, asks } => {
                match (running.hand, self.nodes[node].kept_since(generation)) {
                    (None, Some(_)) => self.recall(node, generation)?,
                    _ => self.claim(case, attempt, asks, generation),
                }
            }
            Step::Ask => {
                if self.lease_of(attempt).is_none_or(|lease| lease.overdue) {
                    return Some(Event::Late);
                }
                self.running(node)?.hand = None;
                self.send(case, node)?;
                return None;
            }
            Step::Keep { question } => {
                let kept = Kept { question, ..running.hand? };
                self.running(node)?.hand = Some(kept);
                if case.journal {
                    self.nodes[node].journal.push(kept);
                }
                Event::Kept
            }
            Step::Commit { is_in_doubt } => {
                let Kept { from, token, .. } = running.hand?;
                let generation = from + 1;
                let written = self.write(attempt, running.read, |row| Stored {
                    generation,
                    token,
                    standing: Standing::Usable,
                    will_do: true,
                    ..row
                });
                if written == Event::Written {
                    let mut kept = self.nodes.iter().flat_map(|node| &node.journal);
                    self.mistakes.wrote_an_older |=
                        kept.any(|kept| kept.from == from && kept.token > token);
                    self.lease = is_in_doubt.then_some(Leased {
                        attempt,
                        generation,
                        unresolved: 1,
                        question: 0,
                        question_before: 0,
                        overdue: true,
                    });
                    self.running(node)?.hand = None;
                }
                written
            }
            Step::Recall { generation } => self.recall(node, generation)?,
            Step::Bury { rotation_lost } => {
                let named_lost = rotation_lost || self.aftermath;
                let bury = |row| Stored { standing: Standing::Dead, named_lost, ..row };
                self.write(attempt, running.read, bury)
            }
            Step::Release => {
                self.lease = self.lease.filter(|lease| lease.attempt != attempt);
                Event::Done
            }
            Step::Yield { has_asked } => self.give_way(attempt, has_asked),
            Step::Discard => Event::Done,
            Step::Wait => Event::Waited,
            Step::End(_) => return None,
        };
        Some(event)
    }

    fn running(&mut self, node: usize) -> Option<&mut Running> {
        self.nodes[node].running.as_mut()
    }

    fn send(&mut self, case: Case, node: usize) -> Option<()> {
        let token = self.nodes[node].running.as_ref()?.read?.token;
        let answer = self.provider.spend(token, case.grace);
        self.running(node)?.answer = Some(answer);
        Some(())
    }

    fn happen(&mut self, node: usize, event: Event) {
        let (newest, generation) = (self.provider.newest, self.row.generation);
        let Some(running) = self.running(node) else { return };
        let answer = running.machine.answer;
        running.step = running.machine.next(event);
        let is_dropped = running.machine.answer.is_none()
            && answer.is_some_and(|given| given.generation >= generation)
            && running.hand.is_some_and(|kept| kept.token == newest);
        let is_over = matches!(running.step, Step::End(_));
        self.mistakes.dropped_the_newest |= is_dropped;
        if is_over {
            self.nodes[node].running = None;
        }
    }

    fn receive(&mut self, node: usize) -> Option<Event> {
        let running = self.running(node)?;
        let event = match running.answer.take()? {
            Ok(token) => {
                let (attempt, from) = (running.attempt, running.read?.generation);
                running.hand = Some(Kept { attempt, from, question: 0, token });
                Event::Answered { rotated: true }
            }
            Err(()) => Event::Refused,
        };
        Some(event)
    }
}

impl Model for Case {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let row = Stored {
            version: 0,
            generation: 0,
            token: 0,
            standing: Standing::Usable,
            named_lost: false,
            will_do: false,
        };
        vec![World {
            row,
            lease: None,
            before: None,
            provider: Provider { newest: 0, previous: None, revoked: false },
            nodes: Default::default(),
            faults: self.faults,
            demands: 1,
            attempts: 0,
            holding_off: false,
            aftermath: false,
            mistakes: Mistakes::default(),
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for (index, node) in world.nodes.iter().enumerate() {
            match &node.running {
                None => {
                    // It serves requests from the start, and what it has to bring comes whenever it comes.
                    if node.must_replay {
                        let newest = node.journal.last().copied().map(Kept::given);
                        actions
                            .extend(newest.map(|given| Action::Start(index, Goal::Replay(given))));
                    }
                    if !world.row.will_do
                        && world.row.standing == Standing::Usable
                        && world.attempts < self.attempts
                    {
                        actions.push(Action::Start(index, Goal::Token));
                    }
                    // Who would ask is held off, and tries again later.
                    let may_claim = |lease: Leased| {
                        !world.holding_off || node.kept_since(lease.generation).is_some()
                    };
                    if world.attempts < 2 * self.attempts
                        && world.lease.is_some_and(|lease| lease.overdue && may_claim(lease))
                    {
                        actions.push(Action::Start(index, Goal::Resolve));
                    }
                }
                Some(running) if running.answer.is_some() => {
                    actions.push(Action::Receive(index));
                    if world.faults.losses > 0 {
                        actions.push(Action::Lose(index));
                    }
                }
                Some(running) => {
                    actions.push(Action::Do(index));
                    let is_late = world.lease_of(running.attempt).is_none_or(|lease| lease.overdue);
                    if running.step == Step::Ask && is_late && world.faults.pauses > 0 {
                        actions.push(Action::SendLate(index));
                    }
                }
            }
            if let Some(running) = &node.running {
                let is_kept = running.hand.is_some_and(|hand| node.journal.contains(&hand));
                if world.faults.crashes > 0 || (is_kept && world.may_crash_when_kept()) {
                    actions.push(Action::Crash(index));
                }
            }
        }
        if let Some(lease) = world.lease.filter(|lease| !lease.overdue)
            && (!world.is_alive(lease.attempt) || world.faults.pauses > 0)
            && (!world.is_coming_back(lease.attempt) || world.faults.absences > 0)
        {
            actions.push(Action::LeaseEnds);
        }
        if self.faults.pauses > 0
            && world.faults.pauses < self.faults.pauses
            && world.provider.previous.is_some()
        {
            actions.push(Action::GraceEnds);
        }
        if world.faults.failovers > 0 && world.before.is_some() {
            actions.push(Action::Failover);
        }
        // It is as long as a lease: what was asked is answered by then, and what is in a journal was brought.
        let is_settled = |node: &Node| {
            (!node.must_replay || node.running.is_none() && world.faults.absences > 0)
                && node.running.as_ref().is_none_or(|running| {
                    running.step != Step::Ask && !matches!(running.goal, Goal::Replay(_))
                })
        };
        if world.holding_off && world.nodes.iter().all(is_settled) {
            actions.push(Action::HoldOffEnds);
        }
        if world.demands > 0 && world.row.will_do {
            actions.push(Action::TokenRunsOut);
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut world = world.clone();
        match action {
            Action::Start(node, goal) => world.start(node, goal),
            Action::Do(node) => {
                if let Some(event) = world.perform(*self, node) {
                    world.happen(node, event);
                }
            }
            Action::SendLate(node) => {
                world.faults.pauses -= 1;
                world.send(*self, node)?;
            }
            Action::Receive(node) => {
                let event = world.receive(node)?;
                world.happen(node, event);
            }
            Action::Lose(node) => {
                world.faults.losses -= 1;
                world.running(node)?.answer = None;
                world.happen(node, Event::Lost { ask_again: true });
            }
            Action::Crash(node) => {
                let faults = &mut world.faults;
                let budget = if faults.crashes > 0 {
                    &mut faults.crashes
                } else if faults.crashes_when_kept > 0 {
                    &mut faults.crashes_when_kept
                } else {
                    &mut faults.crashes_in_aftermath
                };
                *budget -= 1;
                world.nodes[node].running = None;
                world.nodes[node].must_replay = !world.nodes[node].journal.is_empty();
            }
            Action::LeaseEnds => {
                let lease = world.lease?;
                if world.is_alive(lease.attempt) {
                    world.faults.pauses -= 1;
                } else if world.is_coming_back(lease.attempt) {
                    world.faults.absences -= 1;
                }
                world.lease = Some(Leased { overdue: true, ..lease });
            }
            Action::GraceEnds => world.provider.previous = None,
            Action::Failover => {
                world.faults.failovers -= 1;
                // A lease is committed without waiting for the disk: it goes with the newest commit.
                (world.row, world.lease, world.before) = (world.before?, None, None);
                world.row.version += 2;
                (world.holding_off, world.aftermath) = (self.hold_off, true);
                for node in &mut world.nodes {
                    node.must_replay |= !node.journal.is_empty();
                }
            }
            Action::HoldOffEnds => {
                let is_away = |node: &Node| node.must_replay;
                world.faults.absences -= u8::from(world.nodes.iter().any(is_away));
                world.holding_off = false;
            }
            Action::TokenRunsOut => {
                world.demands -= 1;
                world.row.will_do = false;
                world.row.version += 1;
            }
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("the family lives", |_, world: &World| !world.provider.revoked),
            Property::always(
                "what is stored is what the provider takes",
                |case: &Case, world: &World| {
                    !world.is_quiet()
                        || world.provider.revoked
                        || world.row.token == world.provider.newest
                        || (case.grace && Some(world.row.token) == world.provider.previous)
                },
            ),
            Property::always(
                "a grant that is dead says that a rotation was lost",
                |_: &Case, world: &World| {
                    world.row.standing != Standing::Dead || world.row.named_lost
                },
            ),
            Property::always("the newest answer is taken for it", |_: &Case, world: &World| {
                !world.mistakes.dropped_the_newest
            }),
            Property::always("no older answer is written", |_: &Case, world: &World| {
                !world.mistakes.wrote_an_older
            }),
            Property::sometimes("the token is refreshed twice", |_: &Case, world: &World| {
                world.row.generation >= 2 && world.row.will_do
            }),
        ]
    }
}
