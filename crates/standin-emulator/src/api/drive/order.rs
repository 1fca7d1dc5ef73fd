//! `orderBy` of a list: keys, each with `desc` or without.

use std::cmp::Ordering;

use super::store::File;

/// Keys in the order in which they count.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Order(Vec<(Key, bool)>);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Key {
    Created,
    Folder,
    Modified,
    Name,
    Size,
    Starred,
}

impl Order {
    /// `None` for a key that Drive does not have, or the emulator has nothing to sort by.
    pub(super) fn parse(text: &str) -> Option<Self> {
        text.split(',').map(parse_key).collect::<Option<Vec<_>>>().map(Self)
    }

    /// What Drive does unasked: the newest first.
    pub(super) fn newest() -> Self {
        Self(vec![(Key::Modified, true)])
    }

    pub(super) fn sort(&self, files: &mut [&File]) {
        files.sort_by(|left, right| {
            let compared = self.0.iter().map(|(key, descending)| {
                let order = key.compare(left, right);
                if *descending { order.reverse() } else { order }
            });
            compared.fold(Ordering::Equal, Ordering::then)
        });
    }
}

fn parse_key(text: &str) -> Option<(Key, bool)> {
    let mut words = text.split_whitespace();
    let key = match words.next()? {
        "createdTime" => Key::Created,
        "folder" => Key::Folder,
        "modifiedTime" | "modifiedByMeTime" | "recency" => Key::Modified,
        "name" | "name_natural" => Key::Name,
        "quotaBytesUsed" => Key::Size,
        "starred" => Key::Starred,
        _ => return None,
    };
    match (words.next(), words.next()) {
        (None, None) => Some((key, false)),
        (Some("desc"), None) => Some((key, true)),
        _ => None,
    }
}

impl Key {
    /// Folders and starred files come first.
    fn compare(self, left: &File, right: &File) -> Ordering {
        let name = |file: &File| file.text("name").to_lowercase();
        match self {
            Self::Created => left.created.cmp(&right.created),
            Self::Folder => right.is_folder().cmp(&left.is_folder()),
            Self::Modified => left.modified.cmp(&right.modified),
            Self::Name => name(left).cmp(&name(right)),
            Self::Size => left.content.bytes.len().cmp(&right.content.bytes.len()),
            Self::Starred => right.flag("starred").cmp(&left.flag("starred")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::FOLDER;
    use super::super::store::a_file;
    use super::*;

    fn sorted(order: &str) -> String {
        let files = [("b", "x/y", 1), ("a", "x/y", 2), ("c", FOLDER, 3)]
            .map(|(name, kind, at)| File { modified: at, created: -at, ..a_file(name, kind) });
        let mut files: Vec<&File> = files.iter().collect();
        Order::parse(order).unwrap().sort(&mut files);
        files.iter().map(|file| file.text("name")).collect()
    }

    #[test]
    fn keys_count_in_their_order() {
        assert_eq!(sorted("name"), "abc");
        assert_eq!(sorted("name desc"), "cba");
        assert_eq!(sorted("folder,modifiedTime desc,name"), "cab");
        assert_eq!(sorted("createdTime"), "cab");
        for wrong in ["", "size", "name asc", "name desc desc", "name,"] {
            assert_eq!(Order::parse(wrong), None, "{wrong}");
        }
    }
}
