//! What the processes tell each other of logs, as it travels.
//!
//! Text of fixed widths: a letter, who says it (16 hex digits), the log's group and its id (32 each), and a word (16).

use crate::store::{LogKey, LogNews};

const TOUCHED: char = 'T';
const TOLD: char = 'W';
const EPOCH: char = 'E';

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Of(LogNews),
    /// There is another epoch.
    Epoch,
}

/// That a log was appended to or forgotten, but for the log's id.
pub(super) fn touched_of(publisher: u64, group: u128) -> String {
    format!("{TOUCHED}{publisher:016x}{group:032x}")
}

/// That a log was appended to or forgotten.
pub(super) fn touched(publisher: u64, log: LogKey) -> String {
    format!("{}{:032x}", touched_of(publisher, log.group), log.id)
}

/// A word about a log.
pub(super) fn told(publisher: u64, log: LogKey, word: u64) -> String {
    format!("{TOLD}{publisher:016x}{:032x}{:032x}{word:016x}", log.group, log.id)
}

/// That there is another epoch.
pub(super) fn epoch(publisher: u64) -> String {
    format!("{EPOCH}{publisher:016x}")
}

/// Who says what. `None` for what is no news of ours.
pub(super) fn parse(text: &[u8]) -> Option<(u64, Said)> {
    let text = str::from_utf8(text).ok()?;
    let publisher = u64::from_str_radix(text.get(1..17)?, 16).ok()?;
    let (letter, rest) = (text.chars().next()?, text.get(17..)?);
    if (letter, rest) == (EPOCH, "") {
        return Some((publisher, Said::Epoch));
    }
    let [group, id] = [rest.get(..32)?, rest.get(32..64)?].map(|id| u128::from_str_radix(id, 16).ok());
    let log = LogKey::new(group?, id?);
    let news = match (letter, rest.get(64..)?) {
        (TOUCHED, "") => LogNews::Touched(log),
        (TOLD, word) => LogNews::Told(log, u64::from_str_radix(word, 16).ok()?),
        _ => return None,
    };
    Some((publisher, Said::Of(news)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_come_as_they_were_sent() {
        let log = LogKey::new(u128::MAX, 1);
        assert_eq!(parse(touched(7, log).as_bytes()), Some((7, Said::Of(LogNews::Touched(log)))));
        assert_eq!(parse(told(u64::MAX, log, 9).as_bytes()), Some((u64::MAX, Said::Of(LogNews::Told(log, 9)))));
        assert_eq!(parse(epoch(1).as_bytes()), Some((1, Said::Epoch)));
        let touched = touched(7, log);
        for other in ["", "T", "Tü", &touched[..80], &format!("{touched}0"), &touched.replace('T', "X")] {
            assert_eq!(parse(other.as_bytes()), None, "{other}");
        }
        assert_eq!(parse(&[0xff; 81]), None);
    }
}
