//! How a file ends: whether its own structure says that it once was longer. Lengths in headers are hints, and are not
//! looked at here.

use std::io::{self, Read, Seek, SeekFrom};

use crate::stream::ebml;

/// Why `file`, of so many `bytes`, is cut short, if its structure says so.
///
/// # Errors
/// If it cannot be read.
pub fn cut_short(file: &mut (impl Read + Seek), bytes: u64) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(HEAD).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(0))?;
    let declared = match &head {
        head if head.starts_with(&ebml::HEADER) => matroska_bytes(file)?,
        head if head.get(4..8).is_some_and(|name| BOXES.contains(&name)) => boxes_end(file, bytes)?,
        head if head.starts_with(&ASF) => asf_bytes(head),
        head if head.starts_with(b"RIFF") => riffs_end(file, bytes)?,
        head if head.starts_with(Y4M) => {
            return Ok(y4m_end_within(file, head, bytes)?.then(|| WITHIN_PICTURE.to_owned()));
        }
        head if head.starts_with(b"FLV") => {
            return Ok(flv_ends_in_a_tag(file, bytes)?.then(|| WITHIN.to_owned()));
        }
        head => {
            let within = match Units::of(head) {
                Some(units) => units.end_within(file, bytes)?,
                None => match Packets::find(head) {
                    Some(stream) => stream.end_within(file, bytes)?,
                    None => false,
                },
            };
            return Ok(within.then(|| WITHIN.to_owned()));
        }
    };
    Ok(declared
        .filter(|declared| *declared > bytes)
        .map(|declared| format!("it declares {declared} bytes, and has {bytes}")))
}

/// What is said of a file that ends so.
pub const WITHIN: &str = "it ends in the middle of a packet";

const WITHIN_PICTURE: &str = "it ends in the middle of a picture";

/// Bytes at the beginning that say what a file is.
const HEAD: u64 = 4096;

/// Size that a Matroska file gives for itself in its first elements, if it does. A file that lacks no more than its last
/// second is known by nothing else: what says how many frames there are comes after them.
fn matroska_bytes(file: &mut (impl Read + Seek)) -> io::Result<Option<u64>> {
    let segment = ebml::segment(file)?;
    Ok(segment.and_then(|(begins, size)| begins.checked_add(size?)))
}

/// Boxes with which files of the ISO base media file format and QuickTime begin, and of which they are made.
const BOXES: [&[u8]; 14] = [
    b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp", b"pnot", b"moof", b"mfra",
    b"sidx", b"uuid", b"emsg", b"meta",
];

/// Where the last box ends that is not wholly in the file, or the last one of all.
fn boxes_end(file: &mut (impl Read + Seek), bytes: u64) -> io::Result<Option<u64>> {
    let mut at = 0;
    while at + 8 <= bytes {
        let mut head = [0; 16];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut head[..8])?;
        // What cameras append to their films is none.
        if !BOXES.contains(&&head[4..8]) {
            break;
        }
        let size = match be32(&head) {
            // To the end of the file, wherever that is.
            0 => return Ok(None),
            1 if at + 16 <= bytes => {
                file.read_exact(&mut head[8..])?;
                u64::from(be32(&head[8..])) << 32 | u64::from(be32(&head[12..]))
            }
            1 => 16,
            size => u64::from(size),
        };
        if size < 8 {
            return Ok(None);
        }
        at = at.saturating_add(size);
    }
    Ok(Some(at))
}

/// The header object with which ASF files (wmv, asf) begin, and the file properties object in it (ASF specification, 10.1).
const ASF: [u8; 16] = *b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c";
const ASF_FILE: [u8; 16] = *b"\xa1\xdc\xab\x8c\x47\xa9\xcf\x11\x8e\xe4\x00\xc0\x0c\x20\x53\x65";

/// Size that an ASF file gives for itself; `None` if that was not known when it was written, as of a broadcast.
fn asf_bytes(head: &[u8]) -> Option<u64> {
    let at = head.windows(16).position(|id| *id == ASF_FILE)?;
    let size = head.get(at + 40..at + 48)?;
    let broadcast = *head.get(at + 88)? & 1 != 0;
    let size = u64::from_le_bytes(size.try_into().ok()?);
    (!broadcast && size > 0).then_some(size)
}

/// Some programs count the eight bytes of a head as well, and one more where a chunk is of odd size.
const RIFF_SLACK: u64 = 16;

/// Where the last of the chunks `RIFF` ends of which an AVI file is made; `None` if that was not known when it was written.
fn riffs_end(file: &mut (impl Read + Seek), bytes: u64) -> io::Result<Option<u64>> {
    let mut at = 0;
    while at + 8 <= bytes {
        let mut head = [0; 8];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut head)?;
        let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        if &head[..4] != b"RIFF" {
            break;
        }
        if size == 0 || size > u32::MAX - 8 {
            return Ok(None);
        }
        at += 8 + u64::from(size);
    }
    Ok(Some(at.saturating_sub(RIFF_SLACK)))
}

/// Whether the last four bytes of a Flash film, which say how long the last tag is, do not lead to a tag that says so
/// itself.
fn flv_ends_in_a_tag(file: &mut (impl Read + Seek), bytes: u64) -> io::Result<bool> {
    const TAG_HEAD: u64 = 11;
    let mut last = [0; 4];
    let Some(end) = bytes.checked_sub(4) else {
        return Ok(true);
    };
    file.seek(SeekFrom::Start(end))?;
    file.read_exact(&mut last)?;
    let size = u64::from(be32(&last));
    // Some programs leave the field empty.
    if size == 0 {
        return Ok(false);
    }
    let Some(tag) = end.checked_sub(size).filter(|_| size > TAG_HEAD) else {
        return Ok(true);
    };
    let mut head = [0; 4];
    file.seek(SeekFrom::Start(tag))?;
    file.read_exact(&mut head)?;
    head[0] = 0;
    Ok(u64::from(be32(&head)) + TAG_HEAD != size)
}

/// With what a YUV4MPEG2 file begins.
const Y4M: &[u8] = b"YUV4MPEG2 ";

/// Whether a YUV4MPEG2 file, which begins with `head`, ends within a picture. What is not said of pictures of a colour space
/// that is not known here is not looked at.
fn y4m_end_within(file: &mut (impl Read + Seek), head: &[u8], bytes: u64) -> io::Result<bool> {
    let Some(line) = head.iter().position(|byte| *byte == b'\n') else {
        return Ok(false);
    };
    let Some(picture) = y4m_picture(&String::from_utf8_lossy(&head[..line])) else {
        return Ok(false);
    };
    let mut at = line as u64 + 1;
    while at < bytes {
        file.seek(SeekFrom::Start(at))?;
        let mut start = Vec::new();
        file.take(80).read_to_end(&mut start)?;
        let whole = start.len().min(Y4M_FRAME.len());
        if start[..whole] != Y4M_FRAME[..whole] {
            return Ok(false);
        }
        let Some(line) = start.iter().position(|byte| *byte == b'\n') else {
            return Ok(start.len() as u64 == bytes - at);
        };
        at += line as u64 + 1 + picture;
    }
    Ok(at > bytes)
}

/// With what each picture of such a file begins.
const Y4M_FRAME: &[u8] = b"FRAME";

/// Bytes of a picture by the first line of such a file; `None` if its colour space is not known here.
fn y4m_picture(line: &str) -> Option<u64> {
    let find = |name: char| {
        line.split(' ')
            .skip(1)
            .find_map(|word| word.strip_prefix(name))
    };
    let pixels = |name| find(name)?.parse::<u16>().ok().map(u64::from);
    let (width, height) = (pixels('W')?, pixels('H')?);
    // `420mpeg2`, `422p10`, `mono16`; of 8 bit where no depth is named.
    let space = find('C').unwrap_or("420");
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    let (chroma, rest) = if let Some(rest) = space.strip_prefix("mono") {
        (0, rest)
    } else {
        let (sampling, rest) = space.split_at_checked(3)?;
        let chroma = match sampling {
            "420" => half_width * half_height,
            "422" => half_width * height,
            "444" => width * height,
            _ => return None,
        };
        (chroma, rest.strip_prefix('p').unwrap_or(rest))
    };
    let sample = match rest {
        "" | "jpeg" | "mpeg2" | "aldv" | "paldv" => 1,
        depth => depth
            .parse::<u8>()
            .ok()
            .filter(|depth| (9..=16).contains(depth))
            .map(|_| 2)?,
    };
    Some((width * height + 2 * chroma) * sample)
}

/// Files that are made of units, each of which says at its beginning how long it is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Units {
    /// Pages of Ogg (RFC 3533, 6).
    Ogg,
    /// Packs and packets of a programme stream (ISO/IEC 13818-1, 2.5.3; 11172-1, 2.4.3).
    Programme,
    /// Packets of GXF (SMPTE 360M).
    Gxf,
    /// Chunks of RoQ.
    Roq,
    /// Open bitstream units of AV1 (its section 5), each with its size.
    Av1,
}

/// What the beginning of a unit says.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Unit {
    /// So many bytes belong to it.
    Bytes(u64),
    /// It is the last one: what follows is none.
    Last,
    /// There is none.
    Nothing,
}

impl Units {
    /// What a file is made of that begins with `head`.
    fn of(head: &[u8]) -> Option<Self> {
        const BEGINNINGS: [(&[u8], Units); 5] = [
            (b"OggS\0", Units::Ogg),
            (b"\0\0\x01\xba", Units::Programme),
            (b"\0\0\0\0\x01\xbc", Units::Gxf),
            (b"\x84\x10\xff\xff\xff\xff", Units::Roq),
            (b"\x12\0", Units::Av1),
        ];
        let mut known = BEGINNINGS.iter();
        let (_, units) = known.find(|(beginning, _)| head.starts_with(beginning))?;
        Some(*units)
    }

    /// Whether the file ends within one of them. Where there are many, the last ones are looked at.
    fn end_within(self, file: &mut (impl Read + Seek), bytes: u64) -> io::Result<bool> {
        /// More than any page or packet.
        const TAIL: u64 = 1 << 20;
        let mark: &[u8] = match self {
            Self::Ogg => b"OggS\0",
            Self::Programme => b"\0\0\x01\xba",
            Self::Roq => return self.ends_behind(8, file, bytes),
            Self::Gxf | Self::Av1 => return self.ends_behind(0, file, bytes),
        };
        let from = bytes.saturating_sub(TAIL);
        let mut tail = Vec::new();
        file.seek(SeekFrom::Start(from))?;
        file.take(TAIL).read_to_end(&mut tail)?;
        match tail.windows(mark.len()).position(|bytes| bytes == mark) {
            Some(at) => self.ends_behind(from + at as u64, file, bytes),
            None => Ok(false),
        }
    }

    /// Whether one of those `from` some byte on does not end in the file.
    fn ends_behind(self, from: u64, file: &mut (impl Read + Seek), bytes: u64) -> io::Result<bool> {
        let mut at = from;
        while at < bytes {
            let mut head = Vec::new();
            file.seek(SeekFrom::Start(at))?;
            file.take(self.head()).read_to_end(&mut head)?;
            match self.unit(&head) {
                Unit::Bytes(size) => at = at.saturating_add(size),
                Unit::Last | Unit::Nothing => return Ok(false),
            }
        }
        Ok(at > bytes)
    }

    /// Bytes at the beginning of a unit that say all of it.
    fn head(self) -> u64 {
        match self {
            Self::Ogg => 27 + 255,
            Self::Programme => 14,
            Self::Gxf => 16,
            Self::Roq => 8,
            Self::Av1 => 10,
        }
    }

    /// The unit that begins with `head`, which is shorter than [`Self::head`] only at the end of the file.
    fn unit(self, head: &[u8]) -> Unit {
        let unit = match self {
            Self::Ogg => ogg_page(head),
            Self::Programme => programme_packet(head),
            Self::Gxf => gxf_packet(head),
            Self::Roq => roq_chunk(head),
            Self::Av1 => av1_unit(head),
        };
        // One of which not even that is there.
        unit.unwrap_or(Unit::Bytes(self.head()))
    }
}

/// `None` if `head` ends too early to say it, as of all below.
fn ogg_page(head: &[u8]) -> Option<Unit> {
    if !begins_like(head, b"OggS\0") {
        return Some(Unit::Nothing);
    }
    let segments = usize::from(*head.get(26)?);
    let lengths = head.get(27..27 + segments)?;
    let held: u64 = lengths.iter().copied().map(u64::from).sum();
    Some(Unit::Bytes(27 + segments as u64 + held))
}

fn programme_packet(head: &[u8]) -> Option<Unit> {
    if !begins_like(head, b"\0\0\x01") {
        return Some(Unit::Nothing);
    }
    Some(match *head.get(3)? {
        0xb9 => Unit::Last,
        // A pack: of MPEG-2 with stuffing, or of MPEG-1.
        0xba if head.get(4)? >> 6 == 1 => Unit::Bytes(14 + u64::from(head.get(13)? & 7)),
        0xba => Unit::Bytes(12),
        0xbb.. => Unit::Bytes(6 + u64::from(u16::from_be_bytes([*head.get(4)?, *head.get(5)?]))),
        _ => Unit::Nothing,
    })
}

fn gxf_packet(head: &[u8]) -> Option<Unit> {
    const LAST: u8 = 0xfb;
    if !begins_like(head, b"\0\0\0\0\x01") {
        return Some(Unit::Nothing);
    }
    let size = be32(head.get(6..10)?);
    if *head.get(5)? == LAST {
        return Some(Unit::Last);
    }
    Some(match size {
        ..16 => Unit::Nothing,
        size => Unit::Bytes(u64::from(size)),
    })
}

fn roq_chunk(head: &[u8]) -> Option<Unit> {
    // `10 02` and the like: the second byte of every number of a chunk is 16.
    if head.get(1).is_some_and(|kind| *kind != 0x10) {
        return Some(Unit::Nothing);
    }
    let size = u32::from_le_bytes(head.get(2..6)?.try_into().ok()?);
    Some(Unit::Bytes(8 + u64::from(size)))
}

fn av1_unit(head: &[u8]) -> Option<Unit> {
    let (forbidden, extended, sized) = (head[0] & 0x80, head[0] & 4, head[0] & 2);
    if forbidden != 0 || sized == 0 {
        return Some(Unit::Nothing);
    }
    let begins = if extended != 0 { 2 } else { 1 };
    let mut size = 0;
    for n in 0..8 {
        let byte = *head.get(begins + n)?;
        size |= u64::from(byte & 0x7f) << (7 * n);
        if byte & 0x80 == 0 {
            return Some(Unit::Bytes((begins + n + 1) as u64 + size));
        }
    }
    Some(Unit::Nothing)
}

/// Whether `head` begins with `mark`, as far as it goes.
fn begins_like(head: &[u8], mark: &[u8]) -> bool {
    head.iter().zip(mark).all(|(byte, wanted)| byte == wanted)
}

fn be32(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .take(4)
        .fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// The packets of a transport stream.
#[derive(Debug, PartialEq)]
struct Packets {
    /// Where the first one begins: 0x47 is its first byte.
    first: u64,
    /// Bytes from one to the next: with a time in front on disks, with parity behind in some broadcasts.
    size: u64,
}

const SYNC: u8 = 0x47;

impl Packets {
    /// Finds them in the first bytes of a file.
    fn find(head: &[u8]) -> Option<Self> {
        const IN_A_ROW: usize = 5;
        let found = [188, 192, 204].into_iter().find_map(|size| {
            let row =
                |first: &usize| (0..IN_A_ROW).all(|n| head.get(first + n * size) == Some(&SYNC));
            (0..size).find(row).map(|first| (first, size))
        })?;
        Some(Self {
            first: found.0 as u64,
            size: found.1 as u64,
        })
    }

    /// Whether the file ends within one of them. What follows the last is no packet, and none of the stream's.
    fn end_within(&self, file: &mut (impl Read + Seek), bytes: u64) -> io::Result<bool> {
        const PACKET: u64 = 188;
        let whole = bytes.saturating_sub(self.first) / self.size;
        let begun = self.first + whole * self.size;
        if whole == 0 || begun >= bytes || bytes - begun >= PACKET {
            return Ok(false);
        }
        let mut sync = |at: u64| -> io::Result<bool> {
            let mut byte = [0];
            file.seek(SeekFrom::Start(at))?;
            file.read_exact(&mut byte)?;
            Ok(byte[0] == SYNC)
        };
        Ok(sync(begun)? && sync(begun - self.size)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(bytes: &[u8]) -> Option<String> {
        cut_short(&mut io::Cursor::new(bytes), bytes.len() as u64).unwrap()
    }

    #[test]
    fn a_yuv4mpeg2_file_that_ends_within_a_picture_is_found() {
        for (head, picture) in [
            ("YUV4MPEG2 W3 H2 F25:1\n", 6 + 2 * 2),
            ("YUV4MPEG2 W4 H2 F25:1 Ip C420jpeg\n", 12),
            ("YUV4MPEG2 W4 H2 C420mpeg2 XYSCSS=420MPEG2\n", 12),
            ("YUV4MPEG2 W4 H2 C420paldv\n", 12),
            ("YUV4MPEG2 W4 H2 C422p10\n", 32),
            ("YUV4MPEG2 W4 H2 C444\n", 24),
            ("YUV4MPEG2 W4 H2 Cmono16\n", 16),
        ] {
            let frame = [b"FRAME\n".as_slice(), &vec![0; picture]].concat();
            let whole = [head.as_bytes(), &frame, &frame].concat();
            assert_eq!(said(&whole), None, "{head}");
            for less in [1, picture - 1, picture, picture + 3] {
                let cut = said(&whole[..whole.len() - less]);
                assert_eq!(cut.as_deref(), Some(WITHIN_PICTURE), "{head} {less}");
            }
            assert_eq!(said(&[whole.as_slice(), b"junk"].concat()), None, "{head}");
        }
    }

    #[test]
    fn the_size_that_a_matroska_file_gives_for_itself_is_read() {
        let read = |bytes: &[u8]| matroska_bytes(&mut io::Cursor::new(bytes));
        let head = b"\x1a\x45\xdf\xa3\x82xy\x18\x53\x80\x67";
        assert_eq!(
            read(&[head.as_slice(), b"\x45\x00"].concat()).unwrap(),
            Some(11 + 2 + 0x500)
        );
        assert_eq!(
            read(&[head.as_slice(), b"\x01\0\0\0\0\0\x01\0"].concat()).unwrap(),
            Some(11 + 8 + 256)
        );
        for unknown in [
            b"\xff".as_slice(),
            b"\x01\xff\xff\xff\xff\xff\xff\xff",
            b"\0",
        ] {
            assert_eq!(read(&[head.as_slice(), unknown].concat()).unwrap(), None);
        }
        assert_eq!(read(b"\0\0\0\x20ftypisom").unwrap(), None);
        assert!(read(b"\x1a\x45").is_err());
        assert!(read(b"\x1a\x45\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xfe").is_err());
    }

    #[test]
    fn a_box_that_ends_beyond_the_file_is_one_that_was_cut() {
        let whole = b"\0\0\0\x0cftypisom\0\0\0\x0amdatxy\0\0\0\x01mdat\0\0\0\0\0\0\0\x14wxyz";
        assert_eq!(said(whole), None);
        assert_eq!(
            said(&whole[..whole.len() - 1]).unwrap(),
            "it declares 42 bytes, and has 41"
        );
        assert_eq!(
            said(&whole[..21]).unwrap(),
            "it declares 22 bytes, and has 21"
        );
        assert_eq!(said(&whole[..22]), None);
        assert_eq!(
            said(&[whole.as_slice(), b"what a camera appends"].concat()),
            None
        );
        assert_eq!(
            said(b"\0\0\0\x0cftypisom\0\0\0\0mdatxy"),
            None,
            "to the end, wherever that is"
        );
    }

    #[test]
    fn an_asf_file_says_how_long_it_is_unless_it_is_a_broadcast() {
        let file = |size: u64, flags: u8, bytes: usize| {
            let mut file = [&ASF[..], &[0; 14], &ASF_FILE, &[0; 24]].concat();
            file.extend([&size.to_le_bytes()[..], &[0; 40], &[flags, 0, 0, 0]].concat());
            file.resize(bytes, 7);
            file
        };
        assert_eq!(said(&file(300, 2, 300)), None);
        assert_eq!(
            said(&file(300, 2, 299)).unwrap(),
            "it declares 300 bytes, and has 299"
        );
        assert_eq!(said(&file(300, 1, 299)), None, "a broadcast");
        assert_eq!(said(&file(0, 2, 299)), None, "not filled in");
    }

    #[test]
    fn an_avi_file_is_as_long_as_all_its_parts() {
        let part = |size: u32, bytes: usize| {
            [b"RIFF".as_slice(), &size.to_le_bytes(), &vec![0; bytes]].concat()
        };
        assert_eq!(said(&[part(100, 100), part(50, 50)].concat()), None);
        assert_eq!(said(&part(108, 100)), None, "its own head was counted");
        assert!(said(&[part(100, 100), part(90, 50)].concat()).is_some());
        assert_eq!(said(&part(0, 100)), None);
    }

    #[test]
    fn a_flash_film_ends_with_the_length_of_its_last_tag() {
        let tag = |data: u32| {
            [
                &(9 << 24 | data).to_be_bytes()[..],
                &[0; 7],
                &vec![1; data as usize],
                &(data + 11).to_be_bytes(),
            ]
            .concat()
        };
        let whole = [
            b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec(),
            tag(300),
            tag(500),
        ]
        .concat();
        assert_eq!(said(&whole), None);
        for lost in [1, 3, 4, 100, 514] {
            assert_eq!(
                said(&whole[..whole.len() - lost]).as_deref(),
                Some(WITHIN),
                "{lost}"
            );
        }
        assert_eq!(said(&whole[..whole.len() - 515]), None);
    }

    /// A file of `units`, cut at any byte, is found to be cut unless that is where one of them ends.
    fn is_cut_anywhere(units: &[Vec<u8>]) {
        let whole = units.concat();
        let mut ends = vec![0];
        ends.extend(units.iter().map(Vec::len));
        let ends: Vec<usize> = ends
            .iter()
            .scan(0, |at, size| {
                *at += size;
                Some(*at)
            })
            .collect();
        for cut in units[0].len()..=whole.len() {
            let wanted = (!ends.contains(&cut)).then_some(WITHIN);
            assert_eq!(said(&whole[..cut]).as_deref(), wanted, "{cut} of {ends:?}");
        }
    }

    #[test]
    fn a_file_of_units_ends_with_a_whole_one() {
        let ogg = |lengths: &[u8]| {
            let held = lengths.iter().map(|length| usize::from(*length)).sum();
            let count = [lengths.len() as u8];
            [b"OggS\0", &[0; 21][..], &count, lengths, &vec![7; held]].concat()
        };
        is_cut_anywhere(&[ogg(&[30]), ogg(&[255, 9, 0]), ogg(&[]), ogg(&[255, 255, 1])]);
        let pack = |stuffing: u8| {
            let head = [0, 0, 1, 0xba, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0xf8 | stuffing];
            [head.as_slice(), &vec![0xff; usize::from(stuffing)]].concat()
        };
        let packet = |kind: u8, bytes: u8| {
            let head = [0, 0, 1, kind, 0, bytes];
            [head.as_slice(), &vec![9; usize::from(bytes)]].concat()
        };
        is_cut_anywhere(&[
            pack(3),
            packet(0xbb, 18),
            packet(0xe0, 200),
            pack(0),
            packet(0xc0, 90),
        ]);
        let old = vec![0, 0, 1, 0xba, 0x21, 0, 1, 0, 1, 0x80, 0, 1];
        is_cut_anywhere(&[old.clone(), packet(0xe0, 200), old, packet(0xbe, 0)]);
        let gxf = |kind: u8, size: u8| {
            let head = [0, 0, 0, 0, 1, kind, 0, 0, 0, size, 0, 0, 0, 0, 0xe1, 0xe2];
            [head.as_slice(), &vec![5; usize::from(size) - 16]].concat()
        };
        is_cut_anywhere(&[gxf(0xbc, 90), gxf(0xbf, 40), gxf(0xbf, 16)]);
        let roq = |kind: u8, size: u8| {
            let head = [kind, 0x10, size, 0, 0, 0, 0, 0];
            [head.as_slice(), &vec![3; usize::from(size)]].concat()
        };
        let beginning = vec![0x84, 0x10, 0xff, 0xff, 0xff, 0xff, 30, 0];
        is_cut_anywhere(&[beginning, roq(1, 8), roq(2, 200), roq(0x11, 90)]);
        let av1 = |head: &[u8], bytes: usize| [head, &vec![1; bytes]].concat();
        let units = [
            (&b"\x12\0"[..], 0),
            (b"\x0a\x0b", 11),
            (b"\x36\x08\x90\x01", 144),
        ];
        is_cut_anywhere(&units.map(|(head, bytes)| av1(head, bytes)));
    }

    #[test]
    fn what_follows_the_last_unit_is_none() {
        let pack = [0, 0, 1, 0xba, 0x21, 0, 1, 0, 1, 0x80, 0, 1];
        for rest in [&b"\0\0\x01\xb9\0\0\x01\xe0\xff\xff"[..], b"something else"] {
            assert_eq!(said(&[&pack, rest].concat()), None);
        }
    }

    #[test]
    fn a_transport_stream_ends_with_a_whole_packet() {
        for (before, after) in [(0, 0), (4, 0), (0, 16)] {
            let packet = [vec![0; before], vec![SYNC], vec![1; 187], vec![0; after]].concat();
            let whole = packet.repeat(12);
            assert_eq!(said(&whole), None);
            assert_eq!(said(&whole[packet.len()..]), None);
            assert_eq!(
                said(&whole[..whole.len() - after - 1]).as_deref(),
                Some(WITHIN)
            );
            assert_eq!(said(&[whole.as_slice(), b"no packet"].concat()), None);
        }
    }
}
