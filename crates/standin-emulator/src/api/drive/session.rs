//! Resumable uploads under way: what has come so far, and what may come next.

use std::collections::VecDeque;

use axum::body::Bytes;
use serde_json::{Map, Value};

use super::content_range::ContentRange;
use crate::api::params::Params;
use crate::state::grants::AccessToken;

/// All chunks but the last are multiples of this; of others the rest is forgotten.
pub(super) const GRANULE: usize = 256 * 1024;
/// How many sessions there are at once; the oldest makes way.
const MOST: usize = 64;

/// Sessions, the one that was used last at the end.
#[derive(Debug, Default)]
pub(super) struct Sessions(VecDeque<Session>);

/// One upload: what it is for, who began it, and the bytes so far.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) token: AccessToken,
    /// The file whose content is replaced; none for a new one.
    pub(super) target: Option<String>,
    pub(super) metadata: Map<String, Value>,
    pub(super) params: Params,
    pub(super) content_type: String,
    pub(super) total: Option<usize>,
    pub(super) received: Vec<u8>,
    /// The file that came of it.
    pub(super) done: Option<String>,
}

/// Where an upload stands after a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Standing {
    Complete,
    Incomplete,
}

impl Sessions {
    pub(super) fn add(&mut self, session: Session) {
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(session);
    }

    pub(super) fn find(&self, id: &str) -> Option<&Session> {
        self.0.iter().find(|session| session.id == id)
    }

    /// Removes a session; who goes on with it adds it again, as the youngest.
    pub(super) fn take(&mut self, id: &str) -> Option<Session> {
        let at = self.0.iter().position(|session| session.id == id)?;
        self.0.remove(at)
    }

    /// The bytes that a subject's sessions hold.
    pub(super) fn used(&self, sub: &str) -> usize {
        let own = self.0.iter().filter(|session| session.sub() == sub);
        own.map(|session| session.received.len()).sum()
    }
}

impl Session {
    /// Whose Drive it is.
    pub(super) fn sub(&self) -> &str {
        &self.token.owner.sub
    }

    /// Takes the bytes of a request, or the reason why it cannot, in the upload server's words.
    pub(super) fn take(
        &mut self,
        range: Option<ContentRange>,
        body: &Bytes,
    ) -> Result<Standing, String> {
        if self.done.is_some() {
            return Ok(Standing::Complete);
        }
        let length = body.len();
        let (first, end, total) = match range {
            None => (0, length, Some(length)),
            Some(ContentRange::Question { total }) => {
                self.agree_on(total)?;
                return Ok(self.standing());
            }
            Some(ContentRange::Chunk { first, last, total }) => (first, last + 1, total),
        };
        check_length(first, end, length)?;
        self.agree_on(total)?;
        self.append(first, body)?;
        if self.standing() == Standing::Incomplete {
            self.keep_whole_granules(length)?;
        }
        Ok(self.standing())
    }

    fn standing(&self) -> Standing {
        let is_complete = self.total == Some(self.received.len());
        if is_complete { Standing::Complete } else { Standing::Incomplete }
    }

    fn agree_on(&mut self, total: Option<usize>) -> Result<(), String> {
        if let (Some(known), Some(total)) = (self.total, total)
            && known != total
        {
            return Err(format!(
                "Invalid request.  According to the Content-Range header, the final size of the \
                 upload is {total} byte(s).  This does not match the expected size of {known} \
                 byte(s), which was specified in an earlier request."
            ));
        }
        self.total = self.total.or(total);
        Ok(())
    }

    /// Bytes that are there already are passed over; a gap is refused.
    fn append(&mut self, first: usize, body: &Bytes) -> Result<(), String> {
        let held = self.received.len();
        let Some(known) = held.checked_sub(first) else {
            return Err(format!(
                "Invalid request.  According to the Content-Range header, the upload offset is \
                 {first} byte(s), which exceeds already uploaded size of {held} byte(s)."
            ));
        };
        self.received.extend_from_slice(body.get(known..).unwrap_or_default());
        if let Some(total) = self.total
            && self.received.len() > total
        {
            self.received.truncate(held);
            return Err("Failed to parse Content-Range header.".to_owned());
        }
        Ok(())
    }

    fn keep_whole_granules(&mut self, length: usize) -> Result<(), String> {
        self.received.truncate(self.received.len() / GRANULE * GRANULE);
        if length >= GRANULE {
            return Ok(());
        }
        Err(format!(
            "Invalid request.  The number of bytes uploaded is required to be equal or greater \
             than {GRANULE}, except for the final request (it's recommended to be the exact \
             multiple of {GRANULE}).  The received request contained {length} bytes, which does \
             not meet this requirement."
        ))
    }
}

fn check_length(first: usize, end: usize, length: usize) -> Result<(), String> {
    let expected = end - first;
    if expected == length {
        return Ok(());
    }
    let last = end.saturating_sub(1);
    Err(format!(
        "Invalid request.  There were {length} byte(s) in the request body.  There should have \
         been {expected} byte(s) (starting at offset {first} and ending at offset {last}) \
         according to the Content-Range header."
    ))
}
