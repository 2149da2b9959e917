//! IVF and OBU: count temporal units, read the sequence header and the HDR metadata, insert HDR metadata.
//!
//! IVF is a 32-byte file header and a 12-byte header before each frame; the layout of OBUs is that of the AV1 Bitstream
//! & Decoding Process Specification, section 5. Nothing here trusts its input: every length is checked, nothing is
//! allocated from a number in the file beyond half a gigabyte.

use std::io::{self, ErrorKind, Read, Write};

use anyhow::{Context, Result, bail, ensure};

use crate::film::{
    hdr::{
        AV1_MAX_STEPS, AV1_MIN_STEPS, AV1_XY_STEPS, Chromaticity, ContentLight, Hdr10,
        MasteringDisplay,
    },
    media::{ChromaLocation, Color, Extra, Range},
};

/// Types of OBU (6.2.2).
const SEQUENCE_HEADER: u8 = 1;
const FRAME_HEADER: u8 = 3;
const TILE_GROUP: u8 = 4;
const METADATA: u8 = 5;
const FRAME: u8 = 6;
const REDUNDANT_FRAME_HEADER: u8 = 7;
const TILE_LIST: u8 = 8;
/// Types of metadata (6.7.1).
const CONTENT_LIGHT: u8 = 1;
const MASTERING_DISPLAY: u8 = 2;
const ITUT_T35: u8 = 4;
/// How metadata begins that is registered by ITU-T T.35: country, provider, and what that provider calls it.
const REGISTERED: [(&[u8], Extra); 3] = [
    (&[0xb5, 0x00, 0x3c, 0x00, 0x01, 0x04], Extra::Hdr10Plus),
    (
        &[0xb5, 0x00, 0x3b, 0x00, 0x00, 0x08, 0x00],
        Extra::DolbyVision,
    ),
    (&[0xb5, 0x00, 0x31, b'G', b'A', b'9', b'4'], Extra::Captions),
];

/// A temporal unit larger than this is taken for damage: one frame of 16384x8704 at 10 bit, raw, is 430 MB.
const MAX_UNIT_BYTES: usize = 512 << 20;

/// What an IVF file of AV1 holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Ivf {
    /// Temporal units, which is shown frames.
    pub frames: u64,
    /// Bytes of all temporal units, without IVF's own headers.
    pub payload_bytes: u64,
    /// BLAKE3 of the pictures: all frame and tile data, whatever is around them.
    pub pictures: String,
    /// What the first temporal unit says of the stream.
    pub header: Header,
}

/// What the head of an AV1 stream says.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// Bits per sample.
    pub bit_depth: u8,
    /// Largest frame width in pixels.
    pub width: u32,
    /// Largest frame height in pixels.
    pub height: u32,
    /// Colour description.
    pub color: Color,
    /// Static HDR metadata.
    pub hdr10: Hdr10,
}

impl Header {
    /// The first thing in which the stream is not what was asked for, as a sentence fragment.
    #[must_use]
    pub fn disagreement(&self, bit_depth: u8, color: &Color, hdr10: &Hdr10) -> Option<String> {
        if self.bit_depth != bit_depth {
            return Some(format!("{} bit instead of {bit_depth}", self.bit_depth));
        }
        let codes = |color: &Color| [color.primaries, color.transfer, color.matrix];
        // A range that nobody named is written as limited: AV1 cannot leave it open.
        if codes(&self.color) != codes(color)
            || color
                .range
                .is_some_and(|range| Some(range) != self.color.range)
        {
            return Some(format!("{} instead of {color}", self.color));
        }
        hdr_disagreement(&self.hdr10, hdr10)
    }
}

/// In what `found` is not `wanted`, as a sentence fragment.
#[must_use]
pub fn hdr_disagreement(found: &Hdr10, wanted: &Hdr10) -> Option<String> {
    fn shown<T: std::fmt::Display>(value: Option<T>) -> String {
        value.map_or_else(|| "none".to_owned(), |value| value.to_string())
    }
    if found.content_light != wanted.content_light {
        return Some(format!(
            "content light {} instead of {}",
            shown(found.content_light),
            shown(wanted.content_light)
        ));
    }
    let agree = match (&found.mastering, &wanted.mastering) {
        (Some(found), Some(wanted)) => found.agrees_with(wanted),
        (None, None) => true,
        _ => false,
    };
    (!agree).then(|| {
        format!(
            "mastering display {} instead of {}",
            shown(found.mastering),
            shown(wanted.mastering)
        )
    })
}

/// Reads an IVF file of AV1 to its end.
///
/// # Errors
/// If it is not IVF of AV1, ends within a frame, holds no frame, or a temporal unit is not a row of whole OBUs.
pub fn read_ivf(file: impl Read) -> Result<Ivf> {
    let mut units = Units::new(file)?;
    let mut pictures = blake3::Hasher::new();
    while units.next_unit(&mut pictures)? {}
    let Units {
        header,
        frames,
        payload_bytes,
        ..
    } = units;
    ensure!(frames > 0, "the IVF file holds no frame");
    Ok(Ivf {
        frames,
        payload_bytes,
        pictures: pictures.finalize().to_hex().to_string(),
        header: header.context("the stream has no sequence header")?,
    })
}

/// Reads an IVF file unit by unit.
pub struct Units<R> {
    file: R,
    unit: Vec<u8>,
    /// What the first temporal unit says of the stream.
    pub header: Option<Header>,
    /// Temporal units so far.
    pub frames: u64,
    payload_bytes: u64,
}

impl<R: Read> Units<R> {
    /// Begins to read.
    ///
    /// # Errors
    /// If it is not IVF of AV1.
    pub fn new(mut file: R) -> Result<Self> {
        let mut head = [0; 32];
        file.read_exact(&mut head)
            .context("the IVF header is cut short")?;
        ensure!(&head[..4] == b"DKIF", "this is not an IVF file");
        ensure!(&head[8..12] == b"AV01", "this IVF file does not hold AV1");
        Ok(Self {
            file,
            unit: Vec::new(),
            header: None,
            frames: 0,
            payload_bytes: 0,
        })
    }

    /// What the temporal unit that was read last carries beside its pictures.
    ///
    /// # Errors
    /// If it is not a row of whole OBUs.
    pub fn extras(&self) -> Result<Vec<Extra>> {
        let (mut extras, mut rest) = (Vec::new(), self.unit.as_slice());
        while !rest.is_empty() {
            let (kind, payload, after) = next_obu(rest)?;
            let registered = payload
                .strip_prefix(&[ITUT_T35])
                .filter(|_| kind == METADATA);
            extras.extend(registered.and_then(|data| {
                REGISTERED
                    .iter()
                    .find_map(|(begins, extra)| data.starts_with(begins).then_some(*extra))
            }));
            rest = after;
        }
        Ok(extras)
    }

    /// Reads the next temporal unit and adds its pictures to `pictures`; `false` at the end of the file.
    ///
    /// # Errors
    /// If the file ends within it, or it is not a row of whole OBUs.
    pub fn next_unit(&mut self, pictures: &mut blake3::Hasher) -> Result<bool> {
        let n = self.frames;
        let Some(size) = next_frame_size(&mut self.file)? else {
            return Ok(false);
        };
        ensure!(size <= MAX_UNIT_BYTES, "frame {n} claims {size} bytes");
        self.unit.clear();
        // `take` rather than a vector of that size: a lie about the size costs no memory.
        let read = (&mut self.file)
            .take(size as u64)
            .read_to_end(&mut self.unit)?;
        ensure!(
            read == size,
            "frame {n} is cut short: {read} of {size} bytes"
        );
        let found = scan_unit(&self.unit, self.header.is_none(), pictures);
        let found = found.with_context(|| format!("frame {n} is damaged"))?;
        self.header = self.header.take().or(found);
        self.frames += 1;
        self.payload_bytes += size as u64;
        Ok(true)
    }
}

/// Copies an IVF file of AV1 and puts `hdr10` behind the sequence header of every keyframe's temporal unit, in place of
/// such metadata that may be there. The pictures, and the hash of them, stay what they are.
///
/// # Errors
/// Those of reading as in [`read_ivf`], those of writing, or if no unit has a sequence header.
pub fn insert_hdr10(mut from: impl Read, mut to: impl Write, hdr10: &Hdr10) -> Result<()> {
    let mut head = [0; 32];
    from.read_exact(&mut head)
        .context("the IVF header is cut short")?;
    to.write_all(&head)?;
    let metadata = metadata_obus(hdr10);
    let (mut unit, mut found) = (Vec::new(), false);
    while let Some(head) = next_frame_head(&mut from)? {
        let size = frame_size(&head)?;
        ensure!(size <= MAX_UNIT_BYTES, "a frame claims {size} bytes");
        unit.clear();
        let read = (&mut from).take(size as u64).read_to_end(&mut unit)?;
        ensure!(read == size, "a frame is cut short: {read} of {size} bytes");
        let parts = unit_with_metadata(&unit, &metadata)?;
        found |= parts.len() > 1;
        let size: usize = parts.iter().map(|part| part.len()).sum();
        to.write_all(&u32::try_from(size)?.to_le_bytes())?;
        to.write_all(&head[4..])?;
        for part in parts {
            to.write_all(part)?;
        }
    }
    ensure!(found, "the stream has no sequence header");
    Ok(to.flush()?)
}

/// Copies IVF files behind each other into one. Its frames are numbered anew, and its header is that of the first.
///
/// # Errors
/// Those of reading and writing, or if a file is cut short.
pub fn concatenate_ivf<R: Read>(
    files: impl IntoIterator<Item = Result<R>>,
    mut to: impl Write,
) -> Result<()> {
    let mut number = 0_u64;
    for (n, file) in files.into_iter().enumerate() {
        let (mut from, mut head) = (file?, [0; 32]);
        from.read_exact(&mut head)
            .context("the IVF header is cut short")?;
        if n == 0 {
            to.write_all(&head)?;
        }
        while let Some(head) = next_frame_head(&mut from)? {
            let size = frame_size(&head)? as u64;
            to.write_all(&head[..4])?;
            to.write_all(&number.to_le_bytes())?;
            let copied = io::copy(&mut (&mut from).take(size), &mut to)?;
            ensure!(
                copied == size,
                "a frame is cut short: {copied} of {size} bytes"
            );
            number += 1;
        }
    }
    Ok(to.flush()?)
}

/// What a temporal unit is made of, with `metadata` behind its sequence header if it has one.
fn unit_with_metadata<'a>(unit: &'a [u8], metadata: &'a [u8]) -> Result<Vec<&'a [u8]>> {
    let mut kinds = Vec::new();
    let mut rest = unit;
    while !rest.is_empty() {
        let (kind, payload, after) = next_obu(rest)?;
        let hdr = kind == METADATA
            && matches!(payload.first(), Some(&CONTENT_LIGHT | &MASTERING_DISPLAY));
        kinds.push((kind, hdr, &rest[..rest.len() - after.len()]));
        rest = after;
    }
    if !kinds.iter().any(|(kind, ..)| *kind == SEQUENCE_HEADER) {
        return Ok(vec![unit]);
    }
    let mut parts = Vec::new();
    for (kind, hdr, obu) in kinds {
        if !hdr {
            parts.push(obu);
        }
        if kind == SEQUENCE_HEADER {
            parts.push(metadata);
        }
    }
    Ok(parts)
}

/// The metadata OBUs (5.8.3 and 5.8.4) of `hdr10`, each with its header, size and trailing bits.
fn metadata_obus(hdr10: &Hdr10) -> Vec<u8> {
    let mut obus = Vec::new();
    let mut obu = |kind: u8, payload: &[u8]| {
        // With a size; the type and the trailing bits take a byte each. None is as long as 128 bytes.
        obus.extend([METADATA << 3 | 2, payload.len() as u8 + 2, kind]);
        obus.extend(payload);
        obus.push(0x80);
    };
    if let Some(light) = &hdr10.content_light {
        obu(CONTENT_LIGHT, &light.av1_payload());
    }
    if let Some(mastering) = &hdr10.mastering {
        obu(MASTERING_DISPLAY, &mastering.av1_payload());
    }
    obus
}

/// Size of the next frame in an IVF file, or `None` at its end.
fn next_frame_size(file: &mut impl Read) -> Result<Option<usize>> {
    next_frame_head(file)?
        .map(|head| frame_size(&head))
        .transpose()
}

fn frame_size(head: &[u8; 12]) -> Result<usize> {
    Ok(usize::try_from(u32::from_le_bytes([
        head[0], head[1], head[2], head[3],
    ]))?)
}

/// The next frame header in an IVF file, or `None` at its end: four bytes of size, eight of time.
fn next_frame_head(file: &mut impl Read) -> Result<Option<[u8; 12]>> {
    let mut head = [0; 12];
    let mut filled = 0;
    while filled < head.len() {
        match file.read(&mut head[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => bail!("a frame header is cut short"),
            Ok(n) => filled += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => (),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(head))
}

/// Walks the OBUs of one temporal unit and adds its pictures to `pictures`; with `want_header` returns what its sequence
/// header and metadata say.
///
/// # Errors
/// If an OBU is not whole, or the sequence header cannot be read.
pub fn scan_unit(
    unit: &[u8],
    want_header: bool,
    pictures: &mut blake3::Hasher,
) -> Result<Option<Header>> {
    let mut header: Option<Header> = None;
    let mut hdr10 = Hdr10::default();
    let mut rest = unit;
    ensure!(!rest.is_empty(), "it is empty");
    while !rest.is_empty() {
        let (kind, payload, after) = next_obu(rest)?;
        rest = after;
        // Frames, tile groups and lists: what containers leave alone.
        if matches!(
            kind,
            FRAME_HEADER | TILE_GROUP | FRAME | REDUNDANT_FRAME_HEADER | TILE_LIST
        ) {
            pictures
                .update(&[kind])
                .update(without_padding(kind, payload));
        }
        if !want_header {
            continue;
        }
        match kind {
            SEQUENCE_HEADER if header.is_none() => {
                header = Some(sequence_header(payload).context("in the sequence header")?)
            }
            METADATA => read_metadata(payload, &mut hdr10)?,
            _ => (),
        }
    }
    Ok(header.map(|header| Header { hdr10, ..header }))
}

/// What of an OBU is hashed. A frame header that stands alone ends in a one and zeros (trailing bits, 5.3.4): whole bytes
/// of zeros after that one say nothing. SVT-AV1 writes one with tiles (`e8 00`, a frame that is shown again), and ffmpeg's
/// IVF muxer writes the header anew without it. In every other OBU each byte is picture.
fn without_padding(kind: u8, payload: &[u8]) -> &[u8] {
    match kind {
        FRAME_HEADER | REDUNDANT_FRAME_HEADER => {
            let end = payload
                .iter()
                .rposition(|byte| *byte != 0)
                .map_or(0, |last| last + 1);
            &payload[..end]
        }
        _ => payload,
    }
}

/// Splits the first OBU off: its type, its payload, and what follows (5.3.1 and 5.3.2).
fn next_obu(bytes: &[u8]) -> Result<(u8, &[u8], &[u8])> {
    let (&first, mut rest) = bytes.split_first().context("an OBU is cut short")?;
    ensure!(first & 0x80 == 0, "the forbidden bit is set");
    let (kind, extension, has_size) = (first >> 3 & 0xf, first & 4 != 0, first & 2 != 0);
    if extension {
        rest = rest.get(1..).context("an OBU is cut short")?;
    }
    if !has_size {
        return Ok((kind, rest, &[]));
    }
    let (size, rest) = leb128(rest)?;
    ensure!(
        size <= rest.len(),
        "an OBU claims {size} bytes of {}",
        rest.len()
    );
    let (payload, rest) = rest.split_at(size);
    Ok((kind, payload, rest))
}

/// Reads a little-endian base-128 number (4.10.5) of at most eight bytes.
fn leb128(bytes: &[u8]) -> Result<(usize, &[u8])> {
    let mut value = 0_u64;
    for (i, byte) in bytes.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Ok((usize::try_from(value)?, &bytes[i + 1..]));
        }
    }
    bail!("a length is cut short")
}

/// Reads a metadata OBU (5.8); kinds other than HDR are passed over.
fn read_metadata(payload: &[u8], hdr10: &mut Hdr10) -> Result<()> {
    let (kind, rest) = leb128(payload)?;
    let u16_at = |at: usize| {
        rest.get(at..at + 2)
            .map(|b| u16::from_be_bytes([b[0], b[1]]))
    };
    let u32_at = |at: usize| {
        rest.get(at..at + 4)
            .map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
    };
    match u8::try_from(kind) {
        Ok(CONTENT_LIGHT) => {
            let (max_cll, max_fall) = u16_at(0)
                .zip(u16_at(2))
                .context("the content light metadata is cut short")?;
            hdr10.content_light = Some(ContentLight {
                max_cll: max_cll.into(),
                max_fall: max_fall.into(),
            });
        }
        Ok(MASTERING_DISPLAY) => {
            let point = |at: usize| {
                let scale = |value: u16| f64::from(value) / AV1_XY_STEPS;
                u16_at(at).zip(u16_at(at + 2)).map(|(x, y)| Chromaticity {
                    x: scale(x),
                    y: scale(y),
                })
            };
            let read = || {
                Some(MasteringDisplay {
                    red: point(0)?,
                    green: point(4)?,
                    blue: point(8)?,
                    white: point(12)?,
                    max_luminance: f64::from(u32_at(16)?) / AV1_MAX_STEPS,
                    min_luminance: f64::from(u32_at(20)?) / AV1_MIN_STEPS,
                })
            };
            hdr10.mastering = Some(read().context("the mastering display metadata is cut short")?);
        }
        _ => (),
    }
    Ok(())
}

/// Reads bits, highest first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn bit(&mut self) -> Result<bool> {
        let byte = self.bytes.get(self.at / 8).context("it is cut short")?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Ok(bit == 1)
    }

    /// At most 32 bits as a number.
    fn number(&mut self, bits: u32) -> Result<u32> {
        (0..bits).try_fold(0, |value, _| Ok(value << 1 | u32::from(self.bit()?)))
    }

    /// Variable-length code (4.10.3).
    fn skip_uvlc(&mut self) -> Result<()> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
        }
        if zeros < 32 {
            self.number(zeros)?;
        }
        Ok(())
    }
}

/// Reads a sequence header OBU (5.5.1) as far as its colour configuration.
fn sequence_header(payload: &[u8]) -> Result<Header> {
    let mut b = Bits {
        bytes: payload,
        at: 0,
    };
    let profile = b.number(3)?;
    let _still_picture = b.bit()?;
    let reduced = b.bit()?;
    if reduced {
        b.number(5)?;
    } else {
        let mut model_bits = None;
        if b.bit()? {
            b.number(32)?;
            b.number(32)?;
            if b.bit()? {
                b.skip_uvlc()?;
            }
            if b.bit()? {
                model_bits = Some(b.number(5)? + 1);
                b.number(32)?;
                b.number(10)?;
            }
        }
        let initial_delay = b.bit()?;
        for _ in 0..=b.number(5)? {
            b.number(12)?;
            if b.number(5)? > 7 {
                b.bit()?;
            }
            if let Some(bits) = model_bits
                && b.bit()?
            {
                b.number(bits)?;
                b.number(bits)?;
                b.bit()?;
            }
            if initial_delay && b.bit()? {
                b.number(4)?;
            }
        }
    }
    let (width_bits, height_bits) = (b.number(4)? + 1, b.number(4)? + 1);
    let (width, height) = (b.number(width_bits)? + 1, b.number(height_bits)? + 1);
    if !reduced && b.bit()? {
        b.number(4 + 3)?;
    }
    b.number(3)?;
    if !reduced {
        b.number(4)?;
        let order_hint = b.bit()?;
        if order_hint {
            b.number(2)?;
        }
        // seq_choose_screen_content_tools, then seq_force_screen_content_tools (2: chosen per frame).
        let screen_content = if b.bit()? { 2 } else { b.number(1)? };
        if screen_content > 0 && !b.bit()? {
            b.bit()?;
        }
        if order_hint {
            b.number(3)?;
        }
    }
    b.number(3)?;
    color_config(&mut b, profile).map(|(bit_depth, color)| Header {
        bit_depth,
        width,
        height,
        color,
        hdr10: Hdr10::default(),
    })
}

/// Reads the colour configuration (5.5.2): bits per sample and colours.
fn color_config(b: &mut Bits<'_>, profile: u32) -> Result<(u8, Color)> {
    let high_bit_depth = b.bit()?;
    let bit_depth = match (profile, high_bit_depth) {
        (_, false) => 8,
        (2, true) if b.bit()? => 12,
        (_, true) => 10,
    };
    let monochrome = profile != 1 && b.bit()?;
    let mut color = Color::default();
    if b.bit()? {
        color.primaries = u8::try_from(b.number(8)?)?;
        color.transfer = u8::try_from(b.number(8)?)?;
        color.matrix = u8::try_from(b.number(8)?)?;
    }
    let srgb = [color.primaries, color.transfer, color.matrix] == [1, 13, 0];
    let full = srgb && !monochrome || b.bit()?;
    color.range = Some(if full { Range::Full } else { Range::Limited });
    // The position of chroma is written for 4:2:0 only, which is all of profile 0.
    if profile == 0 && !monochrome && !srgb {
        color.chroma_location = match b.number(2)? {
            1 => Some(ChromaLocation::Left),
            2 => Some(ChromaLocation::TopLeft),
            _ => None,
        };
    }
    Ok((bit_depth, color))
}

#[cfg(test)]
pub(crate) mod examples {
    /// Sequence header of a real 1280x720 10-bit PQ stream with HDR10 metadata is exercised by the integration tests;
    /// here damage is what matters.
    pub(crate) fn ivf(frames: &[&[u8]]) -> Vec<u8> {
        let mut file = b"DKIF\0\0\x20\0AV01".to_vec();
        file.resize(32, 0);
        for frame in frames {
            file.extend(u32::try_from(frame.len()).unwrap().to_le_bytes());
            file.extend([0; 8]);
            file.extend(*frame);
        }
        file
    }

    /// A reduced still-picture header: 64x64, 8 bit, no colour description, limited, chroma position 2.
    pub(crate) const STILL: &[u8] = &[0x0a, 0x06, 0x18, 0x15, 0x7f, 0xfc, 0x01, 0x10];
}

#[cfg(test)]
mod tests {
    use super::{
        examples::{STILL, ivf},
        *,
    };

    #[test]
    fn frames_are_counted_and_the_head_is_read() {
        let ivf = read_ivf(ivf(&[STILL, &[0x12, 0]]).as_slice()).unwrap();
        assert_eq!((ivf.frames, ivf.payload_bytes), (2, 10));
        assert_eq!(
            (ivf.header.width, ivf.header.height, ivf.header.bit_depth),
            (64, 64, 8)
        );
    }

    #[test]
    fn files_behind_each_other_are_one_file_of_all_frames_in_order() {
        let units: [&[u8]; 3] = [STILL, &[0x12, 0], STILL];
        let files = [ivf(&units[..2]), ivf(&units[2..])];
        let mut joined = Vec::new();
        concatenate_ivf(files.iter().map(|file| Ok(file.as_slice())), &mut joined).unwrap();
        let (is, whole) = (
            read_ivf(&*joined).unwrap(),
            read_ivf(&*ivf(&units)).unwrap(),
        );
        assert_eq!((is.frames, &is.pictures), (3, &whole.pictures));
        let cut = &files[0][..files[0].len() - 1];
        assert!(concatenate_ivf([Ok(cut)], Vec::new()).is_err());
    }

    #[test]
    fn any_cut_of_a_file_is_noticed() {
        let whole = ivf(&[STILL, &[0x12, 0]]);
        for length in 0..whole.len() {
            let frames = read_ivf(&whole[..length]).map(|ivf| ivf.frames);
            // Between two frames the file is a shorter film, which only the frame count can tell.
            assert!(
                matches!(frames, Err(_) | Ok(1)),
                "{length} bytes: {frames:?}"
            );
        }
    }

    #[test]
    fn noise_is_read_without_a_panic() {
        let mut state = 1_u32;
        for length in 0..400 {
            let noise: Vec<u8> = (0..length)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8
                })
                .collect();
            let _ = scan_unit(&noise, true, &mut blake3::Hasher::new());
            let _ = read_ivf(ivf(&[&noise]).as_slice());
            let _ = sequence_header(&noise);
        }
    }

    #[test]
    fn a_frame_that_claims_four_gigabytes_is_refused_without_memory() {
        let mut file = ivf(&[]);
        file.extend([0xff; 12]);
        assert!(
            read_ivf(file.as_slice())
                .unwrap_err()
                .to_string()
                .contains("claims")
        );
    }

    #[test]
    fn padding_of_a_frame_header_is_no_picture_and_every_other_byte_is() {
        let pictures = |obus: &[u8]| read_ivf(ivf(&[STILL, obus]).as_slice()).unwrap().pictures;
        assert_eq!(pictures(&[0x1a, 2, 0xe8, 0]), pictures(&[0x1a, 1, 0xe8]));
        assert_eq!(pictures(&[0x3a, 3, 0xe8, 0, 0]), pictures(&[0x3a, 1, 0xe8]));
        // A frame, a tile group: zeros at their end are picture. So is what comes before the last one of a header.
        for (one, other) in [
            ([0x32, 2, 0xe8, 0].as_slice(), [0x32, 1, 0xe8].as_slice()),
            (&[0x22, 2, 0xe8, 0], &[0x22, 1, 0xe8]),
            (&[0x1a, 2, 0, 0xe8], &[0x1a, 1, 0xe8]),
            (&[0x1a, 1, 0xe0], &[0x1a, 1, 0xe8]),
        ] {
            assert_ne!(pictures(one), pictures(other), "{one:x?}");
        }
        // Nothing but zeros is no header, and no panic.
        pictures(&[0x1a, 2, 0, 0]);
    }

    #[test]
    fn metadata_goes_behind_every_sequence_header_and_nothing_else_changes() {
        let mastering = MasteringDisplay::parse(
            "G(0.17,0.797)B(0.131,0.046)R(0.708,0.292)WP(0.3127,0.329)L(1000,0.0001)",
        )
        .unwrap();
        let light = ContentLight {
            max_cll: 949,
            max_fall: 438,
        };
        let hdr10 = Hdr10 {
            mastering: Some(mastering),
            content_light: Some(light),
        };
        // A temporal delimiter, the header, a frame; a unit without a header; another keyframe.
        let key = [&[0x12, 0][..], STILL, &[0x32, 2, 7, 7]].concat();
        let file = ivf(&[&key, &[0x12, 0, 0x32, 1, 9], &key]);
        let mut with = Vec::new();
        insert_hdr10(file.as_slice(), &mut with, &hdr10).unwrap();
        let (before, after) = (
            read_ivf(file.as_slice()).unwrap(),
            read_ivf(with.as_slice()).unwrap(),
        );
        assert_eq!(
            (&after.pictures, after.frames),
            (&before.pictures, before.frames)
        );
        assert!(hdr_disagreement(&after.header.hdr10, &hdr10).is_none());
        assert!(before.header.hdr10.is_empty());
        let metadata = metadata_obus(&hdr10);
        assert_eq!(with.len(), file.len() + 2 * metadata.len());
        let at = 32 + 12 + 2 + STILL.len();
        assert_eq!(with[at..at + metadata.len()], metadata);
        // What is there already is replaced.
        let mut again = Vec::new();
        insert_hdr10(with.as_slice(), &mut again, &hdr10).unwrap();
        assert_eq!(again, with);
        // One of the two alone.
        let mut half = Vec::new();
        insert_hdr10(
            with.as_slice(),
            &mut half,
            &Hdr10 {
                mastering: None,
                ..hdr10
            },
        )
        .unwrap();
        assert_eq!(
            read_ivf(half.as_slice()).unwrap().header.hdr10,
            Hdr10 {
                mastering: None,
                ..hdr10
            }
        );
    }

    #[test]
    fn metadata_is_not_inserted_into_what_is_damaged_or_has_no_header() {
        let hdr10 = Hdr10 {
            mastering: None,
            content_light: Some(ContentLight {
                max_cll: 1,
                max_fall: 1,
            }),
        };
        let insert =
            |file: &[u8]| insert_hdr10(file, Vec::new(), &hdr10).map_err(|error| error.to_string());
        let whole = ivf(&[STILL]);
        assert!(insert(&whole).is_ok());
        for length in (0..32).chain(33..whole.len()) {
            assert!(insert(&whole[..length]).is_err(), "{length}");
        }
        assert!(
            insert(&ivf(&[&[0x12, 0]]))
                .unwrap_err()
                .contains("no sequence header")
        );
    }

    #[test]
    fn hdr_metadata_is_read_in_the_units_of_av1() {
        let mut obu = vec![2];
        for value in [45875_u16, 19137, 11141, 52232, 8585, 3015, 20493, 21561] {
            obu.extend(value.to_be_bytes());
        }
        obu.extend((1000_u32 << 8).to_be_bytes());
        obu.extend(2_u32.to_be_bytes());
        let mut hdr10 = Hdr10::default();
        read_metadata(&obu, &mut hdr10).unwrap();
        read_metadata(&[1, 0x03, 0xb5, 0x01, 0xb6], &mut hdr10).unwrap();
        let meant = MasteringDisplay::parse(
            "G(0.17,0.797)B(0.131,0.046)R(0.7,0.292)WP(0.3127,0.329)L(1000,0.0001)",
        )
        .unwrap();
        assert!(hdr10.mastering.unwrap().agrees_with(&meant));
        assert_eq!(
            hdr10.content_light,
            Some(ContentLight {
                max_cll: 949,
                max_fall: 438
            })
        );
        assert!(read_metadata(&obu[..20], &mut hdr10).is_err());
    }
}
