//! What goes on, as text: every job in full, and a view of all that fits on a screen.

use std::{borrow::Cow, fmt::Write};

use console::{Alignment, Style, measure_text_width, pad_str, truncate_str};

use super::text::{self, one_line};
use crate::{
    history::record::{Record, Status},
    job::{Condition, Figures, Shares},
    os::{
        gauges::Reading,
        process::quoted,
        terminal,
        words::{ago, bytes, clock, count, ranges},
    },
    status::{Overview, Seen, past::Tally},
};

/// Every job in full, and what came of films.
#[must_use]
pub fn listed(overview: &Overview, history: Option<&Tally>) -> String {
    let blocks = overview.jobs.iter().map(block);
    let past = history.map(|tally| {
        let films = tally.last.iter().map(|film| format!("  {}", fate(film)));
        let lines: Vec<String> = [counts(tally)].into_iter().chain(films).collect();
        lines.join("\n")
    });
    let nothing = overview.jobs.is_empty().then(|| NOTHING.to_owned());
    let all: Vec<String> = blocks.chain(nothing).chain(past).collect();
    all.join("\n\n")
}

const NOTHING: &str = "nothing is encoded here, and nothing was stopped";

/// A job in full.
fn block(seen: &Seen) -> String {
    let mut lines = vec![quoted(seen.directory.as_os_str())];
    let mut line = |name: &str, text: &str| lines.push(format!("  {name:<8} {}", one_line(text)));
    if let Some(film) = &seen.film {
        line("film", film);
    }
    line(state(seen.state), &progress(seen));
    if let Some(shares) = &seen.shares {
        line("chunks", &chunks(shares));
    }
    if let Some(note) = &seen.note {
        line("note", note);
    }
    if let Some(go_on) = &seen.go_on {
        line("go on", go_on);
    }
    lines.join("\n")
}

fn state(condition: Condition) -> &'static str {
    match condition {
        Condition::Running => "running",
        Condition::Paused | Condition::MakesWay => "paused",
        Condition::Stopped => "stopped",
        Condition::Planned => "planned",
        Condition::Finished => "finished",
        Condition::Unusable => "unusable",
    }
}

/// How many chunks are there, who encodes which, and which are left: `3 of 8, 4 on north, 5 on south; missing 4-7`.
fn chunks(shares: &Shares) -> String {
    let encoding = shares.encoding.iter().map(|one| {
        let host = one.host.as_deref().unwrap_or("a host that cannot be read");
        let silent = match (one.lives, one.silent_seconds) {
            (true, _) => String::new(),
            (false, None) => " (dead)".to_owned(),
            (false, Some(seconds)) => format!(" (silent for {})", clock(seconds as f64)),
        };
        format!(", {} on {host}{silent}", one.chunk)
    });
    let encoding: String = encoding.collect();
    let missing = match shares.missing.as_slice() {
        [] => String::new(),
        missing => format!("; missing {}", ranges(missing)),
    };
    format!(
        "{} of {}{encoding}{missing}",
        shares.finished, shares.chunks
    )
}

/// How far a job is, or was when it was left.
fn progress(seen: &Seen) -> String {
    let mut parts = Vec::new();
    if let Some(figures) = &seen.figures {
        parts.push(stage(figures));
        parts.extend(frames(figures));
        if seen.is_held() {
            parts.extend(speed(figures));
        }
    }
    if let (false, Some(idle)) = (seen.is_held(), seen.idle_seconds) {
        parts.push(ago(idle));
    }
    if let (Some(host), Some(pid)) = (&seen.host, seen.pid) {
        let process = seen.is_held().then(|| format!(" (process {pid})"));
        parts.push(format!("on {host}{}", process.unwrap_or_default()));
    }
    match parts.is_empty() {
        true => "no figures".to_owned(),
        false => parts.join(", "),
    }
}

fn stage(figures: &Figures) -> String {
    let label = text::label(figures.stage);
    let percent = figures.percent.map(|percent| format!(" {percent:.0} %"));
    format!("{label}{}", percent.unwrap_or_default())
}

fn frames(figures: &Figures) -> Option<String> {
    let (frames, total) = figures.frames.zip(figures.total_frames)?;
    Some(format!("{frames}/{total} frames"))
}

fn speed(figures: &Figures) -> impl Iterator<Item = String> {
    let parts = [
        figures.fps.map(|fps| format!("{fps:.1} fps")),
        figures.eta_seconds.map(|eta| format!("eta {}", clock(eta))),
        figures.workers.map(|n| count(n as u64, "worker")),
        figures.memory_bytes.map(bytes),
    ];
    parts.into_iter().flatten()
}

/// What is on the board.
pub struct Board<'a> {
    /// What is looked at, in words.
    pub place: &'a str,
    /// The jobs.
    pub overview: &'a Overview,
    /// The machine.
    pub machine: &'a Reading,
    /// What came of films, or why that is not known, if anybody asks.
    pub history: Option<Result<&'a Tally, String>>,
}

/// Where a board is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Canvas {
    /// Columns.
    pub width: usize,
    /// Lines, where there is a last one.
    pub height: Option<usize>,
    /// Whether it takes colours.
    pub colors: bool,
    /// Whether there are keys.
    pub keys: bool,
}

/// Films of the history that are shown in any case, where there are as many.
const FILMS: usize = 5;

impl Board<'_> {
    /// The lines of the board: none is wider than the canvas, and there are no more than it has.
    #[must_use]
    pub fn lines(&self, canvas: Canvas) -> Vec<String> {
        let held = self.overview.jobs.iter().filter(|seen| seen.is_held());
        let held: Vec<&Seen> = held.collect();
        let mut head = vec![canvas.styled(
            Style::new().bold(),
            &format!("av1enc  {}", one_line(self.place)),
        )];
        head.extend(self.gauges(canvas, !held.is_empty()));
        head.push(String::new());
        let films = self.films();
        let foot = self.foot(canvas, held.len());
        let most = canvas.height.map(|height| {
            let fixed = head.len() + foot.len() + 1;
            height.saturating_sub(fixed)
        });
        let for_films = films.len().min(FILMS + 1);
        let for_jobs = most.map(|most| most.saturating_sub(for_films).max(2));
        let jobs = jobs(&held, canvas, for_jobs);
        let left = most.map_or(usize::MAX, |most| most.saturating_sub(jobs.len()));
        let films = films.into_iter().take(left);
        let between = [String::new()];
        let all = head.into_iter().chain(jobs).chain(between);
        let all = all.chain(films.map(|line| canvas.cut(&line).into_owned()));
        all.chain(foot)
            .take(canvas.height.unwrap_or(usize::MAX))
            .collect()
    }

    /// The machine, in as many lines as it takes.
    fn gauges(&self, canvas: Canvas, is_encoding: bool) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for (text, beyond) in gauges(self.machine, is_encoding) {
            // A sign as well: not everybody sees colours, and not every terminal has them.
            let shown = format!("{text}{}", if beyond { " !" } else { "" });
            let style = match beyond {
                true => Style::new().red().bold(),
                false => Style::new(),
            };
            let painted = canvas.styled(style, &shown);
            let width = measure_text_width(&shown) + 2;
            match lines.last_mut() {
                Some(line) if measure_text_width(line) + width <= canvas.width => {
                    *line += &format!("  {painted}");
                }
                _ => lines.push(painted),
            }
        }
        lines
    }

    /// What came of films, a line each, and the counts before them.
    fn films(&self) -> Vec<String> {
        match &self.history {
            None => Vec::new(),
            Some(Err(why)) => vec![one_line(why)],
            Some(Ok(tally)) => {
                let films = tally.last.iter().map(fate);
                [counts(tally)].into_iter().chain(films).collect()
            }
        }
    }

    fn foot(&self, canvas: Canvas, held: usize) -> Vec<String> {
        let others = self.overview.jobs.len() - held;
        let unread = self.overview.unread.len();
        let told = [
            (others > 0).then(|| format!("{others} stopped, see `av1enc status`")),
            (unread > 0).then(|| format!("{unread} unreadable")),
            canvas.keys.then(|| "q quits, r redraws".to_owned()),
        ];
        let told: Vec<String> = told.into_iter().flatten().collect();
        match told.is_empty() {
            true => Vec::new(),
            false => vec![canvas.styled(Style::new().dim(), &told.join("; "))],
        }
    }
}

impl Canvas {
    /// As much of a line as fits.
    fn cut<'a>(&self, line: &'a str) -> Cow<'a, str> {
        truncate_str(line, self.width, dots())
    }

    /// A line that fits, painted where there are colours.
    fn styled(&self, style: Style, text: &str) -> String {
        let text = self.cut(text);
        style.force_styling(self.colors).apply_to(text).to_string()
    }
}

fn dots() -> &'static str {
    if terminal::is_utf8() { "…" } else { "." }
}

/// Beyond these, the machine does not do what it could, or is about to do less: so the tuning guide has it.
const LEAST_CPU: f64 = 70.0;
const MOST_MEMORY: f64 = 80.0;
const MOST_CELSIUS: f64 = 80.0;

/// Each figure of the machine, and whether it is beyond its bound.
fn gauges(machine: &Reading, is_encoding: bool) -> Vec<(String, bool)> {
    let degrees = if terminal::is_utf8() { "°C" } else { "C" };
    let percent =
        |name: &str, value: Option<f64>| value.map(|value| format!("{name} {value:.0} %"));
    let beyond = |value: Option<f64>, is: fn(f64) -> bool| value.is_some_and(is);
    let all = [
        (
            percent("CPU", machine.cpu),
            is_encoding && beyond(machine.cpu, |cpu| cpu < LEAST_CPU),
        ),
        (percent("iowait", machine.iowait), false),
        (
            percent("memory", machine.memory),
            beyond(machine.memory, |memory| memory > MOST_MEMORY),
        ),
        (
            machine.swap.map(|swap| format!("swap {}", bytes(swap))),
            machine.swap.is_some_and(|swap| swap > 0),
        ),
        (
            machine
                .celsius
                .map(|celsius| format!("{celsius:.0} {degrees}")),
            beyond(machine.celsius, |celsius| celsius >= MOST_CELSIUS),
        ),
        (percent("GPU", machine.gpu), false),
    ];
    let known = all.into_iter();
    known
        .filter_map(|(text, beyond)| Some((text?, beyond)))
        .collect()
}

/// A column of the table of jobs: its head, its width, and what is in it.
struct Column {
    head: &'static str,
    width: usize,
    cell: fn(&Seen) -> Option<String>,
}

/// Behind the film, in the order in which they are left out where there is no room, the last one first.
const COLUMNS: [Column; 7] = [
    Column {
        head: "stage",
        width: 9,
        cell: |seen| match (seen.state, &seen.figures) {
            (Condition::Paused | Condition::MakesWay, _) => Some("paused".to_owned()),
            (_, figures) => Some(text::label(figures.as_ref()?.stage).to_owned()),
        },
    },
    Column {
        head: "done",
        width: 5,
        cell: |seen| Some(format!("{:.0} %", seen.figures.as_ref()?.percent?)),
    },
    Column {
        head: "fps",
        width: 6,
        cell: |seen| Some(format!("{:.1}", seen.figures.as_ref()?.fps?)),
    },
    Column {
        head: "eta",
        width: 8,
        cell: |seen| Some(clock(seen.figures.as_ref()?.eta_seconds?)),
    },
    Column {
        head: "workers",
        width: 7,
        cell: |seen| Some(seen.figures.as_ref()?.workers?.to_string()),
    },
    Column {
        head: "memory",
        width: 8,
        cell: |seen| Some(bytes(seen.figures.as_ref()?.memory_bytes?)),
    },
    Column {
        head: "host",
        width: 10,
        cell: |seen| seen.host.clone(),
    },
];

/// The film's name is at least this wide, but on a terminal that is not.
const FILM: usize = 14;

/// The table of the jobs that run, in at most so many lines.
fn jobs(held: &[&Seen], canvas: Canvas, most: Option<usize>) -> Vec<String> {
    if held.is_empty() {
        return vec![canvas.cut("nothing is encoded here").into_owned()];
    }
    let mut shown = COLUMNS.as_slice();
    let beside = |columns: &[Column]| columns.iter().map(|one| one.width + 1).sum::<usize>();
    while let (true, [fewer @ .., _]) = (beside(shown) + FILM > canvas.width, shown) {
        shown = fewer;
    }
    let film = canvas.width.saturating_sub(beside(shown)).max(1);
    let row = |name: &str, cell: &dyn Fn(&Column) -> String| {
        let mut row = pad_str(name, film, Alignment::Left, Some(dots())).into_owned();
        for column in shown {
            let side = match column.head {
                "stage" | "host" => Alignment::Left,
                _ => Alignment::Right,
            };
            let _ = write!(
                row,
                " {}",
                pad_str(&cell(column), column.width, side, Some(dots()))
            );
        }
        canvas.cut(row.trim_end()).into_owned()
    };
    let head = row("film", &|column| column.head.to_owned());
    let mut lines = vec![canvas.styled(Style::new().underlined(), &head)];
    let room = most.map_or(usize::MAX, |most| most.saturating_sub(1));
    let all: Vec<Vec<String>> = held
        .iter()
        .map(|seen| {
            let cell = |column: &Column| one_line(&(column.cell)(seen).unwrap_or_default());
            let note = seen.note.iter();
            let note = note.map(|note| canvas.cut(&format!("  {}", one_line(note))).into_owned());
            [row(&name(seen), &cell)].into_iter().chain(note).collect()
        })
        .collect();
    lines.extend(fitting(all, room, canvas));
    lines
}

/// As many of these blocks of lines as there is room for. Of others, one line says how many they are.
fn fitting(blocks: Vec<Vec<String>>, room: usize, canvas: Canvas) -> Vec<String> {
    let needed: usize = blocks.iter().map(Vec::len).sum();
    if needed <= room {
        return blocks.into_iter().flatten().collect();
    }
    let (mut lines, mut left) = (Vec::new(), blocks.len());
    for block in blocks {
        if lines.len() + block.len() >= room {
            break;
        }
        lines.extend(block);
        left -= 1;
    }
    lines.push(canvas.cut(&format!("and {left} more")).into_owned());
    lines
}

/// What a film is called where there is little room.
fn name(seen: &Seen) -> String {
    let unknown = || seen.directory.to_string_lossy().into_owned();
    let film = seen.film.clone().unwrap_or_else(unknown);
    one_line(file_name(&film))
}

fn file_name(path: &str) -> &str {
    path.rsplit('/')
        .next()
        .filter(|name| !name.is_empty())
        .unwrap_or(path)
}

/// How many films came to what.
fn counts(tally: &Tally) -> String {
    let (sign, saved) = match tally.saved_bytes {
        less @ ..0 => ("-", less.unsigned_abs()),
        saved => ("", saved.unsigned_abs()),
    };
    let rare = [
        (tally.waiting, Status::Waiting),
        (tally.missed, Status::Missed),
        (tally.refused, Status::Refused),
    ];
    let rare = rare.into_iter().filter(|(films, _)| *films > 0);
    let rare: String = rare
        .map(|(films, status)| format!(", {films} {}", word(status)))
        .collect();
    let unread = (tally.unread > 0).then(|| format!("; {} unread", count(tally.unread, "line")));
    format!(
        "{} finished, {} skipped, {} failed{rare}; {sign}{} saved{}",
        tally.finished,
        tally.skipped,
        tally.failed,
        bytes(saved),
        unread.unwrap_or_default()
    )
}

/// What came of a film, in a line.
fn fate(film: &Record) -> String {
    let saving = film.sizes().map(|(before, after)| {
        let percent = 100.0 - 100.0 * after as f64 / before.max(1) as f64;
        format!(
            "{} -> {}, {percent:.0} % saved",
            bytes(before),
            bytes(after)
        )
    });
    let why = saving.or_else(|| film.reason.clone()).unwrap_or_default();
    let name = file_name(&film.source_path);
    let line = format!("{:<8} {name}  {why}", word(film.status));
    one_line(line.trim_end())
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Success => "finished",
        Status::Skipped => "skipped",
        Status::Waiting => "waiting",
        Status::Missed => "missed",
        Status::Refused => "refused",
        Status::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{event::Stage, job::Share};

    fn seen(film: &str) -> Seen {
        let figures = Figures {
            percent: Some(41.6),
            frames: Some(5),
            total_frames: Some(12),
            fps: Some(12.34),
            eta_seconds: Some(3723.0),
            workers: Some(4),
            memory_bytes: Some(5_200_000_000),
            ..Figures::of(Stage::Encode)
        };
        Seen {
            directory: "/films/a.mkv.av1enc".into(),
            state: Condition::Running,
            film: Some(film.to_owned()),
            output: None,
            host: Some("tower".to_owned()),
            pid: Some(7),
            figures: Some(figures),
            easing: None,
            shares: None,
            idle_seconds: Some(1),
            go_on: None,
            note: None,
        }
    }

    fn tally() -> Tally {
        let film = |status, reason: Option<&str>| Record {
            status,
            original_bytes: Some(4_200_000_000),
            new_bytes: Some(1_900_000_000),
            reason: reason.map(str::to_owned),
            ..Record::begin(Path::new("/films/b\u{1b}[2Jad.mkv"), Path::new("/o"))
        };
        Tally {
            finished: 12,
            skipped: 3,
            failed: 1,
            refused: 2,
            saved_bytes: 45_200_000_000,
            last: [
                film(Status::Success, None),
                film(Status::Skipped, Some("it is AV1\nalready")),
                film(Status::Failed, Some("no room")),
            ]
            .into(),
            ..Tally::default()
        }
    }

    const HOT: Reading = Reading {
        cpu: Some(65.0),
        iowait: Some(1.0),
        memory: Some(81.0),
        swap: Some(1),
        celsius: Some(80.0),
        gpu: None,
    };

    fn board(jobs: Vec<Seen>, canvas: Canvas) -> Vec<String> {
        let unread = Vec::new();
        let overview = Overview { jobs, unread };
        let tally = tally();
        let board = Board {
            place: "/films",
            overview: &overview,
            machine: &HOT,
            history: Some(Ok(&tally)),
        };
        board.lines(canvas)
    }

    fn canvas(width: usize, height: usize) -> Canvas {
        Canvas {
            width,
            height: Some(height),
            colors: false,
            keys: true,
        }
    }

    #[test]
    fn a_board_fits_every_terminal_whatever_films_are_called() {
        let names = [
            "/films/a.mkv",
            "/films/\u{1b}[31mred\nline\u{202e}.mkv",
            "/films/映画の名前がとても長いファイル名です.mkv",
            "/films/",
        ];
        for (width, height) in [(80, 24), (40, 12), (20, 6), (5, 3), (1, 1), (200, 60)] {
            for films in [0, 1, 4, 40] {
                let jobs = (0..films).map(|n| seen(names[n % 4])).collect();
                let lines = board(jobs, canvas(width, height));
                assert!(lines.len() <= height, "{height}: {lines:#?}");
                for line in &lines {
                    assert!(measure_text_width(line) <= width, "{width}: {line:?}");
                    assert!(!line.contains(char::is_control), "{line:?}");
                    assert!(!line.contains('\u{202e}'), "{line:?}");
                }
            }
        }
    }

    #[test]
    fn a_board_of_80_columns_has_every_figure() {
        let lines = board(vec![seen("/films/a film.mkv")], canvas(80, 24)).join("\n");
        for part in [
            "CPU 65 % !  iowait 1 %  memory 81 % !  swap 1 B !  80 ",
            "Encoding   42 %   12.3  1:02:03       4   5.2 GB tower",
            "12 finished, 3 skipped, 1 failed, 2 refused; 45.2 GB saved",
            "ad.mkv  4.2 GB -> 1.9 GB, 55 % saved",
            "failed   b",
            "q quits, r redraws",
        ] {
            assert!(lines.contains(part), "{part:?} in\n{lines}");
        }
    }

    #[test]
    fn a_job_that_pauses_says_why_below_it() {
        let paused = || Seen {
            state: Condition::MakesWay,
            note: Some("paused because it is hot".to_owned()),
            ..seen("/films/a.mkv")
        };
        let text = listed(
            &Overview {
                jobs: vec![paused()],
                unread: Vec::new(),
            },
            None,
        );
        assert!(text.contains("\n  paused   Encoding 42 %"), "{text}");
        assert!(
            text.ends_with("\n  note     paused because it is hot"),
            "{text}"
        );
        let lines = board(vec![paused()], canvas(80, 24)).join("\n");
        assert!(lines.contains(" paused     42 %"), "{lines}");
        assert!(
            lines.contains("tower\n  paused because it is hot\n"),
            "{lines}"
        );
        let many = board((0..40).map(|_| paused()).collect(), canvas(80, 24));
        let shown = many.iter().filter(|line| line.contains("tower")).count();
        let why = many
            .iter()
            .filter(|line| line.starts_with("  paused"))
            .count();
        let more = format!("and {} more", 40 - shown);
        assert!(
            shown > 3 && shown == why && many.contains(&more),
            "{many:#?}"
        );
    }

    #[test]
    fn jobs_that_have_no_room_are_counted() {
        let jobs = || (0..40).map(|_| seen("/films/a.mkv")).collect();
        let lines = board(jobs(), canvas(80, 24));
        let shown = lines.iter().filter(|line| line.contains("tower")).count();
        let more = format!("and {} more", 40 - shown);
        assert!(shown > 5 && lines.contains(&more), "{lines:#?}");
        let endless = Canvas {
            height: None,
            ..canvas(80, 0)
        };
        assert!(board(jobs(), endless).len() > 43);
    }

    #[test]
    fn colours_are_only_where_they_are_wanted() {
        let painted = Canvas {
            colors: true,
            ..canvas(80, 24)
        };
        let text = |canvas| board(vec![seen("/films/a.mkv")], canvas).join("\n");
        assert!(text(painted).contains("\u{1b}["));
        assert!(!text(canvas(80, 24)).contains('\u{1b}'));
    }

    #[test]
    fn an_idle_machine_that_encodes_nothing_is_no_fault() {
        let marked = |encodes| gauges(&HOT, encodes).iter().filter(|one| one.1).count();
        assert_eq!((marked(true), marked(false)), (4, 3));
        assert!(gauges(&Reading::default(), true).is_empty());
    }

    #[test]
    fn a_planned_job_is_shown_with_who_encodes_what_and_what_is_missing() {
        let share = |chunk, host: Option<&str>, lives| Share {
            chunk,
            host: host.map(str::to_owned),
            pid: None,
            silent_seconds: Some(75),
            lives,
        };
        let shares = Shares {
            film: String::new(),
            output: String::new(),
            chunks: 9,
            finished: 4,
            frames: 90,
            finished_frames: 40,
            missing: vec![2, 3, 4, 7, 8],
            encoding: vec![share(2, Some("attic"), true), share(7, None, false)],
        };
        let text = "4 of 9, 2 on attic, 7 on a host that cannot be read (silent for 1:15); missing 2-4, 7-8";
        assert_eq!(chunks(&shares), text);
    }

    #[test]
    fn a_job_in_full_says_what_to_type() {
        let stopped = Seen {
            state: Condition::Stopped,
            idle_seconds: Some(7300),
            go_on: Some("cd /films && av1enc a.mkv".to_owned()),
            ..seen("/films/a.mkv")
        };
        let overview = Overview {
            jobs: vec![seen("/films/b.mkv"), stopped],
            unread: Vec::new(),
        };
        let text = listed(&overview, None);
        for part in [
            "  running  Encoding 42 %, 5/12 frames, 12.3 fps, eta 1:02:03, 4 workers, 5.2 GB, on tower (process 7)\n",
            "  stopped  Encoding 42 %, 5/12 frames, 2 hours ago, on tower\n  go on    cd /films && av1enc a.mkv",
        ] {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
        assert_eq!(listed(&Overview::default(), None), NOTHING);
    }
}
