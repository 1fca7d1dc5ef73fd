//! "Did you mean": the known name that is nearest to a wrong one.

/// The nearest of `known`, if it is near enough to have been meant.
pub(crate) fn nearest<'a>(
    given: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let likely = known.into_iter().map(|name| (strsim::jaro_winkler(given, name), name));
    let best = likely.max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(likeness, _)| *likeness > 0.75).map(|(_, name)| name)
}

/// Adds a suggestion to serde's complaint about an unknown field or variant, which names the known ones.
pub(crate) fn with_suggestion(complaint: String) -> String {
    let mut names = complaint.split('`').skip(1).step_by(2);
    let is_unknown = ["unknown field `", "unknown variant `"];
    let given = is_unknown.iter().any(|start| complaint.contains(start)).then(|| names.next());
    match given.flatten().and_then(|given| nearest(given, names)) {
        Some(name) => format!("{complaint}; did you mean `{name}`?"),
        None => complaint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_near_name_is_suggested() {
        let complaint = "unknown field `emial`, expected one of `email`, `sub`, `name`";
        let suggested = with_suggestion(complaint.to_owned());
        assert_eq!(suggested, format!("{complaint}; did you mean `email`?"));
        for other in ["unknown field `zzz`, expected `email`", "missing field `user`"] {
            assert_eq!(with_suggestion(other.to_owned()), other);
        }
    }
}
