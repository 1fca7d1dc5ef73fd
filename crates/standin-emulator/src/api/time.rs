//! Instants as Google writes and reads them.

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

const MILLISECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// UTC with three digits of a second, from milliseconds since the epoch.
pub(super) fn rfc3339(unix_ms: i64) -> String {
    let instant = OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000);
    instant.ok().and_then(|instant| instant.format(MILLISECONDS).ok()).unwrap_or_default()
}

/// A time with its offset; `None` without one.
pub(super) fn instant(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_always_have_three_digits() {
        assert_eq!(rfc3339(1_766_000_000_500), "2025-12-17T19:33:20.500Z");
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert!(instant("2026-10-12T10:00:00").is_none());
        assert!(instant("2026-10-12T10:00:00+01:00").is_some());
    }
}
