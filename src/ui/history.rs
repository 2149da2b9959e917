//! What a history comes to, as a person reads it at a terminal.

use crate::{
    history::sum::{Example, Group, Reason, Sample, Sum, Summary},
    os::{
        terminal::columns_of,
        words::{bytes, count},
    },
};

/// Days that are shown, the last ones.
const DAYS: usize = 14;
/// Between two columns.
const GAP: &str = "  ";

/// The sums, in lines.
#[must_use]
pub fn told(summary: &Summary) -> String {
    let mut parts = vec![total(summary)];
    parts.extend(table(&["class", "size"], &summary.by_class));
    parts.extend(table(&["source"], &summary.by_codec));
    parts.extend(days(&summary.by_day, &summary.total));
    for (what, reasons) in [
        ("skipped", &summary.skipped),
        ("waiting for approval", &summary.waiting),
        ("missed their size", &summary.missed),
        ("refused", &summary.refused),
        ("failed", &summary.failed),
    ] {
        parts.extend(counted(what, reasons));
    }
    parts.extend(summary.sample.as_ref().map(sample));
    parts.extend(passed_over(summary));
    let text = parts.join("\n\n");
    // What names and reasons hold may move a terminal's cursor.
    let plain = text.replace(|c: char| c.is_control() && c != '\n', "\u{fffd}");
    format!("{plain}\n")
}

fn total(summary: &Summary) -> String {
    let total = &summary.total;
    if total.films == 0 {
        return "no film is encoded yet".to_owned();
    }
    format!(
        "{} encoded: {} -> {}, {} saved ({})",
        count(total.films, "film"),
        bytes(total.original_bytes),
        bytes(total.new_bytes),
        saved(total),
        percent(total)
    )
}

/// Bytes saved, with their sign.
fn saved(sum: &Sum) -> String {
    let sign = if sum.saved_bytes < 0 { "-" } else { "" };
    format!("{sign}{}", bytes(sum.saved_bytes.unsigned_abs()))
}

fn percent(sum: &Sum) -> String {
    sum.saved_percent
        .map_or_else(|| "-".to_owned(), |percent| format!("{percent:.1} %"))
}

/// The cells of a row behind what its films have in common.
fn cells(sum: &Sum) -> [String; 6] {
    [
        sum.films.to_string(),
        bytes(sum.original_bytes),
        bytes(sum.new_bytes),
        saved(sum),
        percent(sum),
        sum.fps
            .map_or_else(|| "-".to_owned(), |fps| format!("{fps:.1}")),
    ]
}

fn table<const N: usize>(names: &[&str; N], groups: &[Group<N>]) -> Option<String> {
    let head = ["films", "before", "after", "saved", "saved %", "fps"];
    let head = names.iter().chain(&head).map(|name| (*name).to_owned());
    let mut rows: Vec<Vec<String>> = vec![head.collect()];
    let row = |group: &Group<N>| group.of.iter().cloned().chain(cells(&group.sum)).collect();
    rows.extend(groups.iter().map(row));
    (!groups.is_empty()).then(|| aligned(&rows, N))
}

/// Rows with columns of one width: the first `texts` begin at its left, numbers end at its right.
fn aligned(rows: &[Vec<String>], texts: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| columns_of(cell)).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let cell = |(column, cell): (usize, &String)| {
        let space = " ".repeat(widths[column] - columns_of(cell));
        match column < texts {
            true => format!("{cell}{space}"),
            false => format!("{space}{cell}"),
        }
    };
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().enumerate().map(cell).collect();
        cells.join(GAP).trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The last days, and what a day comes to.
fn days(days: &[Group<1>], total: &Sum) -> Option<String> {
    let shown = &days[days.len().saturating_sub(DAYS)..];
    let mut lines = vec![table(&["day (UTC)"], shown)?];
    let number = days.len() as u64;
    if number > 1 {
        lines.push(format!(
            "a day: {} become {}, over {} with finished films",
            bytes(total.original_bytes / number),
            bytes(total.new_bytes / number),
            count(number, "day")
        ));
    }
    Some(lines.join("\n"))
}

/// How many films something became of, and why.
fn counted(what: &str, reasons: &[Reason]) -> Option<String> {
    let films: u64 = reasons.iter().map(|reason| reason.films).sum();
    let rows: Vec<Vec<String>> = reasons
        .iter()
        .map(|reason| vec![format!("  {}", reason.films), reason_of(reason)])
        .collect();
    let lines = rows.iter().map(|row| row.join(GAP)).collect::<Vec<_>>();
    (films > 0).then(|| format!("{} {what}\n{}", count(films, "film"), lines.join("\n")))
}

/// A reason that holds for one film only names it.
fn reason_of(reason: &Reason) -> String {
    match reason.films {
        1 => format!("{} ({})", reason.reason, reason.example),
        _ => reason.reason.clone(),
    }
}

fn sample(sample: &Sample) -> String {
    let line = |film: &Example| {
        let (before, after) = (bytes(film.original_bytes), bytes(film.new_bytes));
        format!("  {} ({before} -> {after})", film.output_path)
    };
    let lines: Vec<String> = sample.films.iter().map(line).collect();
    format!(
        "{} to look at, by chance (the same again: --seed {})\n{}",
        count(sample.films.len() as u64, "film"),
        sample.seed,
        lines.join("\n")
    )
}

/// What lines do not count, and why.
fn passed_over(summary: &Summary) -> Option<String> {
    let said = [
        (
            summary.repeated,
            "does not count: a film counts once, by its last success, else by its last line",
            "do not count: a film counts once, by its last success, else by its last line",
        ),
        (
            summary.unreadable,
            "is none of a history, and is passed over",
            "are none of a history, and are passed over",
        ),
        (
            summary.later,
            "is of a later av1enc, and is passed over",
            "are of a later av1enc, and are passed over",
        ),
    ];
    let said = said.into_iter().filter(|(number, ..)| *number > 0);
    let lines: Vec<String> = said
        .map(|(number, one, several)| {
            let what = if number == 1 { one } else { several };
            format!("{} {what}", count(number, "line"))
        })
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [
            row(["class", "films", "fps"]),
            row(["映画", "1", "20.0"]),
            row(["unknown", "1000", "-"]),
        ];
        assert_eq!(
            aligned(&rows, 1),
            "class    films   fps\n映画         1  20.0\nunknown   1000     -"
        );
    }
}
