//! What a world begins with: which faults may happen in it, and what there is against them.

/// Which faults may happen, and what there is against them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    /// Whether the provider still takes the token before the newest.
    pub(super) grace: bool,
    /// Whether answers are in a journal before they are committed.
    pub(super) journal: bool,
    /// Whether nobody claims for a while after a failover.
    pub(super) hold_off: bool,
    pub(super) order: Order,
    /// How many refreshes may begin before nobody asks for one any more; as many more bring leases to their end.
    pub(super) attempts: u8,
    pub(super) faults: Faults,
}

/// What tells which of two answers is the newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Each question has a number.
    Numbers,
    /// A lease counts attempts, and nothing else, as it did once.
    Count,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Faults {
    /// A node dies, wherever it is.
    pub(super) crashes: u8,
    /// A node dies that has its answer in the journal and not in the row.
    pub(super) crashes_when_kept: u8,
    /// The same, after a failover.
    pub(super) crashes_in_aftermath: u8,
    /// An answer of the provider does not arrive.
    pub(super) losses: u8,
    /// A node sleeps for longer than its lease and than any grace.
    pub(super) pauses: u8,
    /// The database forgets its newest commit.
    pub(super) failovers: u8,
    /// A node that died is away for longer than its lease, or than nobody asks after a failover.
    pub(super) absences: u8,
}

pub(super) const NONE: Case = Case {
    grace: false,
    journal: false,
    hold_off: true,
    order: Order::Numbers,
    attempts: 6,
    faults: Faults {
        crashes: 0,
        crashes_when_kept: 0,
        crashes_in_aftermath: 0,
        losses: 0,
        pauses: 0,
        failovers: 0,
        absences: 0,
    },
};
