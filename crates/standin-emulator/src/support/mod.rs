//! What of Google is emulated, what is not and why: one table, which tests walk and docs are made of.
//!
//! ```text
//! AREAS ─┬─▶ tests/it/support_table.rs: each proof exists, each path answers, each route is listed
//!        └─▶ cargo xtask generate ─▶ docs/emulator.md
//! ```
//!
//! Each area is a file with its rows. Whoever adds an endpoint adds its row, or the tests fail.

mod apis;
mod authorization;
mod classic;
mod consent;
mod control;
mod device;
mod discovery;
mod id_token;
mod identity;
mod risc;
mod source;
mod token;
mod tokeninfo;

pub use self::source::Source;

/// A part of Google with everything that is said about it.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    /// Its heading.
    pub name: &'static str,
    /// What is emulated of it, and what is not.
    pub rows: &'static [Row],
}

/// One thing that Google does.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What it is, in Markdown.
    pub feature: &'static str,
    /// Whether it is here.
    pub how: How,
    /// `GET /path`, with `{placeholders}`. Where the row says [`How::Not`], these answer with Google's
    /// page for addresses that do not exist; otherwise with something else, and with no other method.
    pub paths: &'static [&'static str],
    /// Parameters of the authorization endpoint that make no difference.
    pub ignored: &'static [&'static str],
    /// Where it says that Google does so.
    pub sources: &'static [Source],
    /// Tests: `it::<file>::<function>`, `e2e:<story>`, `interop:<file> <title>`.
    pub proof: &'static [&'static str],
}

/// Whether something is emulated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum How {
    /// As Google does it.
    Emulated,
    /// With a difference, which is named.
    Partly(&'static str),
    /// Not at all, for this reason.
    Not(&'static str),
}

/// Everything, in the order of a sign-in.
pub const AREAS: [Area; 14] = [
    Area { name: "Discovery and keys", rows: &discovery::ROWS },
    Area { name: "Authorization", rows: &authorization::ROWS },
    Area { name: "Consent", rows: &consent::ROWS },
    Area { name: "Token endpoint", rows: &token::ROWS },
    Area { name: "ID tokens", rows: &id_token::ROWS },
    Area { name: "Tokeninfo, userinfo, revocation", rows: &tokeninfo::ROWS },
    Area { name: "Device flow", rows: &device::ROWS },
    Area { name: "Google Identity scripts", rows: &identity::ROWS },
    Area { name: "Classic scripts (gapi.auth2)", rows: &classic::ROWS },
    Area { name: "APIs", rows: &apis::COMMON },
    Area { name: "Calendar", rows: &apis::CALENDAR },
    Area { name: "Drive", rows: &apis::DRIVE },
    Area { name: "Cross-Account Protection", rows: &risc::ROWS },
    Area { name: "Control", rows: &control::ROWS },
];

/// Something that is emulated.
const fn yes(feature: &'static str) -> Row {
    Row { feature, how: How::Emulated, paths: &[], ignored: &[], sources: &[], proof: &[] }
}

/// Something that is emulated with a difference.
const fn partly(feature: &'static str, difference: &'static str) -> Row {
    Row { how: How::Partly(difference), ..yes(feature) }
}

/// Something that is not emulated.
const fn not(feature: &'static str, reason: &'static str) -> Row {
    Row { how: How::Not(reason), ..yes(feature) }
}

impl Row {
    const fn at(self, paths: &'static [&'static str]) -> Self {
        Self { paths, ..self }
    }

    const fn ignores(self, ignored: &'static [&'static str]) -> Self {
        Self { ignored, ..self }
    }

    const fn from(self, sources: &'static [Source]) -> Self {
        Self { sources, ..self }
    }

    const fn by(self, proof: &'static [&'static str]) -> Self {
        Self { proof, ..self }
    }
}
