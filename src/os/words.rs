//! Numbers as people read them, and words as they mean them.

/// `1:02:03`, or `2:03` below an hour.
#[must_use]
pub fn clock(seconds: f64) -> String {
    let seconds = seconds.round().clamp(0.0, 1e9) as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// `3 days ago`: in the largest unit of which there are at least two.
#[must_use]
pub fn ago(seconds: u64) -> String {
    let units = [(86_400, "day"), (3600, "hour"), (60, "minute")];
    let unit = units.into_iter().find(|(each, _)| seconds >= 2 * each);
    let (each, one) = unit.unwrap_or((1, "second"));
    format!("{} ago", count(seconds / each, one))
}

/// `12.3 MB`: decimal units, as file managers and shops have them.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in ["kB", "MB", "GB", "TB"] {
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / 1000.0, next);
    }
    if unit == "B" || value >= 99.95 {
        format!("{value:.0} {unit}")
    } else {
        format!("{value:.1} {unit}")
    }
}

/// `13M`, `1300K`: a size as it can be typed, in binary units, and no smaller.
#[must_use]
pub fn typed_bytes(bytes: u64) -> String {
    let (unit, each) = match bytes {
        0..10_000_000 => ("K", 1 << 10),
        _ => ("M", 1 << 20),
    };
    format!("{}{unit}", bytes.div_ceil(each))
}

/// `12.3 GiB`: binary units, as memory is counted.
#[must_use]
pub fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

/// `1 chapter`, `3 chapters`.
#[must_use]
pub fn count(number: u64, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

/// `3-7, 9`: ascending numbers, neighbours together.
#[must_use]
pub fn ranges(numbers: &[usize]) -> String {
    let runs = numbers.chunk_by(|a, b| a + 1 == *b);
    let range = |run: &[usize]| match run {
        [first, .., last] => format!("{first}-{last}"),
        all => all.iter().map(usize::to_string).collect(),
    };
    let ranges: Vec<String> = runs.map(range).collect();
    ranges.join(", ")
}

/// How like a word must be to be offered for another one, by Jaro and Winkler's measure, in which 1 is the same word. Of 4981
/// slips of one letter in the options of SVT-AV1 4.2.0 (one lost, two exchanged, one replaced), one is not more like its option
/// than this. Of 24 options of x265 that SVT-AV1 lacks, 7 are offered one; from 0.7 on, which clap takes, it were more than half.
const LIKE: f64 = 0.8;

/// Which of the `known` words somebody meant who has typed another one, if any is like it.
#[must_use]
pub fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|known| (strsim::jaro_winkler(typed, known), known))
        .filter(|(likeness, _)| *likeness > LIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

/// An error and its causes, in a line, as people read them.
#[must_use]
pub fn said(error: &anyhow::Error) -> String {
    plain(&format!("{error:#}"))
}

/// What is said of an error, without the number that the system has for it and nobody knows: ` (os error 2)`.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut parts = text.split(" (os error ");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(')') {
            Some((number, rest)) if number.parse::<u32>().is_ok() => plain += rest,
            _ => plain = format!("{plain} (os error {part}"),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::anyhow;

    use super::*;

    #[test]
    fn an_error_is_said_without_the_systems_number() {
        let error = anyhow!(io::Error::from_raw_os_error(2)).context("reading 'a.mkv'");
        assert_eq!(said(&error), "reading 'a.mkv': No such file or directory");
        assert_eq!(plain("a (os error 2), b (os error 13): c"), "a, b: c");
        for other in ["a film (os error one)", "b (os error 5", "(os error 5)"] {
            assert_eq!(plain(other), other);
        }
    }

    #[test]
    fn one_thing_has_no_plural() {
        assert_eq!(
            (count(1, "chapter"), count(0, "chapter")),
            ("1 chapter".to_owned(), "0 chapters".to_owned())
        );
    }

    #[test]
    fn neighbours_are_one_range() {
        assert_eq!(ranges(&[3, 4, 5, 9, 11, 12]), "3-5, 9, 11-12");
        assert_eq!(ranges(&[]), "");
    }

    #[test]
    fn times_and_sizes_are_short() {
        assert_eq!(clock(59.6), "1:00");
        assert_eq!(clock(3723.0), "1:02:03");
        let all = [1, 119, 120, 7199, 7200, 172_799, 864_000].map(ago);
        let said = [
            "1 second",
            "119 seconds",
            "2 minutes",
            "119 minutes",
            "2 hours",
            "47 hours",
            "10 days",
        ];
        assert_eq!(all, said.map(|said| format!("{said} ago")));
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999_900), "1.0 MB");
        assert_eq!(bytes(12_345_678), "12.3 MB");
        assert_eq!(bytes(512_000_000_000), "512 GB");
        assert_eq!(gib(3 << 29), "1.5 GiB");
        assert_eq!(typed_bytes(1025), "2K");
        assert_eq!(typed_bytes(4 << 30), "4096M");
    }
}
