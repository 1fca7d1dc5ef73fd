//! Mutations of seeds: what a fuzzer does first, without its instrumentation.

use proptest::prelude::*;
use proptest::sample::Index;

/// What parsers stumble over.
const WORDS: [&[u8]; 32] = [
    b"/",
    b"//",
    b"\\",
    b"..",
    b"%2f",
    b"%2e",
    b"%00",
    b"%",
    b"&",
    b"=",
    b";",
    b",",
    b" ",
    b"\t",
    b"\n",
    b"\0",
    b".",
    b"#",
    b"?",
    b"@",
    b":",
    b"\"",
    b"{",
    b"}",
    b"[",
    b"null",
    b"true",
    b"18446744073709551616",
    b"-1",
    b"1e400",
    b"\\u0000",
    b"\xe2\x80\xa8",
];

#[derive(Clone, Debug)]
enum Edit {
    Delete(Index, Index),
    Insert(Index, u8),
    InsertWord(Index, Index),
    Repeat(Index, Index),
    Replace(Index, u8),
    Splice(Index, Index, Index),
    Truncate(Index),
}

/// One of the seeds, after up to six edits.
pub(crate) fn of(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let edits = prop::collection::vec(edit(), 1..7);
    (any::<Index>(), edits).prop_map(move |(seed, edits)| {
        let start = seed.get(&seeds).clone();
        edits.iter().fold(start, |bytes, edit| apply(bytes, edit, &seeds))
    })
}

fn edit() -> impl Strategy<Value = Edit> {
    let place = any::<Index>;
    prop_oneof![
        (place(), place()).prop_map(|(from, to)| Edit::Delete(from, to)),
        (place(), any::<u8>()).prop_map(|(at, byte)| Edit::Insert(at, byte)),
        (place(), place()).prop_map(|(at, word)| Edit::InsertWord(at, word)),
        (place(), place()).prop_map(|(from, to)| Edit::Repeat(from, to)),
        (place(), any::<u8>()).prop_map(|(at, byte)| Edit::Replace(at, byte)),
        (place(), place(), place()).prop_map(|(at, seed, from)| Edit::Splice(at, seed, from)),
        place().prop_map(Edit::Truncate),
    ]
}

fn apply(mut bytes: Vec<u8>, edit: &Edit, seeds: &[Vec<u8>]) -> Vec<u8> {
    let place = |at: &Index| at.index(bytes.len() + 1);
    match edit {
        Edit::Delete(from, to) => {
            let (from, to) = ordered(place(from), place(to));
            // Mostly a little: a long piece leaves nothing of the seed.
            bytes.drain(from..to.min(from + 8));
        }
        Edit::Insert(at, byte) => bytes.insert(place(at), *byte),
        Edit::InsertWord(at, word) => {
            let at = place(at);
            bytes.splice(at..at, word.get(&WORDS).iter().copied());
        }
        Edit::Repeat(from, to) => {
            let (from, to) = ordered(place(from), place(to));
            let piece = bytes[from..to].to_vec();
            bytes.splice(to..to, piece);
        }
        Edit::Replace(at, byte) => {
            let at = place(at);
            bytes.iter_mut().skip(at).take(1).for_each(|old| *old = *byte);
        }
        Edit::Splice(at, seed, from) => {
            let other = seed.get(seeds);
            bytes.truncate(place(at));
            bytes.extend_from_slice(&other[from.index(other.len() + 1)..]);
        }
        Edit::Truncate(at) => bytes.truncate(place(at)),
    }
    bytes
}

fn ordered(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}
