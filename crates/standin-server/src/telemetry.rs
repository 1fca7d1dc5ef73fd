//! Logs: to stderr, one line per event, as text or JSON, and never a line that somebody else wrote.
//!
//! What comes from outside (a path, a user agent, an address) may hold line breaks, terminal commands or
//! characters that turn text around. A finished event is one write here, so everything of that kind
//! inside it is escaped in one place, whatever the field (requirement LS-3). For the same reason there is
//! no colour: an escape sequence of ours could not be told from a forged one.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For machines: one JSON object per line.
    Json,
}

impl Format {
    /// As it is configured.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// Sends the events of this process to stderr. A second call changes nothing.
pub fn init(format: Format, level: &str) {
    let builder = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_env_filter(EnvFilter::new(level))
        // Where stderr cannot be written, as on a full disk, it would say so there, and panic because it cannot.
        .log_internal_errors(false)
        .with_writer(OneLine(io::stderr));
    // It fails only where a subscriber is set already: in tests, which keep theirs.
    let _ = match format {
        Format::Text => builder.try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    };
}

/// Escapes what must not be in a line before it goes to the writer inside.
#[derive(Clone, Copy, Debug)]
pub struct OneLine<M>(pub M);

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for OneLine<M> {
    type Writer = OneLine<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        OneLine(self.0.make_writer())
    }
}

impl<W: Write> Write for OneLine<W> {
    /// Takes one whole event, as the subscriber gives it.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let (line, end) = match text.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (&*text, ""),
        };
        match escaped(line) {
            Cow::Borrowed(_) => self.0.write_all(event)?,
            Cow::Owned(line) => self.0.write_all(format!("{line}{end}").as_bytes())?,
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// `\u000a` and the like: right in text, and the same string to a JSON parser.
fn escaped(line: &str) -> Cow<'_, str> {
    if !line.contains(is_dangerous) {
        return Cow::Borrowed(line);
    }
    let mut safe = String::with_capacity(line.len() + 16);
    for character in line.chars() {
        if is_dangerous(character) {
            // Writing to a String cannot fail.
            let _ = write!(safe, "\\u{:04x}", u32::from(character));
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

/// Control characters, line separators, and what changes the direction of text.
fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{061c}')
        || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const FORGED: &str = "x\r\n2026 INFO forged\u{1b}[2J\u{9b}\u{202e}\u{2028}\t\u{7f}end";

    fn logged(json: bool) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let builder =
            tracing_subscriber::fmt().with_ansi(false).with_writer(OneLine(move || writer.clone()));
        let log = || tracing::info!(display = %FORGED, debug = ?FORGED, "message {FORGED}");
        if json {
            tracing::subscriber::with_default(builder.json().flatten_event(true).finish(), log);
        } else {
            tracing::subscriber::with_default(builder.finish(), log);
        }
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn whatever_a_field_holds_an_event_is_one_harmless_line() {
        for json in [false, true] {
            let line = logged(json);
            let line = line.strip_suffix('\n').unwrap();
            assert!(!line.contains(is_dangerous), "{line:?}");
            assert!(line.contains("forged"), "{line:?}");
        }
    }

    #[test]
    fn json_says_the_same_text_after_escaping() {
        let event: serde_json::Value = serde_json::from_str(&logged(true)).unwrap();
        assert!(event["display"].as_str().unwrap().starts_with("x\r\n2026"));
        assert!(event["display"].as_str().unwrap().contains('\u{202e}'));
    }
}
