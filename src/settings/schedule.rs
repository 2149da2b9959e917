//! When av1enc may work: parts of the day, by the clock of the machine's place, and days of the week.

use std::fmt;

use jiff::{SignedDuration, ZonedDateTime, civil::Weekday};

use super::usage;
use crate::os::exit::UsageError;

/// Minutes of a day.
const DAY: u16 = 24 * 60;
/// Minutes in which any schedule has opened: a week, and the longest day.
const WEEK: i64 = 7 * 24 * 60 + 25 * 60;

/// When av1enc may work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    parts: Vec<Part>,
}

/// A part of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Every day from one minute to before another; over midnight, where that is the earlier one.
    Daily(u16, u16),
    /// A whole day.
    Day(Weekday),
}

impl Part {
    fn read(text: &str) -> Option<Self> {
        if let Some(day) = weekday(text) {
            return Some(Self::Day(day));
        }
        let (from, to) = text.split_once('-')?;
        let (from, to) = (minute(from)?, minute(to)?);
        (from < DAY && from != to).then_some(Self::Daily(from, to))
    }

    fn has(self, day: Weekday, minute: u16) -> bool {
        match self {
            Self::Day(own) => day == own,
            Self::Daily(from, to) if from < to => (from..to).contains(&minute),
            Self::Daily(from, to) => minute >= from || minute < to,
        }
    }
}

/// A day of the week, by its first letters: `sat`, `Saturday`.
fn weekday(text: &str) -> Option<Weekday> {
    const DAYS: [(&str, Weekday); 7] = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    let text = text.to_lowercase();
    let is_named = |name: &str| text.len() >= 3 && name.starts_with(&text);
    DAYS.iter()
        .find(|(name, _)| is_named(name))
        .map(|(_, day)| *day)
}

/// A time of the day in minutes: `22:00`; `24:00` is its end.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let digits =
        |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour) || !digits(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let all = hour * 60 + minute;
    (minute < 60 && all <= DAY).then_some(all)
}

impl Schedule {
    /// Reads what `--schedule` says.
    ///
    /// # Errors
    /// If a part of it is neither a part of the day nor a day.
    pub fn read(text: &str) -> Result<Self, UsageError> {
        let part = |part: &str| {
            Part::read(part.trim()).ok_or_else(|| {
                UsageError(format!(
                    "--schedule {text}: `{part}` is no part of the day such as 22:00-07:00, and no day such as sat"
                ))
            })
        };
        if text.trim().is_empty() {
            return usage("--schedule: when av1enc may work, such as 22:00-07:00,sat,sun");
        }
        let parts: Result<Vec<Part>, UsageError> = text.split(',').map(part).collect();
        Ok(Self {
            text: text.to_owned(),
            parts: parts?,
        })
    }

    /// Whether av1enc may work at this time.
    #[must_use]
    fn has(&self, time: &ZonedDateTime) -> bool {
        // Hours and minutes of a clock are no negative numbers.
        let minute = time.hour().unsigned_abs() as u16 * 60 + time.minute().unsigned_abs() as u16;
        self.parts
            .iter()
            .any(|part| part.has(time.weekday(), minute))
    }

    /// When it may work next, at a `time` at which it may not: `Thu 22:00`. `None` if it may. Where clocks are set, it goes by
    /// what they show.
    fn opens_after(&self, time: &ZonedDateTime) -> Option<String> {
        if self.has(time) {
            return None;
        }
        let into_minute = SignedDuration::from_secs(time.second().into());
        let later = |minutes| {
            let later = SignedDuration::from_mins(minutes) - into_minute;
            time.checked_add(later).ok()
        };
        let mut minutes = (1..=WEEK).filter_map(later);
        let opens = minutes.find(|time| self.has(time));
        Some(opens.map_or_else(
            || "another week".to_owned(),
            |opens| opens.strftime("%a %H:%M").to_string(),
        ))
    }

    /// When av1enc may work next, by the clock of the machine's place; `None` if it may now.
    #[must_use]
    pub fn opens(&self) -> Option<String> {
        self.opens_after(&ZonedDateTime::now())
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When a schedule opens at a time in Berlin, where clocks are set on 29 March and on 25 October 2026.
    fn opens(schedule: &str, time: &str) -> Option<String> {
        let time: ZonedDateTime = format!("{time}[Europe/Berlin]").parse().unwrap();
        Schedule::read(schedule).unwrap().opens_after(&time)
    }

    #[test]
    fn a_night_goes_over_midnight_and_ends_with_its_last_minute() {
        let night = "22:00-07:00";
        for (time, opens_at) in [
            ("2026-11-26T21:59:59", Some("Thu 22:00")),
            ("2026-11-26T22:00:00", None),
            ("2026-11-27T00:00:00", None),
            ("2026-11-27T06:59:59", None),
            ("2026-11-27T07:00:00", Some("Fri 22:00")),
        ] {
            assert_eq!(opens(night, time).as_deref(), opens_at, "{time}");
        }
    }

    #[test]
    fn several_parts_and_days_add_up() {
        let both = "12:00-13:30, 22:00-24:00,sat,Sunday";
        for (time, opens_at) in [
            // A Thursday.
            ("2026-11-26T11:00:00", Some("Thu 12:00")),
            ("2026-11-26T13:29:00", None),
            ("2026-11-26T13:30:00", Some("Thu 22:00")),
            ("2026-11-28T05:00:00", None),
            ("2026-11-30T00:00:00", Some("Mon 12:00")),
        ] {
            assert_eq!(opens(both, time).as_deref(), opens_at, "{time}");
        }
        assert_eq!(
            opens("wed", "2026-11-26T00:00:00").as_deref(),
            Some("Wed 00:00")
        );
    }

    #[test]
    fn where_clocks_are_set_it_goes_by_what_they_show() {
        // There is no 02:30 in that night: the next one has it.
        let gone = opens("02:00-03:00", "2026-03-29T01:59:00+01:00");
        assert_eq!(gone.as_deref(), Some("Mon 02:00"));
        assert_eq!(opens("22:00-07:00", "2026-03-29T06:59:00+02:00"), None);
        // Twice 02:30, and one hour more until it is 03:00.
        assert_eq!(opens("02:00-03:00", "2026-10-25T02:30:00+02:00"), None);
        assert_eq!(opens("02:00-03:00", "2026-10-25T02:30:00+01:00"), None);
        assert!(opens("02:00-03:00", "2026-10-25T03:00:00+01:00").is_some());
    }

    #[test]
    fn what_is_no_time_is_said() {
        for text in [
            "25:00",
            "25:00-07:00",
            "22:00-25:00",
            "22:60-07:00",
            "07:00-07:00",
            "24:00-07:00",
            "",
            "22-07",
            "noon",
            "sa",
            "22:00-07:00,",
            "+2:00-07:00",
        ] {
            let error = Schedule::read(text).unwrap_err().to_string();
            assert!(error.contains("22:00-07:00"), "{text}: {error}");
        }
    }
}
