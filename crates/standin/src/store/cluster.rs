//! What the processes on one database tell each other: what nobody may go on believing, and who is there to hear it.
//!
//! ```text
//! a change ─▶ the same transaction: inval_log ─▶ bulletin, looked at by every node a few times a second ─▶ Marks
//! ```
//!
//! Nothing is sent. A note stands in the bucket of the second in which it was written, and may become visible when that
//! second is long over: its process was stopped before the COMMIT, or the COMMIT waits for a standby. Nobody can say how
//! long that takes. So a look tells how far the next one must go back, to before whatever was still under way
//! ([`Bulletin::settled`]), and the next finds again what was found before. So each note counts the changes that it
//! stands for, and whoever looks strikes what was not noted, or less often, when they looked before. What was changed is
//! struck once, and may be remembered again from then on.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;

use super::{Marks, Result};
use crate::id::{ClientId, GrantId, NodeId, UserId};
use crate::secret::sha256;
use crate::time::Timestamp;
use crate::verify::ProviderId;

/// How far a look goes back behind what the one before it calls settled: longer than between a note's second and the
/// moment in which the database counts its transaction among those that are under way, which is within one statement.
pub const LOOKBACK: Duration = Duration::from_secs(31);
/// A node that has not been heard of for so long is taken for dead. Long before that it believes nothing that it
/// remembers, since it cannot have looked either.
pub const NODE_IS_DEAD_AFTER: Duration = Duration::from_secs(10);
/// How long notes are kept: who has not looked for so long believes nothing at all.
pub const NOTES_ARE_KEPT: Duration = Duration::from_hours(1);

/// What a change has made wrong of what may be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outdated {
    /// A client: it was revoked.
    Client(ClientId),
    /// A grant: it was taken back or died, or its token is not to be handed out any more.
    Grant(GrantId),
    /// Whom a provider's name for somebody means.
    Subject(SubjectId),
    /// A user: which grants they have, or that they are there.
    User(UserId),
}

/// A provider's name for somebody, in sixteen bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectId([u8; 16]);

impl SubjectId {
    /// Of this subject at this provider, whatever the issuer.
    #[must_use]
    pub fn of(provider: &ProviderId, subject: &str) -> Self {
        let hash = sha256(format!("{provider}:{subject}").as_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        Self(id)
    }
}

impl Outdated {
    /// How it stands in a row: a word, and sixteen bytes.
    #[must_use]
    pub const fn row(&self) -> (&'static str, &[u8; 16]) {
        match self {
            Self::Client(id) => ("client", id.as_bytes()),
            Self::Grant(id) => ("grant", id.as_bytes()),
            Self::Subject(SubjectId(id)) => ("subject", id),
            Self::User(id) => ("user", id.as_bytes()),
        }
    }

    /// What stands in a row; `None` for a word of a later release.
    #[must_use]
    pub fn of_row(word: &str, id: [u8; 16]) -> Option<Self> {
        Some(match word {
            "client" => Self::Client(ClientId::from_bytes(id)),
            "grant" => Self::Grant(GrantId::from_bytes(id)),
            "subject" => Self::Subject(SubjectId(id)),
            "user" => Self::User(UserId::from_bytes(id)),
            _ => return None,
        })
    }
}

/// What is counted in epochs: a handful of numbers that every node reads whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Epoch {
    /// Grows when nothing that is remembered may be believed any more.
    Everything,
    /// The same, of one provider's grants.
    Provider(ProviderId),
    /// Grows when somebody waits until every node has looked.
    RollCall,
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("everything"),
            Self::Provider(provider) => write!(f, "provider:{provider}"),
            Self::RollCall => f.write_str("roll_call"),
        }
    }
}

/// It is none that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such epoch")]
pub struct UnknownEpoch;

impl FromStr for Epoch {
    type Err = UnknownEpoch;

    fn from_str(text: &str) -> std::result::Result<Self, UnknownEpoch> {
        match text {
            "everything" => Ok(Self::Everything),
            "roll_call" => Ok(Self::RollCall),
            _ => {
                let provider = text.strip_prefix("provider:").ok_or(UnknownEpoch)?;
                provider.parse().map(Self::Provider).map_err(|_| UnknownEpoch)
            }
        }
    }
}

/// That something was outdated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Note {
    /// The second since 1970 in which the changes began, by the clock of the database.
    pub second: i64,
    /// What they have outdated.
    pub outdated: Outdated,
    /// How many there were.
    pub changes: u64,
}

/// What there is to hear at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bulletin {
    /// A moment ago by the clock of the database, or long ago if something is under way since then: what is not in
    /// here and becomes visible later was noted after it, or less than [`LOOKBACK`] before.
    pub settled: Timestamp,
    /// Every epoch that was ever begun, in their order.
    pub epochs: Vec<(Epoch, u64)>,
    /// What was outdated lately, also what earlier bulletins have told.
    pub notes: BTreeSet<Note>,
}

impl Bulletin {
    /// What was outdated by changes that are not in an earlier one.
    pub fn news<'b>(&'b self, earlier: &'b Self) -> impl Iterator<Item = Outdated> + 'b {
        self.notes.difference(&earlier.notes).map(|note| note.outdated)
    }

    /// How often a roll was called.
    #[must_use]
    pub fn roll_calls(&self) -> u64 {
        let found = self.epochs.iter().find(|(epoch, _)| *epoch == Epoch::RollCall);
        found.map_or(0, |(_, count)| *count)
    }
}

/// What the processes on one database tell each other.
///
/// Every method that takes something back, or makes another thing of it than a node may remember, notes that in its
/// own transaction and strikes [`Cluster::marks`] before it returns:
///
/// | change | what is outdated |
/// |---|---|
/// | a grant is replaced, withdrawn or found dead; its access token is not to be used any more | the grant |
/// | a sign-in changes a grant's state or scopes; a user is deleted; an identity is unlinked | the user |
/// | an identity is added | its subject |
/// | a client is revoked | the client |
/// | a data key is removed | [`Epoch::Everything`] |
///
/// A refresh because a token's time is up outdates nothing: the token before it goes on until then.
#[async_trait]
pub trait Cluster {
    /// What this process knows to be outdated.
    fn marks(&self) -> &Marks;
    /// What there is to hear, in one look. Of what was outdated, at least everything that became visible after an
    /// earlier bulletin that was settled at `since`, however long ago it was written.
    async fn bulletin(&self, since: Timestamp) -> Result<Bulletin>;
    /// Begins another epoch, and gives its number.
    async fn begin_epoch(&self, epoch: &Epoch) -> Result<u64>;
    /// This node is there, and has struck everything that was to be heard at this roll call.
    async fn report_node(&self, node: NodeId, heard: u64) -> Result<()>;
    /// It goes.
    async fn remove_node(&self, node: NodeId) -> Result<()>;
    /// Nodes that are alive and have not heard this roll call, by their ids.
    async fn nodes_behind(&self, roll_call: u64) -> Result<Vec<NodeId>>;
}
