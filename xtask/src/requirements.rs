//! `docs/requirements.md` as data: families of requirements, each with the attacks that it stops; and how an id
//! looks in prose (`CB-3`) and in the name of a test (`cb_3_…`).

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context as _;

/// What begins an id. Faults (`D4`) have no hyphen.
const FAMILIES: [&str; 17] = [
    "AD", "AR", "CB", "EM", "FA", "HH", "ID", "LS", "OC", "RD", "RF", "RI", "SC", "ST", "SU", "TV",
    "VC",
];

/// A section of the list.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) heading: String,
    /// The attacks, in the paragraph that begins with "Stops".
    pub(crate) stops: String,
    pub(crate) requirements: Vec<Requirement>,
}

/// A row of the list.
#[derive(Debug)]
pub(crate) struct Requirement {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) source: String,
}

pub(crate) fn read(root: &Path) -> anyhow::Result<Vec<Family>> {
    let path = root.join("docs/requirements.md");
    let list = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(parse(&list))
}

pub(crate) fn parse(list: &str) -> Vec<Family> {
    list.split("\n## ").skip(1).map(family).collect()
}

pub(crate) fn listed(families: &[Family]) -> BTreeSet<&str> {
    let requirements = families.iter().flat_map(|family| &family.requirements);
    requirements.map(|requirement| requirement.id.as_str()).collect()
}

fn family(section: &str) -> Family {
    let (heading, body) = section.split_once('\n').unwrap_or((section, ""));
    let prose = body.lines().take_while(|line| !line.starts_with('|'));
    let stops: Vec<_> = prose.filter(|line| !line.is_empty()).collect();
    let requirements = body.lines().filter_map(requirement).collect();
    Family { heading: heading.to_owned(), stops: stops.join(" "), requirements }
}

fn requirement(line: &str) -> Option<Requirement> {
    let mut cells = line.strip_prefix("| ")?.trim_end_matches(" |").split(" | ");
    let (id, text, source) = (cells.next()?, cells.next()?, cells.next()?);
    let row = Requirement { id: id.to_owned(), text: text.to_owned(), source: source.to_owned() };
    (id != "id").then_some(row)
}

/// Whether a word of a comment is an id.
pub(crate) fn is_id(word: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    word.split_once('-').is_some_and(|(family, n)| FAMILIES.contains(&family) && is_number(n))
}

/// The ids at the beginning of a test's name, and what it says then: `cb_1_ar_4_a_sentence`, `id_5_to_id_7_…`,
/// `rf_15_d18_…`.
pub(crate) fn of_name(name: &str) -> (Vec<String>, String) {
    let words: Vec<_> = name.split('_').collect();
    let (mut ids, mut rest) = (Vec::new(), words.as_slice());
    loop {
        let (is_range, after) = match rest {
            ["to", after @ ..] if !ids.is_empty() => (true, after),
            all => (false, all),
        };
        let Some((id, after)) = first_id(after) else {
            return (ids, rest.join(" "));
        };
        if is_range {
            ids.extend(between(ids.last(), &id));
        }
        ids.push(id);
        rest = after;
    }
}

fn first_id<'a>(words: &'a [&'a str]) -> Option<(String, &'a [&'a str])> {
    let (first, rest) = words.split_first()?;
    let is_fault = |digits: &str| digits.parse::<u8>().is_ok();
    if first.strip_prefix('d').is_some_and(is_fault) {
        return Some((first.to_ascii_uppercase(), rest));
    }
    let (second, rest) = rest.split_first()?;
    let is_lower = first.bytes().all(|byte| byte.is_ascii_lowercase());
    let id = format!("{}-{second}", first.to_ascii_uppercase());
    (is_lower && is_id(&id)).then_some((id, rest))
}

/// The ids that a range means without naming them.
fn between(first: Option<&String>, last: &str) -> Vec<String> {
    let split =
        |id: &str| id.split_once('-').map(|(family, n)| (family.to_owned(), n.parse::<u32>()));
    match (first.and_then(|id| split(id)), split(last)) {
        (Some((family, Ok(low))), Some((_, Ok(high)))) => {
            (low + 1..high).map(|number| format!("{family}-{number}")).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_begins_with_its_ids() {
        for (name, ids, says) in [
            ("cb_3_fifty_at_once", &["CB-3"][..], "fifty at once"),
            ("id_4_id_19_what_is_none", &["ID-4", "ID-19"], "what is none"),
            ("id_5_to_id_7_a_credential", &["ID-5", "ID-6", "ID-7"], "a credential"),
            ("rf_15_d18_an_endpoint", &["RF-15", "D18"], "an endpoint"),
            ("d2_nobody_may", &["D2"], "nobody may"),
            ("a_2_b", &[], "a 2 b"),
            ("cb_three", &[], "cb three"),
            ("double", &[], "double"),
        ] {
            assert_eq!(of_name(name), (ids.iter().map(ToString::to_string).collect(), says.into()));
        }
    }

    #[test]
    fn what_only_looks_like_an_id_is_none() {
        for word in ["UTF-8", "SHA-256", "AR-1a", "AR-", "x-AR-1", "AR1"] {
            assert!(!is_id(word), "{word}");
        }
    }

    #[test]
    fn a_list_is_read_as_it_is_written() {
        let list = "# R\n\nProse.\n\n## CB: the callback\n\nStops\nthieves.\n\n| id | requirement | source |\n\
                    |---|---|---|\n| CB-3 | once | RFC 1 |\n";
        let [family] = &parse(list)[..] else { panic!("one family") };
        assert_eq!((&*family.heading, &*family.stops), ("CB: the callback", "Stops thieves."));
        let [row] = &family.requirements[..] else { panic!("one row") };
        assert_eq!((&*row.id, &*row.text, &*row.source), ("CB-3", "once", "RFC 1"));
    }
}
