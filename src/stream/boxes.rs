//! The index of QuickTime and MP4 (`moov`), as far as programs disagree about it: what its edit lists say.

use std::io::{self, Read, Seek, SeekFrom};

use crate::film::edits::Edit;

/// A track as the index has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Its number, which the film's other boxes and ffprobe call it by.
    pub id: u32,
    /// What it is: `vide`, `soun`, `text`, `sbtl`.
    pub kind: [u8; 4],
    /// How many samples it has.
    pub samples: u32,
    /// Tracks that it says have its chapters.
    pub chapters: Vec<u32>,
    /// Its edit list; empty if it has none.
    pub edits: Vec<Edit>,
}

/// A box that is read whole, or whose boxes are walked through, has no more than so many bytes, or boxes.
const MOST_BYTES: u64 = 1 << 20;
const MOST_BOXES: usize = 4096;

/// The tracks by the index of `file`, which has so many `bytes`. None, where there is no index, or one whose lists go on in
/// fragments of the file.
///
/// # Errors
/// If it cannot be read.
pub fn tracks(file: &mut (impl Read + Seek), bytes: u64) -> io::Result<Vec<Listed>> {
    let all = Part {
        kind: *b"file",
        from: 0,
        to: bytes,
    };
    let Some(moov) = all.first(file, b"moov")? else {
        return Ok(Vec::new());
    };
    let parts = moov.parts(file)?;
    let Some(head) = parts.iter().find(|part| part.kind == *b"mvhd") else {
        return Ok(Vec::new());
    };
    let film = scale(&head.read(file)?).unwrap_or(0);
    if film == 0 || parts.iter().any(|part| part.kind == *b"mvex") {
        return Ok(Vec::new());
    }
    let mut tracks = Vec::new();
    for part in parts.iter().filter(|part| part.kind == *b"trak") {
        tracks.extend(part.track(file, film)?);
    }
    Ok(tracks)
}

/// What is in a box.
struct Part {
    kind: [u8; 4],
    from: u64,
    to: u64,
}

impl Part {
    /// The boxes in it, up to one that is none.
    fn parts(&self, file: &mut (impl Read + Seek)) -> io::Result<Vec<Self>> {
        let mut parts = Vec::new();
        let mut at = self.from;
        while at + 8 <= self.to && parts.len() < MOST_BOXES {
            let mut head = [0; 16];
            file.seek(SeekFrom::Start(at))?;
            file.read_exact(&mut head[..8])?;
            let (size, begins) = match be32(&head, 0).unwrap_or(0) {
                0 => (self.to - at, 8),
                1 if at + 16 <= self.to => {
                    file.read_exact(&mut head[8..])?;
                    (be64(&head, 8).unwrap_or(0), 16)
                }
                size => (u64::from(size), 8),
            };
            let Some(to) = at.checked_add(size).filter(|to| *to <= self.to) else {
                break;
            };
            if size < begins {
                break;
            }
            let kind = [head[4], head[5], head[6], head[7]];
            let from = at + begins;
            parts.push(Self { kind, from, to });
            at = to;
        }
        Ok(parts)
    }

    /// The first box of a kind in it.
    fn first(&self, file: &mut (impl Read + Seek), kind: &[u8; 4]) -> io::Result<Option<Self>> {
        let mut parts = self.parts(file)?.into_iter();
        Ok(parts.find(|part| part.kind == *kind))
    }

    /// The bytes in it, as far as they are needed.
    fn read(&self, file: &mut (impl Read + Seek)) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(self.from))?;
        let long = (self.to - self.from).min(MOST_BYTES);
        file.take(long).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The bytes of the box that is found along some kinds; none if there is no such box.
    fn along(&self, file: &mut (impl Read + Seek), kinds: &[&[u8; 4]]) -> io::Result<Vec<u8>> {
        match kinds {
            [] => self.read(file),
            [kind, rest @ ..] => match self.first(file, kind)? {
                Some(part) => part.along(file, rest),
                None => Ok(Vec::new()),
            },
        }
    }

    /// The track that it is, of a film with so many units a second; `None` if it lacks what every track has.
    fn track(&self, file: &mut (impl Read + Seek), film: u32) -> io::Result<Option<Listed>> {
        let head = self.along(file, &[b"tkhd"])?;
        let id = be32(&head, if is_long(&head) { 20 } else { 12 });
        let unit = scale(&self.along(file, &[b"mdia", b"mdhd"])?);
        let handler = self.along(file, &[b"mdia", b"hdlr"])?;
        let (Some(id), Some(unit @ 1..), Some(kind)) = (id, unit, handler.get(8..12)) else {
            return Ok(None);
        };
        let sizes = self.along(file, &[b"mdia", b"minf", b"stbl", b"stsz"])?;
        let chapters = self.along(file, &[b"tref", b"chap"])?;
        let list = self.along(file, &[b"edts", b"elst"])?;
        Ok(Some(Listed {
            id,
            kind: [kind[0], kind[1], kind[2], kind[3]],
            samples: be32(&sizes, 8).unwrap_or(0),
            chapters: (0..chapters.len() / 4)
                .filter_map(|n| be32(&chapters, 4 * n))
                .collect(),
            edits: edits(&list, f64::from(film), f64::from(unit)),
        }))
    }
}

/// The entries of an edit list, of units of the `film` and of the `track` in a second.
fn edits(list: &[u8], film: f64, track: f64) -> Vec<Edit> {
    let long = is_long(list);
    let announced = be32(list, 4).unwrap_or(0) as usize;
    let entries = list.get(8..).unwrap_or_default();
    let edit = |entry: &[u8]| {
        let (lasts, begins) = if long {
            (be64(entry, 0)? as f64, be64(entry, 8)?.cast_signed())
        } else {
            let begins = be32(entry, 4)?.cast_signed();
            (f64::from(be32(entry, 0)?), i64::from(begins))
        };
        Some(Edit {
            lasts_ms: lasts * 1000.0 / film,
            begins_ms: (begins != -1).then_some(begins as f64 * 1000.0 / track),
        })
    };
    entries
        .chunks_exact(if long { 20 } else { 12 })
        .take(announced)
        .filter_map(edit)
        .collect()
}

/// Whether the times in a box have 64 bit.
fn is_long(bytes: &[u8]) -> bool {
    bytes.first() == Some(&1)
}

/// Units in a second by the head of a film or of a track.
fn scale(head: &[u8]) -> Option<u32> {
    be32(head, if is_long(head) { 20 } else { 12 })
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    bytes.try_into().ok().map(u32::from_be_bytes)
}

fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + 8)?;
    bytes.try_into().ok().map(u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(8 + body.len()).unwrap();
        [&size.to_be_bytes(), kind.as_slice(), body].concat()
    }

    fn long_box(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let size = 16 + body.len() as u64;
        [
            &1_u32.to_be_bytes(),
            kind.as_slice(),
            &size.to_be_bytes(),
            body,
        ]
        .concat()
    }

    /// A head of a box of version 0 or 1, with a number behind its two dates.
    fn head(version: u8, number: u32) -> Vec<u8> {
        let dates = if version == 1 { 16 } else { 8 };
        let mut bytes = vec![0; 4 + dates];
        bytes[0] = version;
        bytes.extend(number.to_be_bytes());
        bytes
    }

    fn list(entries: &[(u32, i32)]) -> Vec<u8> {
        let mut bytes = [0, u32::try_from(entries.len()).unwrap()]
            .map(u32::to_be_bytes)
            .concat();
        for (lasts, begins) in entries {
            bytes.extend([lasts.to_be_bytes(), begins.to_be_bytes(), [0, 1, 0, 0]].concat());
        }
        bytes
    }

    fn long_list(entries: &[(u64, i64)]) -> Vec<u8> {
        let mut bytes = vec![1, 0, 0, 0];
        bytes.extend(u32::try_from(entries.len()).unwrap().to_be_bytes());
        for (lasts, begins) in entries {
            bytes.extend([lasts.to_be_bytes(), begins.to_be_bytes()].concat());
            bytes.extend([0, 1, 0, 0]);
        }
        bytes
    }

    fn track(version: u8, id: u32, kind: &[u8; 4], list: &[u8]) -> Vec<u8> {
        let handler = [&[0; 8], kind.as_slice(), &[0; 12]].concat();
        let sizes = [0, 0, 7].map(u32::to_be_bytes).concat();
        let table = boxed(b"minf", &boxed(b"stbl", &boxed(b"stsz", &sizes)));
        let media = [
            boxed(b"mdhd", &head(version, 500)),
            boxed(b"hdlr", &handler),
            table,
        ];
        let parts = [
            boxed(b"tkhd", &head(version, id)),
            boxed(b"edts", &boxed(b"elst", list)),
            boxed(b"tref", &boxed(b"chap", &3_u32.to_be_bytes())),
            boxed(b"mdia", &media.concat()),
        ];
        boxed(b"trak", &parts.concat())
    }

    fn read(file: &[u8]) -> Vec<Listed> {
        tracks(&mut Cursor::new(file), file.len() as u64).unwrap()
    }

    fn film(parts: &[Vec<u8>]) -> Vec<u8> {
        let index = boxed(b"moov", &parts.concat());
        [
            boxed(b"ftyp", b"isom"),
            long_box(b"mdat", &[1; 99]),
            index,
            boxed(b"free", b""),
        ]
        .concat()
    }

    #[test]
    fn lists_of_both_versions_are_read_behind_boxes_of_any_size() {
        let short = track(0, 1, b"vide", &list(&[(50, -1), (2000, 250)]));
        let long = track(1, 2, b"sbtl", &long_list(&[(1 << 33, 1 << 34)]));
        let found = read(&film(&[boxed(b"mvhd", &head(1, 1000)), short, long]));
        let pause = Edit {
            lasts_ms: 50.0,
            begins_ms: None,
        };
        let part = Edit {
            lasts_ms: 2000.0,
            begins_ms: Some(500.0),
        };
        assert_eq!(
            found[0],
            Listed {
                id: 1,
                kind: *b"vide",
                samples: 7,
                chapters: vec![3],
                edits: vec![pause, part]
            }
        );
        assert_eq!((found[1].id, &found[1].kind), (2, b"sbtl"));
        let far = f64::from(2_u32.pow(31)) * 16.0;
        assert_eq!(found[1].edits[0].begins_ms, Some(far));
    }

    #[test]
    fn what_is_no_index_or_goes_on_elsewhere_has_no_lists() {
        let head_of_film = boxed(b"mvhd", &head(0, 1000));
        let one = || track(0, 1, b"vide", &list(&[(2000, 250)]));
        assert_eq!(read(&film(&[head_of_film.clone(), one()])).len(), 1);
        let mvex = boxed(b"mvex", b"");
        assert!(read(&film(&[head_of_film.clone(), one(), mvex])).is_empty());
        assert!(read(&film(&[one()])).is_empty(), "without its unit");
        let zero = boxed(b"mvhd", &head(0, 0));
        assert!(read(&film(&[zero, one()])).is_empty());
        assert!(read(b"RIFF\0\0\0\0AVI ").is_empty() && read(b"").is_empty());
    }

    #[test]
    fn an_index_that_is_cut_off_or_lies_about_its_sizes_does_no_harm() {
        let whole = film(&[
            boxed(b"mvhd", &head(0, 1000)),
            track(0, 1, b"vide", &list(&[(2000, 250)])),
        ]);
        for at in 0..whole.len() {
            let _ = read(&whole[..at]);
            for value in [0, 1, 0xff] {
                let mut changed = whole.clone();
                changed[at] = value;
                let _ = read(&changed);
            }
        }
        let mut announced = list(&[(2000, 250)]);
        announced[4..8].copy_from_slice(&[0xff; 4]);
        assert_eq!(edits(&announced, 1000.0, 500.0).len(), 1);
    }
}
