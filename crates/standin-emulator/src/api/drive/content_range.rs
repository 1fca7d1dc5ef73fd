//! The `Content-Range` of an upload: which bytes a request carries, or a question how many are there.

use super::number;

/// A header that was understood.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ContentRange {
    /// `bytes FIRST-LAST/TOTAL`; the total may still be `*`.
    Chunk { first: usize, last: usize, total: Option<usize> },
    /// `bytes */TOTAL`: how far is it?
    Question { total: Option<usize> },
}

impl ContentRange {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (range, total) = text.strip_prefix("bytes ")?.trim().split_once('/')?;
        let total = if total == "*" { None } else { Some(number(total)?) };
        if range == "*" {
            return Some(Self::Question { total });
        }
        let (first, last) = range.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        let fits = first <= last && total.is_none_or(|total| last < total);
        (fits && last < usize::MAX).then_some(Self::Chunk { first, last, total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_and_questions_are_told_apart() {
        let chunk = |first, last, total| Some(ContentRange::Chunk { first, last, total });
        assert_eq!(ContentRange::parse("bytes 0-9/10"), chunk(0, 9, Some(10)));
        assert_eq!(ContentRange::parse("bytes 5-9/*"), chunk(5, 9, None));
        let question = |total| Some(ContentRange::Question { total });
        assert_eq!(ContentRange::parse("bytes */10"), question(Some(10)));
        assert_eq!(ContentRange::parse("bytes */*"), question(None));
        for wrong in
            ["*/*", "bytes 9-5/10", "bytes 0-10/10", "bytes 0-9", "bytes a-b/c", "bytes -9/10"]
        {
            assert_eq!(ContentRange::parse(wrong), None, "{wrong}");
        }
    }
}
