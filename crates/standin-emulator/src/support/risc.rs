//! Cross-Account Protection.

use super::source::RISC;
use super::{Row, not};

pub(super) const ROWS: [Row; 1] = [not("`ssf-configuration`", "Google has none")
    .at(&["GET /.well-known/ssf-configuration"])
    .from(&[RISC])];
