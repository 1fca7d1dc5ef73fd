//! Durations as people write them: `250ms`, `10s`, `30m`, `12h`, `7d`.

use std::time::Duration;

use super::error::ConfigError;

const UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Reads the value of `key`; nothing and zero are refused, since no limit of ours means "at once".
pub(super) fn parse(key: &str, text: &str) -> Result<Duration, ConfigError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    let (_, milliseconds) =
        UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(|| not_a_duration(key, text))?;
    count
        .parse::<u64>()
        .ok()
        .and_then(|count| count.checked_mul(*milliseconds))
        .filter(|milliseconds| *milliseconds > 0)
        .map(Duration::from_millis)
        .ok_or_else(|| not_a_duration(key, text))
}

/// In the largest unit that loses nothing.
pub(super) fn show(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    UNITS
        .iter()
        .rev()
        .find(|(_, unit)| milliseconds.is_multiple_of(u128::from(*unit)))
        .map_or_else(String::new, |(name, unit)| {
            format!("{}{name}", milliseconds / u128::from(*unit))
        })
}

fn not_a_duration(key: &str, text: &str) -> ConfigError {
    let problem = format!(
        "\"{text}\" is not a duration; write a number above 0 and a unit, such as \"30s\", \"12h\" or \"7d\""
    );
    ConfigError::invalid(key, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_shown_as_it_is_written() {
        for text in ["250ms", "10s", "30m", "12h", "7d"] {
            assert_eq!(show(parse("k", text).unwrap()), text);
        }
    }

    #[test]
    fn refuses_what_is_no_duration() {
        for wrong in ["", "7", "d", "0s", "-1s", "1.5h", "7 d", "7w", "99999999999999999d"] {
            assert!(parse("k", wrong).is_err(), "{wrong}");
        }
    }
}
