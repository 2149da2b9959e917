//! What a file is that is no film, by what is at its beginning.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

/// Bytes at the beginning by which it is told what a file is.
const HEAD: u64 = 4096;

/// What an archive is, and what to do with it.
macro_rules! archive {
    ($name:literal) => {
        concat!(
            "an archive (",
            $name,
            "): unpack it, and name the film that was in it"
        )
    };
}

/// How files begin of kinds that hold no film or hide it: after so many bytes, with these. Pictures may be frames of a film for
/// ffmpeg (MJPEG), so that this is asked only of what it does not read.
const KINDS: [(usize, &[u8], &str); 19] = [
    (0, b"PK\x03\x04", archive!("ZIP")),
    (0, b"PK\x05\x06", archive!("ZIP, an empty one")),
    (0, b"Rar!\x1a\x07", archive!("RAR")),
    (0, b"7z\xbc\xaf\x27\x1c", archive!("7z")),
    (0, b"\x1f\x8b", archive!("gzip")),
    (0, b"\xfd7zXZ\0", archive!("xz")),
    (0, b"\x28\xb5\x2f\xfd", archive!("zstd")),
    (0, b"BZh", archive!("bzip2")),
    (257, b"ustar", archive!("tar")),
    (0, b"\x89PNG", "a picture (PNG)"),
    (0, b"\xff\xd8\xff", "a picture (JPEG)"),
    (8, b"WEBP", "a picture (WebP)"),
    (4, b"ftypavif", "a picture (AVIF)"),
    (4, b"ftypheic", "a picture (HEIC)"),
    (0, b"II*\0", "a picture (TIFF)"),
    (0, b"%PDF-", "a document (PDF)"),
    (0, b"\x7fELF", "a program"),
    (0, b"SQLite format 3\0", "a database (SQLite)"),
    (
        0,
        b"Salted__",
        "encrypted (by openssl): decrypt it, and name the film that was in it",
    ),
];

/// Where an image of a disc says that it is one, and how.
const DISC: (u64, &[u8]) = (32_769, b"CD001");

/// The beginning of a file, to which it is put back, wherever it was.
pub(super) fn head(file: &mut File) -> Vec<u8> {
    let mut head = Vec::new();
    // Whoever reads it will say what is wrong with it.
    let _ = file.rewind();
    let _ = file.take(HEAD).read_to_end(&mut head);
    let _ = file.rewind();
    head
}

/// What a file is that ffmpeg does not know, if that can be told: as `it is` goes on.
pub(super) fn of(file: &mut File) -> Option<&'static str> {
    let head = head(file);
    if is_text(&head) {
        return Some("a text; name the film itself");
    }
    if is_disc(file).unwrap_or(false) {
        return Some(
            "an image of a disc: make a film of each title beforehand, with MakeMKV for example",
        );
    }
    if head.iter().all(|byte| *byte == 0) {
        return Some(
            "nothing but zeroes where a film begins, most likely never copied or downloaded to its end",
        );
    }
    let begins = |(at, bytes, _): &&(usize, &[u8], _)| {
        head.get(*at..).is_some_and(|rest| rest.starts_with(bytes))
    };
    KINDS.iter().find(begins).map(|(.., kind)| *kind)
}

/// Whether a file begins as one does that holds nothing but text.
fn is_text(head: &[u8]) -> bool {
    // The last character may be cut in two.
    let end = match std::str::from_utf8(head) {
        Ok(text) => text.len(),
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Err(_) => return false,
    };
    let is_odd = |byte: &u8| byte.is_ascii_control() && !b"\t\r\n".contains(byte);
    !head.is_empty() && !head[..end].iter().any(is_odd)
}

fn is_disc(file: &mut File) -> io::Result<bool> {
    let (at, mark) = DISC;
    let mut found = vec![0; mark.len()];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut found)?;
    Ok(found == mark)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn kind(bytes: &[u8]) -> Option<&'static str> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        of(&mut file)
    }

    #[test]
    fn what_is_no_film_is_known_by_its_beginning() {
        let tar = [&[b'a'; 100][..], &[0; 157], b"ustar\0"].concat();
        let disc = [&[0; 32_769][..], b"CD001\x01", &[0; 100]].concat();
        for (bytes, said) in [
            (&b"PK\x03\x04\x14\0"[..], "an archive (ZIP)"),
            (b"\x1f\x8b\x08\0", "an archive (gzip)"),
            (&tar, "an archive (tar)"),
            (&disc, "an image of a disc"),
            (b"\xff\xd8\xff\xe0", "a picture (JPEG)"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "a picture (WebP)"),
            (b"%PDF-1.7\n%\xe2\xe3", "a document (PDF)"),
            (b"\x7fELF\x02", "a program"),
            (b"Salted__\x01\x02", "encrypted (by openssl)"),
            ("Sehr geehrte, \u{e4}".as_bytes(), "a text"),
            (&[b'a', 0xc3], "a text"),
            (&[0; 9000], "nothing but zeroes"),
        ] {
            let kind = kind(bytes);
            assert!(
                kind.is_some_and(|kind| kind.starts_with(said)),
                "{kind:?}, not {said}"
            );
        }
        for other in [
            &b"\x1a\x45\xdf\xa3\x01"[..],
            b"\0\0\0\x18ftypisom",
            b"RIFF\0\0\0\0AVI LIST",
            &[0x47, 0xff, b'a'],
        ] {
            assert_eq!(kind(other), None);
        }
    }
}
