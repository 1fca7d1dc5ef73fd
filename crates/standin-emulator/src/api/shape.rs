//! The members of Google's resources, in the order in which Google writes them.
//!
//! A shape is a tree of names. It orders an answer, leaves out what the resource does not have, and
//! says which names a `fields` parameter may hold.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

/// The members of one kind of object.
#[derive(Debug)]
pub(crate) struct Shape(pub(crate) &'static [Member]);

/// A name, and the shape of what is below it unless that is a plain value.
type Member = (&'static str, Option<&'static Shape>);

/// A member with a plain value, a list of such, or a map whose names the caller chooses.
pub(crate) const fn plain(name: &'static str) -> Member {
    (name, None)
}

/// A member with an object or a list of objects.
pub(crate) const fn nested(name: &'static str, shape: &'static Shape) -> Member {
    (name, Some(shape))
}

impl Shape {
    /// The member of this name; `None` if there is none.
    pub(super) fn member(&self, name: &str) -> Option<&'static Member> {
        self.0.iter().find(|(known, _)| *known == name)
    }
}

/// A value as its shape orders it.
#[derive(Debug)]
pub(super) struct InOrder<'a>(pub(super) &'a Shape, pub(super) &'a Value);

impl Serialize for InOrder<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(shape, value) = self;
        match value {
            Value::Array(items) => {
                serializer.collect_seq(items.iter().map(|item| InOrder(shape, item)))
            }
            Value::Object(members) => {
                let known = shape.0.iter().filter_map(|(name, nested)| {
                    members.get(*name).map(|value| (name, nested, value))
                });
                let mut map = serializer.serialize_map(None)?;
                for (name, nested, value) in known {
                    match nested {
                        Some(shape) => map.serialize_entry(name, &InOrder(shape, value))?,
                        None => map.serialize_entry(name, value)?,
                    }
                }
                map.end()
            }
            plain => plain.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_come_in_the_shapes_order_and_unknown_ones_not_at_all() {
        const LEAF: Shape = Shape(&[plain("z"), plain("a")]);
        const TREE: Shape = Shape(&[plain("kind"), nested("items", &LEAF), plain("etag")]);
        let value = json!({"etag": 1, "items": [{"a": 2, "z": 3, "q": 4}, 5], "kind": {"b": 6}});
        assert_eq!(
            serde_json::to_string(&InOrder(&TREE, &value)).unwrap(),
            r#"{"kind":{"b":6},"items":[{"z":3,"a":2},5],"etag":1}"#
        );
    }
}
