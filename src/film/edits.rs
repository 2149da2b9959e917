//! Edit lists of QuickTime and MP4: which part of a track is shown when (ISO/IEC 14496-12, 8.6.6).

use serde::{Deserialize, Serialize};

/// An entry of an edit list.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// How long it is shown, in milliseconds.
    pub lasts_ms: f64,
    /// The track's own time at which it begins, in milliseconds; `None`: it is a pause, in which nothing is shown.
    pub begins_ms: Option<f64>,
}

/// What is shown for less than this, in milliseconds, is what rounding to a unit of the film leaves over.
const NOTHING_MS: f64 = 0.5;

/// Parts that are no further apart, in milliseconds, are one.
const ONE_PART_MS: f64 = 1.01;

/// Whether a track with this list is shown from its beginning on, after a pause at most.
#[must_use]
pub fn is_plain(list: &[Edit]) -> bool {
    let mut parts = list
        .iter()
        .skip_while(|edit| edit.begins_ms.is_none())
        .map(|edit| edit.begins_ms);
    matches!(
        (parts.next(), parts.next()),
        (None, _) | (Some(Some(0.0)), None)
    )
}

/// The first pause that does not come before everything else: when, and for how long, in milliseconds.
#[must_use]
pub fn late_pause(list: &[Edit]) -> Option<(f64, f64)> {
    let mut at = 0.0;
    let mut has_begun = false;
    for edit in list {
        match edit.begins_ms {
            Some(_) => has_begun = true,
            None if has_begun && edit.lasts_ms >= NOTHING_MS => return Some((at, edit.lasts_ms)),
            None => (),
        }
        at += edit.lasts_ms;
    }
    None
}

/// When what lies from one time of a track to another is shown, in milliseconds: from, to, for each part of it.
#[must_use]
pub fn shown(list: &[Edit], (from, to): (f64, f64)) -> Vec<(f64, f64)> {
    let mut parts: Vec<(f64, f64)> = Vec::new();
    let mut at = 0.0;
    for (n, edit) in (1..).zip(list) {
        // The last one may say nothing of its length: it then goes to the end.
        let lasts = match edit.lasts_ms {
            0.0 if n == list.len() => f64::INFINITY,
            lasts => lasts,
        };
        if let Some(begins) = edit.begins_ms {
            let part = (from.max(begins), to.min(begins + lasts));
            let (first, last) = (part.0 - begins + at, part.1 - begins + at);
            match parts.last_mut() {
                _ if last - first < NOTHING_MS => (),
                Some(before) if (first - before.1).abs() < ONE_PART_MS => before.1 = last,
                _ => parts.push((first, last)),
            }
        }
        at += lasts;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(edits: &[(f64, Option<f64>)]) -> Vec<Edit> {
        let edit = |(lasts_ms, begins_ms): &(f64, Option<f64>)| Edit {
            lasts_ms: *lasts_ms,
            begins_ms: *begins_ms,
        };
        edits.iter().map(edit).collect()
    }

    #[test]
    fn a_track_is_shown_where_its_list_says() {
        let cut = list(&[(5000.0, Some(2000.0))]);
        assert_eq!(shown(&cut, (3000.0, 4000.0)), [(1000.0, 2000.0)]);
        assert_eq!(shown(&cut, (0.0, 3000.0)), [(0.0, 1000.0)], "its rest");
        assert_eq!(shown(&cut, (0.0, 2000.2)), [], "less than a tick");
        assert_eq!(shown(&cut, (6500.0, 8000.0)), [(4500.0, 5000.0)]);
        assert_eq!(shown(&cut, (7000.0, 8000.0)), []);
        let paused = list(&[(1000.0, None), (1000.0, Some(0.0)), (500.0, None)]);
        assert_eq!(shown(&paused, (0.0, 9000.0)), [(1000.0, 2000.0)]);
        let open = list(&[(0.0, Some(100.0))]);
        assert_eq!(shown(&open, (600.0, 700.0)), [(500.0, 600.0)]);
    }

    #[test]
    fn what_is_shown_in_several_parts_is_one_where_they_meet() {
        let all = (0.0, 9000.0);
        let meeting = list(&[(1000.0, Some(0.0)), (1000.0, Some(1000.0))]);
        assert_eq!(shown(&meeting, all), [(0.0, 2000.0)]);
        let apart = list(&[(1000.0, Some(0.0)), (500.0, None), (1000.0, Some(1000.0))]);
        assert_eq!(shown(&apart, all), [(0.0, 1000.0), (1500.0, 2500.0)]);
        let twice = list(&[(1000.0, Some(3000.0)), (1000.0, Some(0.0))]);
        assert_eq!(shown(&twice, (200.0, 300.0)), [(1200.0, 1300.0)]);
    }

    #[test]
    fn a_pause_is_late_if_something_is_shown_before_it() {
        let leading = list(&[(40.0, None), (60.0, None), (1000.0, Some(0.0))]);
        assert_eq!((late_pause(&leading), is_plain(&leading)), (None, true));
        let cut = list(&[(1000.0, Some(40.0))]);
        assert_eq!((late_pause(&cut), is_plain(&cut)), (None, false));
        let between = list(&[(1000.0, Some(0.0)), (40.0, None), (1000.0, Some(0.0))]);
        assert_eq!(late_pause(&between), Some((1000.0, 40.0)));
        assert_eq!(
            late_pause(&between[..2]),
            Some((1000.0, 40.0)),
            "at the end"
        );
        assert!(!is_plain(&between) && !is_plain(&between[..2]));
        let empty = list(&[(1000.0, Some(0.0)), (0.0, None)]);
        assert_eq!(late_pause(&empty), None);
        assert!(is_plain(&[]));
    }
}
