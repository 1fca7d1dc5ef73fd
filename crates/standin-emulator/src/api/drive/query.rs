//! The `q` of a list: what Drive calls search terms, as far as the emulator has what they ask about.
//!
//! ```text
//! any := all ( "or" all )*    all := one ( "and" one )*    one := "not" one | "(" any ")" | term
//! term := field operator value | value "in" collection
//! ```

use super::store::{File, Folders};
use crate::api::time::instant;

/// A search that has been understood.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Query {
    Any(Vec<Query>),
    All(Vec<Query>),
    Not(Box<Query>),
    Text { field: &'static str, operator: Operator, value: String },
    Flag { field: &'static str, value: bool },
    Time { field: Time, operator: Operator, unix_ms: i64 },
    InFolder(String),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Time {
    Created,
    Modified,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
    Contains,
}

impl Query {
    /// `None` is Google's "Invalid Value".
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut tokens = tokens(text)?;
        tokens.reverse();
        let mut parser = Parser { tokens, depth: 0 };
        let query = parser.any()?;
        parser.tokens.is_empty().then_some(query)
    }

    pub(super) fn matches(&self, file: &File, folders: &Folders) -> bool {
        match self {
            Self::Any(queries) => queries.iter().any(|query| query.matches(file, folders)),
            Self::All(queries) => queries.iter().all(|query| query.matches(file, folders)),
            Self::Not(query) => !query.matches(file, folders),
            Self::Text { field, operator, value } => {
                operator.compares_text(file.text(field), value)
            }
            Self::Flag { field, value } => file.flag(field) == *value,
            Self::Time { field, operator, unix_ms } => {
                let at = if *field == Time::Created { file.created } else { file.modified };
                operator.compares(at, *unix_ms)
            }
            Self::InFolder(id) => file.parent == folders.resolve(id),
        }
    }
}

impl Operator {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "=" => Self::Equal,
            "!=" => Self::Unequal,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::More,
            ">=" => Self::MoreOrEqual,
            "contains" => Self::Contains,
            _ => return None,
        })
    }

    fn compares(self, left: i64, right: i64) -> bool {
        match self {
            Self::Equal | Self::Contains => left == right,
            Self::Unequal => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::More => left > right,
            Self::MoreOrEqual => left >= right,
        }
    }

    /// `contains` is about beginnings of words: `HelloWorld` contains `Hello`, but not `World`.
    fn compares_text(self, text: &str, value: &str) -> bool {
        match self {
            Self::Equal => text == value,
            Self::Unequal => text != value,
            _ => {
                let (text, value) = (text.to_lowercase(), value.to_lowercase());
                let mut found = text.match_indices(&value);
                found.any(|(at, _)| !text[..at].ends_with(char::is_alphanumeric))
            }
        }
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Token {
    Word(String),
    Text(String),
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut rest = text.trim_start();
    let mut tokens = Vec::new();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '\'' | '"' => quoted(rest, first)?,
            '(' | ')' => (Token::Word(first.to_string()), 1),
            '=' | '!' | '<' | '>' => run(rest, |c| "=!<>".contains(c)),
            c if c.is_ascii_alphabetic() => run(rest, |c| c.is_ascii_alphanumeric()),
            _ => return None,
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Some(tokens)
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> (Token, usize) {
    let length = text.find(|c| !belongs(c)).unwrap_or(text.len());
    (Token::Word(text[..length].to_owned()), length)
}

/// A string in quotes, where a backslash escapes a quote or itself.
fn quoted(text: &str, quote: char) -> Option<(Token, usize)> {
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.push(characters.next()?.1),
            c if c == quote => return Some((Token::Text(value), at + 1)),
            c => value.push(c),
        }
    }
    None
}

/// What is still to be read, the next token last.
struct Parser {
    tokens: Vec<Token>,
    depth: usize,
}

/// How deep parentheses and `not` may go.
const DEEPEST: usize = 64;

impl Parser {
    fn any(&mut self) -> Option<Query> {
        let mut queries = vec![self.all()?];
        while self.eat("or") {
            queries.push(self.all()?);
        }
        one_or(queries, Query::Any)
    }

    fn all(&mut self) -> Option<Query> {
        let mut queries = vec![self.one()?];
        while self.eat("and") {
            queries.push(self.one()?);
        }
        one_or(queries, Query::All)
    }

    fn one(&mut self) -> Option<Query> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let query = if self.eat("not") {
            Query::Not(Box::new(self.one()?))
        } else if self.eat("(") {
            let query = self.any()?;
            self.eat(")").then_some(query)?
        } else {
            self.term()?
        };
        self.depth -= 1;
        Some(query)
    }

    fn term(&mut self) -> Option<Query> {
        let field = match self.tokens.pop()? {
            Token::Word(field) => field,
            Token::Text(folder) => {
                let is_in = self.eat("in") && self.eat("parents");
                return is_in.then_some(Query::InFolder(folder));
            }
        };
        let (Token::Word(operator), value) = (self.tokens.pop()?, self.tokens.pop()?) else {
            return None;
        };
        comparison(&field, Operator::parse(&operator)?, value)
    }

    fn eat(&mut self, word: &str) -> bool {
        let is_next = self.tokens.last() == Some(&Token::Word(word.to_owned()));
        if is_next {
            self.tokens.pop();
        }
        is_next
    }
}

fn one_or(mut queries: Vec<Query>, many: fn(Vec<Query>) -> Query) -> Option<Query> {
    if queries.len() == 1 { queries.pop() } else { Some(many(queries)) }
}

fn comparison(field: &str, operator: Operator, value: Token) -> Option<Query> {
    use Operator::{Contains, Equal, Unequal};

    let text_field = ["name", "mimeType"].into_iter().find(|known| *known == field);
    let flag = ["starred", "trashed"].into_iter().find(|known| *known == field);
    match (text_field, flag, value) {
        (Some(field), _, Token::Text(value)) if [Contains, Equal, Unequal].contains(&operator) => {
            Some(Query::Text { field, operator, value })
        }
        (_, Some(field), Token::Word(word)) if [Equal, Unequal].contains(&operator) => {
            let value = ["false", "true"].iter().position(|known| *known == word)? == 1;
            Some(Query::Flag { field, value: value == (operator == Equal) })
        }
        (None, None, Token::Text(value)) if operator != Contains => time(field, operator, &value),
        _ => None,
    }
}

/// A time without an offset is UTC here.
fn time(field: &str, operator: Operator, value: &str) -> Option<Query> {
    let field = match field {
        "createdTime" => Time::Created,
        "modifiedTime" => Time::Modified,
        _ => return None,
    };
    let at = instant(value).or_else(|| instant(&format!("{value}Z")));
    let at = at.or_else(|| instant(&format!("{value}T00:00:00Z")))?;
    let unix_ms = i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()?;
    Some(Query::Time { field, operator, unix_ms })
}

#[cfg(test)]
mod tests {
    use super::super::store::a_file;
    use super::*;

    fn matches(query: &str) -> bool {
        let mut file = a_file("Hello World's HelloWorld.txt", "text/plain");
        file.metadata.insert("starred".to_owned(), true.into());
        let folders = Folders { root: "root-id".to_owned(), app_data: "app-id".to_owned() };
        file.parent = "root-id".to_owned();
        Query::parse(query).unwrap().matches(&file, &folders)
    }

    #[test]
    fn terms_say_what_google_says_they_say() {
        assert!(matches(r"name = 'Hello World\'s HelloWorld.txt'"));
        assert!(!matches("name='hello'") && matches("name!='hello'"));
        assert!(matches("name contains 'hello'") && matches("name contains 'world'"));
        assert!(!matches("name contains 'orld'"));
        assert!(matches("mimeType = 'text/plain'") && !matches("mimeType != 'text/plain'"));
        assert!(
            matches("trashed = false") && matches("trashed != true") && matches("starred=true")
        );
        assert!(matches("'root' in parents") && !matches("'appDataFolder' in parents"));
        assert!(matches("modifiedTime < '2012-06-04T12:00:00' and createdTime >= '1970-01-01'"));
    }

    #[test]
    fn and_binds_before_or_and_not_before_both() {
        assert!(matches("starred = true or trashed = true and trashed = true"));
        assert!(!matches("(starred = true or trashed = true) and trashed = true"));
        assert!(matches("not trashed = true and starred = true"));
        assert!(!matches("not (trashed = false and starred = true)"));
    }

    #[test]
    fn anything_else_is_not_understood() {
        for query in [
            "",
            "name",
            "name = hello",
            "name = 'open",
            "name > 'a'",
            "title = 'a'",
            "trashed = 'true'",
            "trashed = maybe",
            "trashed contains true",
            "fullText contains 'a'",
            "'root' in owners",
            "modifiedTime > 'yesterday'",
            "name = 'a' name = 'b'",
            "(name = 'a'",
            "name = 'a')",
            "name = 'a' and",
            "name = 'a' & starred = true",
        ] {
            assert_eq!(Query::parse(query), None, "{query}");
        }
        assert_eq!(Query::parse(&"(".repeat(100_000)), None);
        assert_eq!(Query::parse(&"not ".repeat(100_000)), None);
    }
}
