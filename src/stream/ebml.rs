//! EBML as Matroska has it (RFC 8794, RFC 9559): as much of it as says how pictures are cropped and shown. mkvmerge and ffmpeg
//! tell that only in part.

use std::{
    collections::BTreeMap,
    io::{self, Read, Seek, SeekFrom},
    iter,
};

/// The element with which every file begins.
pub const HEADER: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];
/// The element in which all others are.
const SEGMENT: [u8; 4] = [0x18, 0x53, 0x80, 0x67];

const SEEK_HEAD: u32 = 0x114d_9b74;
const SEEK: u32 = 0x4dbb;
const SEEK_ID: u32 = 0x53ab;
const SEEK_POSITION: u32 = 0x53ac;
const CLUSTER: u32 = 0x1f43_b675;
const TRACKS: u32 = 0x1654_ae6b;
const TRACK_ENTRY: u32 = 0xae;
const TRACK_NUMBER: u32 = 0xd7;
const VIDEO: u32 = 0xe0;
const PIXEL_WIDTH: u32 = 0xb0;
const PIXEL_HEIGHT: u32 = 0xba;
const PIXEL_CROP: [u32; 4] = [0x54cc, 0x54bb, 0x54dd, 0x54aa];
const DISPLAY_WIDTH: u32 = 0x54b0;
const DISPLAY_HEIGHT: u32 = 0x54ba;
const DISPLAY_UNIT: u32 = 0x54b2;

/// No list of tracks and no list of places is longer, in bytes: what says so is damaged. Lists of tracks hold fonts' worth of
/// codec data at most.
const LONGEST: u64 = 64 << 20;
/// So many elements in front of the first cluster are looked at. Files have about ten.
const MOST: usize = 1000;

/// How a track's pictures are to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framing {
    /// Pixels that are left out: left, top, right, bottom (PixelCrop).
    pub edges: [u32; 4],
    /// Width and height at which the rest is shown, in pixels: as near as the rest's own height allows where only their ratio
    /// is said.
    pub shown: (u32, u32),
}

/// How the pictures of a Matroska file's video tracks are to be shown, by the numbers of the tracks. Those of a file whose
/// list of tracks is not found are not known: nothing is returned.
///
/// # Errors
/// If the file cannot be read.
pub fn framings(file: &mut (impl Read + Seek)) -> io::Result<BTreeMap<u64, Framing>> {
    let tracks = match tracks(file) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
        tracks => tracks?,
    };
    let tracks = tracks.unwrap_or_default();
    let entries = elements(&tracks).filter(|(id, _)| *id == TRACK_ENTRY);
    let framing = |(_, entry)| {
        let number = elements(entry).find(|(id, _)| *id == TRACK_NUMBER)?.1;
        let video = elements(entry).find(|(id, _)| *id == VIDEO)?.1;
        Some((number_of(number)?, Framing::of(video)?))
    };
    Ok(entries.filter_map(framing).collect())
}

impl Framing {
    /// What the element Video says; `None` if it names no size.
    fn of(video: &[u8]) -> Option<Self> {
        let find = |wanted: u32| {
            let (_, data) = elements(video).find(|(id, _)| *id == wanted)?;
            u32::try_from(number_of(data)?).ok()
        };
        let edges = PIXEL_CROP.map(|id| find(id).unwrap_or(0));
        let [left, top, right, bottom] = edges;
        let width = find(PIXEL_WIDTH)?
            .saturating_sub(left)
            .saturating_sub(right);
        let height = find(PIXEL_HEIGHT)?
            .saturating_sub(top)
            .saturating_sub(bottom);
        let said = find(DISPLAY_WIDTH).zip(find(DISPLAY_HEIGHT));
        let shown = match (find(DISPLAY_UNIT).unwrap_or(0), said) {
            // In pixels: one that is not said is the picture's.
            (0, _) => (
                find(DISPLAY_WIDTH).unwrap_or(width),
                find(DISPLAY_HEIGHT).unwrap_or(height),
            ),
            // In centimetres, in inches, or as a ratio.
            (1..=3, Some((wide, high))) if wide > 0 && high > 0 => {
                let wide = u64::from(height) * u64::from(wide) + u64::from(high) / 2;
                (u32::try_from(wide / u64::from(high)).ok()?, height)
            }
            _ => (width, height),
        };
        Some(Self { edges, shown })
    }
}

/// What is in the list of tracks, if it is found: in front of the first cluster, or where the list of places says.
fn tracks(file: &mut (impl Read + Seek)) -> io::Result<Option<Vec<u8>>> {
    file.seek(SeekFrom::Start(0))?;
    let Some((begins, _)) = segment(file)? else {
        return Ok(None);
    };
    let mut places = Vec::new();
    for _ in 0..MOST {
        let Some((id, size)) = head(file)? else {
            break;
        };
        match (id, size) {
            (TRACKS, Some(size)) => return content(file, size).map(Some),
            (SEEK_HEAD, Some(size)) => places.extend(places_in(&content(file, size)?)),
            (CLUSTER, _) | (_, None) => break,
            (_, Some(size)) => file.seek_relative(i64::try_from(size).unwrap_or(i64::MAX))?,
        }
    }
    for place in places {
        file.seek(SeekFrom::Start(begins.saturating_add(place)))?;
        if let Some((TRACKS, Some(size))) = head(file)? {
            return content(file, size).map(Some);
        }
    }
    Ok(None)
}

/// Where a list of places says that the list of tracks is, from the beginning of the segment's content.
fn places_in(seek_head: &[u8]) -> Vec<u64> {
    let seeks = elements(seek_head).filter(|(id, _)| *id == SEEK);
    let place = |(_, seek)| {
        let find = |wanted: u32| elements(seek).find(|(id, _)| *id == wanted);
        let (_, id) = find(SEEK_ID)?;
        let (_, position) = find(SEEK_POSITION)?;
        (number_of(id)? == u64::from(TRACKS)).then_some(number_of(position)?)
    };
    seeks.filter_map(place).collect()
}

/// Reads a file's header, from its beginning, up to where the content of its segment begins: returns that place, and the content's
/// size if it was known when it was written. `None` in a file that has no segment after its header.
///
/// # Errors
/// If the file cannot be read, or ends before that.
pub fn segment(file: &mut (impl Read + Seek)) -> io::Result<Option<(u64, Option<u64>)>> {
    let mut id = [0; 4];
    file.read_exact(&mut id)?;
    if id != HEADER {
        return Ok(None);
    }
    let Some(header) = size(file)? else {
        return Ok(None);
    };
    file.seek_relative(i64::try_from(header).unwrap_or(i64::MAX))?;
    file.read_exact(&mut id)?;
    if id != SEGMENT {
        return Ok(None);
    }
    let size = size(file)?;
    Ok(Some((file.stream_position()?, size)))
}

/// The content of an element of `size` bytes.
fn content(file: &mut impl Read, size: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    file.take(size.min(LONGEST)).read_to_end(&mut content)?;
    Ok(content)
}

/// The id and the size of the element that begins here; `None` where none does.
fn head(file: &mut impl Read) -> io::Result<Option<(u32, Option<u64>)>> {
    let mut bytes = [0; 4];
    file.read_exact(&mut bytes[..1])?;
    let more = bytes[0].leading_zeros() as usize;
    if more >= bytes.len() {
        return Ok(None);
    }
    file.read_exact(&mut bytes[1..=more])?;
    let id = u32::from_be_bytes(bytes) >> (8 * (3 - more));
    Ok(Some((id, size(file)?)))
}

/// Reads a size: leading zeros give its length, all ones mean that it was not known when it was written.
fn size(file: &mut impl Read) -> io::Result<Option<u64>> {
    let mut bytes = [0; 8];
    file.read_exact(&mut bytes[..1])?;
    let more = bytes[0].leading_zeros() as usize;
    if more >= bytes.len() {
        return Ok(None);
    }
    file.read_exact(&mut bytes[1..=more])?;
    let bits = 7 * (more + 1);
    let value = (u64::from_be_bytes(bytes) >> (64 - 8 * (more + 1))) & ((1 << bits) - 1);
    Ok((value != (1 << bits) - 1).then_some(value))
}

/// The elements of which an element consists: their ids and contents. What ends early, or has no size, ends them.
fn elements(mut bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    iter::from_fn(move || {
        let (id, size) = head(&mut bytes).ok()??;
        let size = usize::try_from(size?).ok()?;
        let (content, rest) = bytes.split_at_checked(size)?;
        bytes = rest;
        Some((id, content))
    })
}

/// An unsigned number of at most eight bytes.
fn number_of(bytes: &[u8]) -> Option<u64> {
    let digits = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    (bytes.len() <= 8).then(|| bytes.iter().fold(0, digits))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// An element of less than 127 bytes, or of less than 2^14.
    fn element(id: u32, content: &[u8]) -> Vec<u8> {
        let id = id.to_be_bytes();
        let id = &id[id.iter().position(|byte| *byte != 0).unwrap()..];
        let size = u16::try_from(content.len()).unwrap();
        [id, &(size | 0x4000).to_be_bytes(), content].concat()
    }

    fn video(numbers: &[(u32, u16)]) -> Vec<u8> {
        let elements = numbers.iter();
        elements.fold(Vec::new(), |all, (id, number)| {
            [all, element(*id, &number.to_be_bytes())].concat()
        })
    }

    const SIZE: [(u32, u16); 2] = [(PIXEL_WIDTH, 320), (PIXEL_HEIGHT, 180)];

    fn tracks_of(video: &[u8]) -> Vec<u8> {
        let entry = [element(TRACK_NUMBER, &[7]), element(VIDEO, video)].concat();
        element(TRACKS, &element(TRACK_ENTRY, &entry))
    }

    fn file(segment: &[Vec<u8>]) -> Vec<u8> {
        let header = element(u32::from_be_bytes(HEADER), b"anything");
        [
            header,
            element(u32::from_be_bytes(SEGMENT), &segment.concat()),
        ]
        .concat()
    }

    fn framings_of(file: &[u8]) -> Vec<(u64, Framing)> {
        framings(&mut Cursor::new(file))
            .unwrap()
            .into_iter()
            .collect()
    }

    #[test]
    fn one_edge_is_enough_and_what_is_left_is_shown() {
        let letterbox = [&SIZE[..], &[(PIXEL_CROP[1], 20), (PIXEL_CROP[3], 22)]].concat();
        let framing = Framing {
            edges: [0, 20, 0, 22],
            shown: (320, 138),
        };
        let cluster = element(CLUSTER, b"pictures");
        let early = file(&[
            element(0xec, b"void"),
            tracks_of(&video(&letterbox)),
            cluster,
        ]);
        assert_eq!(framings_of(&early), [(7, framing)]);
        let shown = |more: &[(u32, u16)]| {
            let all = [&letterbox[..], more].concat();
            framings_of(&file(&[tracks_of(&video(&all))]))[0].1.shown
        };
        let display = |width, height| [(DISPLAY_WIDTH, width), (DISPLAY_HEIGHT, height)];
        assert_eq!(shown(&display(640, 276)), (640, 276));
        // 2:1 is a ratio, of pictures of which 138 rows are left.
        let ratio = [&display(2, 1)[..], &[(DISPLAY_UNIT, 3)]].concat();
        assert_eq!(shown(&ratio), (276, 138));
        assert_eq!(shown(&[(DISPLAY_UNIT, 3)]), (320, 138));
    }

    #[test]
    fn a_list_of_tracks_behind_the_pictures_is_found_where_the_list_of_places_says() {
        let (cluster, tracks) = (element(CLUSTER, &[0; 200]), tracks_of(&video(&SIZE)));
        let seek_head = |place: u16| {
            let id = element(SEEK_ID, &TRACKS.to_be_bytes());
            let position = element(SEEK_POSITION, &place.to_be_bytes());
            element(SEEK_HEAD, &element(SEEK, &[id, position].concat()))
        };
        let place = u16::try_from(seek_head(0).len() + cluster.len()).unwrap();
        let of = |place| framings_of(&file(&[seek_head(place), cluster.clone(), tracks.clone()]));
        let whole = Framing {
            edges: [0; 4],
            shown: (320, 180),
        };
        assert_eq!(of(place), [(7, whole)]);
        assert_eq!(of(place + 1), []);
        assert_eq!(of(u16::MAX), []);
    }

    #[test]
    fn what_is_cut_off_or_no_such_file_has_no_framing() {
        let whole = file(&[tracks_of(&video(&SIZE))]);
        assert_eq!(framings_of(&whole).len(), 1);
        for length in 0..whole.len() {
            assert_eq!(framings_of(&whole[..length]), [], "{length} bytes");
        }
        assert_eq!(framings_of(b"RIFF and so on, for some bytes"), []);
    }
}
