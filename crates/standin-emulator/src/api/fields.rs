//! Partial answers: the `fields` parameter, parsed, checked against a shape, and applied.
//!
//! ```text
//! list := path ( "," path )*      path := name ( "/" name )* [ "(" list ")" ]      name := word | "*"
//! ```

use std::collections::BTreeMap;

use serde_json::Value;

use super::shape::Shape;

/// What of an object is asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Fields {
    All,
    Only(BTreeMap<String, Fields>),
}

impl Fields {
    /// Parses and checks a selection; the error is the part that selects nothing.
    pub(super) fn parse(text: &str, shape: &Shape) -> Result<Self, String> {
        let mut rest = Rest { text, depth: 0 };
        let fields = rest.list().filter(|_| rest.text.is_empty()).ok_or_else(|| text.to_owned())?;
        fields.check(shape)?;
        Ok(fields)
    }

    /// What is left of a value.
    pub(super) fn select(&self, value: Value) -> Value {
        match (self, value) {
            (Self::Only(_), Value::Array(items)) => {
                items.into_iter().map(|item| self.select(item)).collect()
            }
            (Self::Only(wanted), Value::Object(members)) => members
                .into_iter()
                .filter_map(|(name, value)| {
                    let value = wanted.get(&name)?.select(value);
                    Some((name, value))
                })
                .collect(),
            (_, value) => value,
        }
    }

    fn check(&self, shape: &Shape) -> Result<(), String> {
        let Self::Only(wanted) = self else {
            return Ok(());
        };
        for (name, below) in wanted {
            let (_, nested) = shape.member(name).ok_or_else(|| name.clone())?;
            nested.map_or(Ok(()), |shape| below.check(shape))?;
        }
        Ok(())
    }

    /// Both selections in one: `files/id,files/name` asks for two members of one list.
    fn merge(self, other: Self) -> Self {
        let (Self::Only(mut all), Self::Only(more)) = (self, other) else {
            return Self::All;
        };
        for (name, below) in more {
            let merged = match all.remove(&name) {
                Some(known) => known.merge(below),
                None => below,
            };
            all.insert(name, merged);
        }
        Self::Only(all)
    }
}

/// How deep members may be named: deeper than any answer goes, and not as deep as the stack.
const DEEPEST: usize = 64;

/// The text that is still to be read.
struct Rest<'a> {
    text: &'a str,
    depth: usize,
}

impl Rest<'_> {
    fn list(&mut self) -> Option<Fields> {
        let mut fields = self.path()?;
        while self.eat(',') {
            fields = fields.merge(self.path()?);
        }
        Some(fields)
    }

    fn path(&mut self) -> Option<Fields> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let name = self.name()?;
        let below = if self.eat('/') {
            self.path()?
        } else if self.eat('(') {
            let list = self.list()?;
            self.eat(')').then_some(list)?
        } else {
            Fields::All
        };
        self.depth -= 1;
        match name.as_str() {
            "*" => Some(below),
            _ => Some(Fields::Only(BTreeMap::from([(name, below)]))),
        }
    }

    fn name(&mut self) -> Option<String> {
        let text = self.text.trim_start();
        let is_name = |c: char| c.is_ascii_alphanumeric() || "*_-".contains(c);
        let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        self.text = rest.trim_start();
        (!name.is_empty()).then(|| name.to_owned())
    }

    fn eat(&mut self, wanted: char) -> bool {
        let Some(rest) = self.text.strip_prefix(wanted) else {
            return false;
        };
        self.text = rest.trim_start();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::shape::{nested, plain};
    use super::*;
    use serde_json::json;

    const FILE: Shape = Shape(&[plain("id"), plain("name"), plain("properties")]);
    const LIST: Shape = Shape(&[plain("kind"), nested("files", &FILE)]);

    fn selected(fields: &str) -> String {
        let value = json!({"kind": "k", "files": [{"id": 1, "name": 2, "properties": {"a": 3}}]});
        match Fields::parse(fields, &LIST) {
            Ok(fields) => fields.select(value).to_string(),
            Err(unknown) => format!("unknown {unknown}"),
        }
    }

    #[test]
    fn a_selection_leaves_what_it_names() {
        assert_eq!(selected("kind"), r#"{"kind":"k"}"#);
        let both = r#"{"files":[{"id":1,"name":2}]}"#;
        assert_eq!(selected("files(id,name)"), both);
        assert_eq!(selected(" files ( id , name ) "), both);
        assert_eq!(selected("files/id,files/name"), both);
        assert_eq!(selected("files/properties/a"), r#"{"files":[{"properties":{"a":3}}]}"#);
        let all = selected("*");
        assert_eq!(all, r#"{"files":[{"id":1,"name":2,"properties":{"a":3}}],"kind":"k"}"#);
        assert_eq!(selected("kind,files(*)"), all);
        assert_eq!(selected("files(id),files"), selected("files"));
    }

    #[test]
    fn a_selection_of_nothing_is_named() {
        assert_eq!(selected("files(nmae)"), "unknown nmae");
        assert_eq!(selected("items"), "unknown items");
        for broken in ["files(id", "files)", "", ",", "files(),kind", "kind files", "files/"] {
            assert_eq!(selected(broken), format!("unknown {broken}"));
        }
    }

    #[test]
    fn no_depth_costs_more_than_a_refusal() {
        let as_wide_as_one_likes = "files/id,".repeat(1_000) + "kind";
        assert!(selected(&as_wide_as_one_likes).starts_with('{'));
        for deep in ["a/".repeat(100_000) + "a", "a(".repeat(100_000)] {
            assert_eq!(selected(&deep), format!("unknown {deep}"));
        }
    }
}
