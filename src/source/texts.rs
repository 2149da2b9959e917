//! Subtitles of words: as SubRip says them, and when their edit list shows them.

use std::fmt::Write;

use crate::film::edits::{self, Edit};

/// A text of SubRip: beginning and end in milliseconds, and words.
pub type Text = (f64, f64, String);

/// Texts of SubRip.
#[must_use]
pub fn parse(text: &str) -> Vec<Text> {
    let clock = |text: &str| -> Option<f64> {
        let mut ms = 0.0;
        for part in text.trim().replace(',', ".").split(':') {
            ms = ms * 60.0 + part.parse::<f64>().ok()?;
        }
        Some(ms * 1000.0)
    };
    let mut found: Vec<Text> = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (n, line) in lines.iter().enumerate() {
        // The number of a text stands in front of its times; any other is a word.
        if lines.get(n + 1).is_some_and(|next| next.contains(" --> ")) {
            continue;
        }
        let times = line
            .split_once(" --> ")
            .and_then(|(from, to)| Some((clock(from)?, clock(to)?)));
        match (times, found.last_mut()) {
            (Some((from, to)), _) => found.push((from, to, String::new())),
            (None, Some((_, _, words))) if !line.trim().is_empty() => {
                words.push_str(line.trim());
                words.push('\n');
            }
            _ => (),
        }
    }
    found
}

/// When an edit list shows `texts`, whose times are their track's own, by a clock that begins `origin_ms` after the film: those
/// that it hides are gone, and those into which it cuts are shorter.
#[must_use]
pub fn edited(texts: &[Text], list: &[Edit], origin_ms: f64) -> Vec<Text> {
    let mut shown = Vec::new();
    for (from, to, words) in texts {
        for (first, last) in edits::shown(list, (*from, *to)) {
            let (first, last) = ((first - origin_ms).max(0.0), last - origin_ms);
            if last > first {
                shown.push((first, last, words.clone()));
            }
        }
    }
    shown.sort_by(|a, b| a.0.total_cmp(&b.0));
    shown
}

/// The texts as SubRip.
#[must_use]
pub fn written(texts: &[Text]) -> String {
    let clock = |ms: f64| {
        let ms = ms.round() as u64;
        let (seconds, ms) = (ms / 1000, ms % 1000);
        let (minutes, seconds) = (seconds / 60, seconds % 60);
        format!(
            "{:02}:{:02}:{seconds:02},{ms:03}",
            minutes / 60,
            minutes % 60
        )
    };
    let mut all = String::new();
    for (n, (from, to, words)) in (1..).zip(texts) {
        // Writing into memory does not fail.
        let _ = write!(all, "{n}\n{} --> {}\n{words}\n", clock(*from), clock(*to));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_said_is_a_word() {
        let text =
            "1\n00:00:01,000 --> 00:00:02,000\nIn\n1984\n\n2\n00:00:03,000 --> 00:00:04,000\n7\n\n";
        let words: Vec<String> = parse(text).into_iter().map(|text| text.2).collect();
        assert_eq!(words, ["In\n1984\n", "7\n"]);
    }

    #[test]
    fn texts_are_compared_by_words_and_times() {
        let text = "1\n00:00:01,000 --> 00:00:02,500\nHello\nyou\n\n2\n00:01:00,040 --> 00:01:01,000\n42 is it\n";
        let found = parse(text);
        assert_eq!(found[0], (1000.0, 2500.0, "Hello\nyou\n".to_owned()));
        assert_eq!((found[1].0, found[1].2.as_str()), (60_040.0, "42 is it\n"));
    }

    #[test]
    fn texts_are_shown_by_their_list_and_written_as_they_are_read() {
        let text = |from: f64, to: f64, words: &str| (from, to, words.to_owned());
        let texts = [
            text(500.0, 3000.0, "hidden in part\n"),
            text(3000.0, 3_604_005.0, "42\nlong\n"),
            text(3_605_000.0, 3_606_000.0, "hidden\n"),
        ];
        let list = [Edit {
            lasts_ms: 3_602_000.0,
            begins_ms: Some(2000.0),
        }];
        let shown = edited(&texts, &list, 200.0);
        let expected = [
            text(0.0, 800.0, "hidden in part\n"),
            text(800.0, 3_601_800.0, "42\nlong\n"),
        ];
        assert_eq!(shown, expected);
        assert_eq!(parse(&written(&shown)), expected);
    }
}
