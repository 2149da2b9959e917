//! The terminal that a progress bar is drawn on.

use std::{
    env,
    ffi::OsString,
    io::{self, IsTerminal},
};

use console::Term;
use indicatif::TermLike;

/// Whether a bar can be drawn on standard error: a terminal that says that it is none that moves a cursor gets lines.
#[must_use]
pub fn draws() -> bool {
    io::stderr().is_terminal() && moves_cursor()
}

/// Whether standard output is a screen that can be drawn on as a whole.
#[must_use]
pub fn is_screen() -> bool {
    io::stdout().is_terminal() && moves_cursor()
}

fn moves_cursor() -> bool {
    env::var_os("TERM").is_some_and(|kind| kind != "dumb")
}

/// Whether the user's locale has more signs than ASCII, as libraries know it: the first of these that says anything.
#[must_use]
pub fn is_utf8() -> bool {
    is_utf8_of(["LC_ALL", "LC_CTYPE", "LANG"].map(env::var_os))
}

fn is_utf8_of(variables: [Option<OsString>; 3]) -> bool {
    let said = variables
        .into_iter()
        .flatten()
        .find(|text| !text.is_empty());
    let text = said.unwrap_or_default().to_string_lossy().to_lowercase();
    text.contains("utf-8") || text.contains("utf8")
}

/// How many columns a text takes at a terminal.
#[must_use]
pub fn columns_of(text: &str) -> usize {
    console::measure_text_width(text)
}

/// Standard error, with the cursor at the left edge after each drawing. indicatif leaves it at the right edge, where the
/// terminal's echo of Ctrl-C (`^C`) takes the cursor to the next line: indicatif then clears from one line too low.
#[derive(Debug)]
pub struct Terminal(Term);

impl Terminal {
    /// Standard error.
    #[must_use]
    pub fn stderr() -> Self {
        Self(Term::buffered_stderr())
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        self.0.size().1
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.write_str("\r")?;
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_says_anything_decides() {
        let of =
            |all, ctype, lang| is_utf8_of([all, ctype, lang].map(|text: &str| Some(text.into())));
        assert!(of("", "", "de_DE.UTF-8") && of("", "C.utf8", "C") && of("en_GB.UTF-8", "C", "C"));
        assert!(
            !of("C", "C.UTF-8", "C.UTF-8") && !of("", "", "de_DE.ISO-8859-1") && !of("", "", "")
        );
        assert!(!is_utf8_of([None, None, None]));
    }
}
