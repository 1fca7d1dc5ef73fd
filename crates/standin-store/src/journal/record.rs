//! Records as they are written.
//!
//! ```text
//! record   length (4 bytes, big endian) │ first 8 bytes of SHA-256 over the rest │ kind (1 byte) │ JSON
//! ```
//!
//! A record that was cut off by a crash is the last one and is left out; anything behind it would have been written by
//! somebody who did not know where the file ended, and is not believed.

use std::io;

use serde::{Deserialize, Serialize};
use standin::JournalRecord;
use standin::id::{GrantId, RefreshId};
use standin::secret::sha256;
use standin::time::Timestamp;
use standin::vault::TraceHash;

/// No record is larger: a token answer has at most 256 KiB.
const MAX_RECORD: usize = 1 << 20;
const WRITTEN: u8 = 1;
const SETTLED: u8 = 2;

/// An answer, and since when its row has it, or something newer.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) record: JournalRecord,
    pub(super) settled_at: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    attempt: RefreshId,
    grant: GrantId,
    generation: u64,
    #[serde(default = "unnumbered")]
    question: u64,
    /// Milliseconds since the epoch.
    asked_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spent: Option<[u8; 16]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settled_at: Option<i64>,
    body: String,
}

#[derive(Serialize, Deserialize)]
struct Settlement {
    attempt: RefreshId,
    settled_at: i64,
}

/// Of before questions had numbers.
const fn unnumbered() -> u64 {
    1
}

/// The record of an answer.
pub(super) fn answer(kept: &Kept) -> io::Result<Vec<u8>> {
    let JournalRecord { attempt, grant, generation, question, asked_at, spent, body } =
        &kept.record;
    let line = Line {
        attempt: *attempt,
        grant: *grant,
        generation: *generation,
        question: *question,
        asked_at: asked_at.unix_ms(),
        spent: spent.map(|TraceHash(hash)| hash),
        settled_at: kept.settled_at.map(Timestamp::unix_ms),
        body: String::from_utf8_lossy(body).into_owned(),
    };
    framed(WRITTEN, &line)
}

/// The record that says that the answer to this attempt waits no longer.
pub(super) fn settlement(attempt: RefreshId, now: Timestamp) -> io::Result<Vec<u8>> {
    framed(SETTLED, &Settlement { attempt, settled_at: now.unix_ms() })
}

fn framed(kind: u8, line: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut rest = vec![kind];
    serde_json::to_writer(&mut rest, line)?;
    let length = u32::try_from(rest.len()).map_err(io::Error::other)?;
    let mut record = length.to_be_bytes().to_vec();
    record.extend_from_slice(&sha256(&rest)[..8]);
    record.extend_from_slice(&rest);
    Ok(record)
}

/// Every whole record of a file, up to the first that is none.
pub(super) fn read(mut bytes: &[u8]) -> Vec<Kept> {
    let mut kept: Vec<Kept> = Vec::new();
    while let Some((kind, line, rest)) = next(bytes) {
        bytes = rest;
        match kind {
            WRITTEN => kept.extend(written(line)),
            SETTLED => {
                let Ok(settlement) = serde_json::from_slice::<Settlement>(line) else { continue };
                let settled_at = Timestamp::from_unix_ms(settlement.settled_at);
                let of_it =
                    kept.iter_mut().filter(|kept| kept.record.attempt == settlement.attempt);
                of_it.for_each(|kept| kept.settled_at = Some(settled_at));
            }
            _ => {}
        }
    }
    kept
}

fn next(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (length, bytes) = bytes.split_first_chunk::<4>()?;
    let (sum, bytes) = bytes.split_first_chunk::<8>()?;
    let length =
        usize::try_from(u32::from_be_bytes(*length)).ok().filter(|length| *length <= MAX_RECORD)?;
    let (record, bytes) = bytes.split_at_checked(length)?;
    let (kind, line) = record.split_first()?;
    (sha256(record)[..8] == *sum).then_some((*kind, line, bytes))
}

fn written(line: &[u8]) -> Option<Kept> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let record = JournalRecord {
        attempt: line.attempt,
        grant: line.grant,
        generation: line.generation,
        question: line.question,
        spent: line.spent.map(TraceHash),
        asked_at: Timestamp::from_unix_ms(line.asked_at),
        body: line.body.into_bytes(),
    };
    Some(Kept { record, settled_at: line.settled_at.map(Timestamp::from_unix_ms) })
}
