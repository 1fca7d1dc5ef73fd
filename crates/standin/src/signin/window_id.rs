//! The name that a page gives the window it opens, so that it knows that window's word from another's.
//!
//! It goes in with the login address, travels sealed in the attempt, and comes out on the page that the window
//! ends on. It protects nothing: a page that knows it has chosen it.

use serde::{Deserialize, Serialize};

/// The longest name: more than a UUID, and little enough for a cookie.
const MAX_BYTES: usize = 64;

/// 1 to 64 of `A-Z a-z 0-9 - _`: nothing that means anything in HTML, a URL or a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WindowId(String);

impl WindowId {
    /// `None` for anything that is no such name.
    ///
    /// ```
    /// # use standin::signin::WindowId;
    /// assert!(WindowId::new("b7a8-window_1".to_owned()).is_some());
    /// assert!(WindowId::new("<b>".to_owned()).is_none());
    /// ```
    #[must_use]
    pub fn new(name: String) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let fits = (1..=MAX_BYTES).contains(&name.len()) && name.bytes().all(is_plain);
        fits.then_some(Self(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
