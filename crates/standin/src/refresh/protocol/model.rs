//! Every order of events that two nodes, a database and a rotating provider can come into, explored.
//!
//! A [`World`] is the database row with its lease, the provider's family of tokens, two nodes that run the very
//! [`Machine`] of the service, each with a journal, and a budget of faults. stateright tries every interleaving. The
//! provider is the judge: it revokes the family when a token that was used up comes again, and that is the loss.

use stateright::{Model, Property};

use super::{Event, Given, Goal, Machine, Row, Standing, Step};

mod tests;

const NODES: usize = 2;

/// Which faults may happen, and what there is against them.
#[derive(Clone, Copy, Debug)]
struct Case {
    /// Whether the provider still takes the token before the newest.
    grace: bool,
    /// Whether answers are in a journal before they are committed.
    journal: bool,
    /// Whether nobody claims for a while after a failover.
    hold_off: bool,
    faults: Faults,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Faults {
    /// A node dies, wherever it is.
    crashes: u8,
    /// A node dies that has its answer in the journal and not in the row.
    crashes_when_kept: u8,
    /// An answer of the provider does not arrive.
    losses: u8,
    /// A node sleeps for longer than its lease and than any grace.
    pauses: u8,
    /// The database forgets its newest commit.
    failovers: u8,
}

const NONE: Case = Case {
    grace: false,
    journal: false,
    hold_off: true,
    faults: Faults { crashes: 0, crashes_when_kept: 0, losses: 0, pauses: 0, failovers: 0 },
};

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

/// An answer: under which attempt and for which generation it was given, what had ended in the dark by then, and the
/// token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kept {
    attempt: u8,
    from: u64,
    unresolved: u32,
    token: u8,
}

impl Kept {
    const fn given(self) -> Given {
        Given { generation: self.from, unresolved: self.unresolved }
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

    fn claim(&mut self, attempt: u8, asks: bool, generation: u64) -> Event {
        let is_own = self.lease_of(attempt).is_some();
        let (generation, unresolved) = match self.lease {
            Some(lease) if is_own => (lease.generation, lease.unresolved),
            Some(lease) if !lease.overdue => return Event::Held,
            // Who only brings an answer asks nothing of the provider.
            _ if self.holding_off && asks => return Event::Held,
            Some(lease) if lease.generation >= generation => {
                (lease.generation, lease.unresolved + 1)
            }
            Some(_) | None => (generation, 0),
        };
        self.lease = Some(Leased { attempt, generation, unresolved, overdue: false });
        Event::Claimed { generation, unresolved }
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
                Event::Read(Some(Row { generation, standing, will_do }))
            }
            Step::Claim { generation, asks } => {
                match (running.hand, self.nodes[node].kept_since(generation)) {
                    (None, Some(_)) => self.recall(node, generation)?,
                    _ => self.claim(attempt, asks, generation),
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
            Step::Keep { unresolved } => {
                let kept = Kept { unresolved, ..running.hand? };
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
                    self.lease = is_in_doubt.then_some(Leased {
                        attempt,
                        generation,
                        unresolved: 1,
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
            Step::Yield => {
                if let Some(lease) = self.lease.as_mut().filter(|lease| lease.attempt == attempt) {
                    (lease.overdue, lease.unresolved) = (true, lease.unresolved + 1);
                }
                Event::Done
            }
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
        let Some(running) = self.running(node) else { return };
        running.step = running.machine.next(event);
        if let Step::End(_) = running.step {
            self.nodes[node].running = None;
        }
    }

    fn receive(&mut self, node: usize) -> Option<Event> {
        let running = self.running(node)?;
        let event = match running.answer.take()? {
            Ok(token) => {
                let (attempt, from) = (running.attempt, running.read?.generation);
                running.hand = Some(Kept { attempt, from, unresolved: 0, token });
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
                        && world.attempts < 6
                    {
                        actions.push(Action::Start(index, Goal::Token));
                    }
                    // Who would ask is held off, and tries again later.
                    let may_claim = |lease: Leased| {
                        !world.holding_off || node.kept_since(lease.generation).is_some()
                    };
                    if world.lease.is_some_and(|lease| lease.overdue && may_claim(lease)) {
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
                if world.faults.crashes > 0 || (is_kept && world.faults.crashes_when_kept > 0) {
                    actions.push(Action::Crash(index));
                }
            }
        }
        if let Some(lease) = world.lease.filter(|lease| !lease.overdue)
            && (!world.is_alive(lease.attempt) || world.faults.pauses > 0)
            && !world.is_coming_back(lease.attempt)
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
            !node.must_replay
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
                world.happen(node, Event::Lost);
            }
            Action::Crash(node) => {
                let faults = &mut world.faults;
                let budget = if faults.crashes > 0 {
                    &mut faults.crashes
                } else {
                    &mut faults.crashes_when_kept
                };
                *budget -= 1;
                world.nodes[node].running = None;
                world.nodes[node].must_replay = !world.nodes[node].journal.is_empty();
            }
            Action::LeaseEnds => {
                let lease = world.lease?;
                if world.is_alive(lease.attempt) {
                    world.faults.pauses -= 1;
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
            Action::HoldOffEnds => world.holding_off = false,
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
            Property::always("no lease is forgotten", |_: &Case, world: &World| {
                // Whoever is gone has left a lease that ends, and a sweeper that finds it.
                world.nodes.iter().any(|node| node.running.is_some())
                    || world.lease.is_none_or(|lease| !world.is_alive(lease.attempt))
            }),
            Property::sometimes("the token is refreshed twice", |_: &Case, world: &World| {
                world.row.generation >= 2 && world.row.will_do
            }),
        ]
    }
}
