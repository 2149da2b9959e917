//! A terminal that is drawn on as a whole, and is given back as it was.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::AsFd,
    sync::{Mutex, PoisonError},
};

use console::Term;
use crossbeam_channel::{Receiver, unbounded};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

use crate::os::threads;

/// Its other page, empty, without a cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J";
/// The cursor, and the page on which the shell was.
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// What is kept of a terminal whose other page is drawn on. Dropped, it is as it was.
pub struct Screen {
    /// Where it is written.
    out: File,
    /// Where keys come from, if that is a terminal.
    keys: Option<File>,
    /// How that was, while it is changed.
    before: Mutex<Option<Termios>>,
}

impl Screen {
    /// Takes the terminal on which standard output is, with keys from standard input.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn enter() -> io::Result<Self> {
        let keys = io::stdin().as_fd().try_clone_to_owned().map(File::from);
        let out = io::stdout().as_fd().try_clone_to_owned().map(File::from);
        Self::on(out?, keys.ok())
    }

    fn on(out: File, keys: Option<File>) -> io::Result<Self> {
        let screen = Self {
            out,
            keys: keys.filter(|keys| tcgetattr(keys).is_ok()),
            before: Mutex::new(None),
        };
        screen.take()?;
        Ok(screen)
    }

    /// Takes it (again): whoever had it while this process was stopped has left it as he likes.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn take(&self) -> io::Result<()> {
        if let Some(keys) = &self.keys {
            let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
            let now = tcgetattr(keys)?;
            let mut ours = now.clone();
            // A key comes at once, and is not shown; Ctrl-C and Ctrl-Z are signals as ever.
            ours.local_flags
                .remove(LocalFlags::ICANON | LocalFlags::ECHO);
            before.get_or_insert(now);
            tcsetattr(keys, SetArg::TCSANOW, &ours)?;
        }
        self.write(ENTER)
    }

    /// Gives it back.
    pub fn give_back(&self) {
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(keys), Some(before)) = (&self.keys, before.take()) {
            let _ = tcsetattr(keys, SetArg::TCSANOW, &before);
        }
        // Nobody may be there to see it any more.
        let _ = self.write(LEAVE);
    }

    /// How many columns and lines it has.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let (lines, columns) = Term::stdout().size();
        (usize::from(columns).max(1), usize::from(lines).max(1))
    }

    /// Draws these lines, each no longer than it is wide, over what is there.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn draw(&self, lines: &[String]) -> io::Result<()> {
        let mut text = String::from("\x1b[H");
        for (n, line) in lines.iter().enumerate() {
            text.push_str(if n > 0 { "\r\n" } else { "" });
            text.push_str(line);
            text.push_str("\x1b[K");
        }
        text.push_str("\x1b[J");
        self.write(&text)
    }

    /// Writes at once: standard output's lock may be held by a thread that waits.
    fn write(&self, text: &str) -> io::Result<()> {
        (&self.out).write_all(text.as_bytes())
    }

    /// The keys that are pressed from now on. Where there are none, the channel is empty, and never at its end.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn keys(&self) -> anyhow::Result<Receiver<u8>> {
        let (sender, keys) = unbounded();
        let Some(from) = &self.keys else {
            return Ok(crossbeam_channel::never());
        };
        let mut from = from.try_clone()?;
        threads::start("keys", move || {
            let mut key = [0];
            while from.read_exact(&mut key).is_ok() && sender.send(key[0]).is_ok() {}
        })?;
        Ok(keys)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use nix::pty::openpty;

    use super::*;

    #[test]
    fn a_terminal_is_given_back_as_it_was_also_by_a_panic() {
        let pty = openpty(None, None).unwrap();
        let [out, keys] = [(); 2].map(|()| File::from(pty.slave.try_clone().unwrap()));
        let flags = || tcgetattr(&pty.slave).unwrap().local_flags;
        let before = flags();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let screen = Screen::on(out, Some(keys)).unwrap();
            assert_ne!(flags(), before);
            screen.draw(&["one".to_owned(), "two".to_owned()]).unwrap();
            panic!("a panic that is meant");
        }));
        assert!(panicked.is_err());
        assert_eq!(flags(), before);
        let (mut master, mut text) = (File::from(pty.master), String::new());
        while !text.ends_with(LEAVE) {
            let mut block = [0; 256];
            let n = master.read(&mut block).unwrap();
            text += std::str::from_utf8(&block[..n]).unwrap();
        }
        assert!(text.starts_with(ENTER), "{text:?}");
        assert!(text.contains("two\x1b[K\x1b[J"), "{text:?}");
    }
}
