//! Page and sync tokens: opaque to clients, positions to us.

use data_encoding::BASE64URL_NOPAD;

/// For how long a sync token is good. Google does not say; a month is what it keeps deletions for.
pub(super) const LIFETIME_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Where the next page begins, and the state of the calendar when the first one was asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Page {
    pub(super) offset: usize,
    pub(super) since: i64,
}

/// What a client has seen, and when it was told so.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Sync {
    pub(super) changed: i64,
    pub(super) issued: i64,
}

impl Page {
    pub(super) fn to_token(self) -> String {
        encode("page", &self.offset.to_string(), self.since)
    }

    pub(super) fn parse(token: &str) -> Option<Self> {
        let (offset, since) = decode("page", token)?;
        Some(Self { offset: offset.parse().ok()?, since })
    }
}

impl Sync {
    pub(super) fn to_token(self) -> String {
        encode("sync", &self.changed.to_string(), self.issued)
    }

    pub(super) fn parse(token: &str) -> Option<Self> {
        let (changed, issued) = decode("sync", token)?;
        Some(Self { changed: changed.parse().ok()?, issued })
    }

    pub(super) fn is_stale(self, now: i64) -> bool {
        now.saturating_sub(self.issued) > LIFETIME_MS
    }
}

fn encode(kind: &str, first: &str, second: i64) -> String {
    BASE64URL_NOPAD.encode(format!("{kind}:{first}:{second}").as_bytes())
}

fn decode(kind: &str, token: &str) -> Option<(String, i64)> {
    let text = String::from_utf8(BASE64URL_NOPAD.decode(token.as_bytes()).ok()?).ok()?;
    let (first, second) = text.strip_prefix(kind)?.strip_prefix(':')?.split_once(':')?;
    Some((first.to_owned(), second.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_and_do_not_pass_for_each_other() {
        let page = Page { offset: 7, since: 9 };
        let sync = Sync { changed: 7, issued: 9 };
        assert_eq!(Page::parse(&page.to_token()), Some(page));
        assert_eq!(Sync::parse(&sync.to_token()), Some(sync));
        assert_eq!(Sync::parse(&page.to_token()), None);
        assert_eq!(Page::parse("nonsense"), None);
        assert!(!sync.is_stale(9 + LIFETIME_MS) && sync.is_stale(10 + LIFETIME_MS));
    }
}
