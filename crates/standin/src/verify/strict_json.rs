//! JSON objects as JOSE wants them: read once, flat, and without a member that occurs twice.
//!
//! Which of two equal members counts differs between parsers, and an attacker lives in that difference
//! (RFC 7515 §4, §10.12). So repeated names are refused at every level, known or not, and what the reader
//! does not want is walked over without being kept.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Far beyond any real header or claim set; keeps the search for repeated names cheap.
const MAX_MEMBERS: usize = 256;
/// Far beyond any real claim; keeps the walk off the end of the stack.
const MAX_DEPTH: u8 = 16;

/// What a wanted member held, borrowed from the text wherever no escape stands in the way.
#[derive(Debug, Default, PartialEq)]
pub(super) enum Value<'de> {
    /// The member was not there.
    #[default]
    Absent,
    /// `true` or `false`.
    Bool(bool),
    /// An integer from 0 to 2^64 - 1, written as one.
    Integer(u64),
    /// A string.
    Text(Cow<'de, str>),
    /// An array of strings, possibly empty.
    Texts(Vec<Cow<'de, str>>),
    /// Anything else: null, a negative number, a fraction, an object, a mixed array.
    Other,
}

impl Value<'_> {
    /// The string, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// An object some of whose members are wanted.
pub(super) trait Members<'de>: Default {
    /// Where the member of this name goes; `None` to walk over it.
    fn slot(&mut self, name: &str) -> Option<&mut Value<'de>>;
}

/// Reads one JSON object and nothing after it.
pub(super) fn parse<'de, M: Members<'de>>(json: &'de [u8]) -> Result<M, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let mut members = M::default();
    deserializer.deserialize_map(ObjectVisitor(&mut members))?;
    deserializer.end()?;
    Ok(members)
}

struct ObjectVisitor<'m, M>(&'m mut M);

impl<'de, M: Members<'de>> Visitor<'de> for ObjectVisitor<'_, M> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut names = Names::default();
        while let Some(name) = map.next_key_seed(NameSeed)? {
            match self.0.slot(&name) {
                Some(slot) => *slot = map.next_value_seed(Wanted(Walk { depth: 1 }))?,
                None => map.next_value_seed(Walk { depth: 1 })?,
            }
            names.add(name)?;
        }
        Ok(())
    }
}

/// The names of one object so far.
#[derive(Default)]
struct Names<'de>(Vec<Cow<'de, str>>);

impl<'de> Names<'de> {
    fn add<E: Error>(&mut self, name: Cow<'de, str>) -> Result<(), E> {
        if self.0.contains(&name) {
            return Err(E::custom("a member occurs twice"));
        }
        if self.0.len() == MAX_MEMBERS {
            return Err(E::custom("too many members"));
        }
        self.0.push(name);
        Ok(())
    }
}

/// Reads a name without copying it (serde's own `Cow` always copies).
struct NameSeed;

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NameSeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// Reads a wanted value; how deep it lies is kept for what it holds.
struct Wanted(Walk);

impl<'de> DeserializeSeed<'de> for Wanted {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Wanted {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_i64<E>(self, _negative: i64) -> Result<Self::Value, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E>(self, _fraction: f64) -> Result<Self::Value, E> {
        Ok(Value::Other)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Other)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let inner = self.0.deeper()?;
        let mut texts = Vec::new();
        while let Some(item) = seq.next_element_seed(Wanted(inner))? {
            let Value::Text(text) = item else {
                while seq.next_element_seed(inner)?.is_some() {}
                return Ok(Value::Other);
            };
            texts.push(text);
        }
        Ok(Value::Texts(texts))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        self.0.visit_map(map)?;
        Ok(Value::Other)
    }
}

/// Walks over a value, keeping nothing but an eye on repeated names and on depth.
#[derive(Clone, Copy)]
struct Walk {
    depth: u8,
}

impl Walk {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom("nested too deeply"));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Walk {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while seq.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut names = Names::default();
        while let Some(name) = map.next_key_seed(NameSeed)? {
            names.add(name)?;
            map.next_value_seed(inner)?;
        }
        Ok(())
    }
}
