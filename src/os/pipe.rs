//! Pipes through which frames go.

use std::os::fd::AsFd;

use nix::fcntl::{FcntlArg, fcntl};

/// Pipes hold 64 KiB by default, a hundredth of a frame; a MiB is what an unprivileged process may ask for.
const BYTES: i32 = 1 << 20;

/// Has a pipe hold more than by default. Without it works as well, a little slower: that the system refuses is no error.
pub fn enlarge(pipe: impl AsFd) {
    let _ = fcntl(pipe, FcntlArg::F_SETPIPE_SZ(BYTES));
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_pipe_holds_more_and_what_is_no_pipe_stays_as_it_is() {
        let (_reader, writer) = io::pipe().unwrap();
        let room = || fcntl(&writer, FcntlArg::F_GETPIPE_SZ).unwrap();
        let before = room();
        enlarge(&writer);
        assert!(room() > before, "{before} bytes");
        enlarge(tempfile::tempfile().unwrap());
    }
}
