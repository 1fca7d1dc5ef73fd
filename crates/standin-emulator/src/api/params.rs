//! The query of a call, read as Google reads it.

use std::ops::RangeInclusive;

use super::refusal::Refusal;

/// The parameters of a query, decoded.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn parse(query: Option<&str>) -> Self {
        let query = query.unwrap_or_default().as_bytes();
        Self(form_urlencoded::parse(query).into_owned().collect())
    }

    /// The first value of a name; an empty one counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    }

    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    /// A whole number within a range.
    pub(super) fn number(
        &self,
        name: &'static str,
        range: RangeInclusive<u32>,
    ) -> Result<Option<usize>, Refusal> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let refused = |message| Refusal::invalid_parameter(name, message);
        let number: i64 =
            text.parse().map_err(|_| refused(format!("Invalid integer value: '{text}'.")))?;
        let (least, most) = (range.start(), range.end());
        let within = u32::try_from(number).ok().filter(|number| range.contains(number));
        let within = within.and_then(|number| usize::try_from(number).ok());
        within.map(Some).ok_or_else(|| {
            refused(format!(
                "Invalid value '{number}'. Values must be within the range: [{least}, {most}]"
            ))
        })
    }

    /// One of a few words.
    pub(super) fn one_of(
        &self,
        name: &'static str,
        allowed: &[&str],
    ) -> Result<Option<&str>, Refusal> {
        match self.get(name) {
            Some(text) if !allowed.contains(&text) => Err(Refusal::invalid_parameter(
                name,
                format!("Invalid string value: '{text}'. Allowed values: [{}]", allowed.join(", ")),
            )),
            value => Ok(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_are_held_to_their_range() {
        let params = Params::parse(Some("n=7&zero=0&less=-1&text=abc&word=all&empty="));
        let number = |name| params.number(name, 1..=1000).map_err(|refusal| refusal.message);
        assert_eq!(number("n"), Ok(Some(7)));
        assert_eq!(number("absent"), Ok(None));
        assert_eq!(number("empty"), Ok(None));
        let message = "Invalid value '0'. Values must be within the range: [1, 1000]";
        assert_eq!(number("zero"), Err(message.to_owned()));
        assert!(number("less").is_err() && number("text").is_err());
        assert_eq!(params.one_of("word", &["all", "none"]).unwrap(), Some("all"));
        let refusal = params.one_of("text", &["all", "none"]).unwrap_err();
        assert_eq!(refusal.message, "Invalid string value: 'abc'. Allowed values: [all, none]");
    }
}
