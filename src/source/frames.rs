//! One decoded frame, whoever has read it.

use std::{slice, sync::Arc};

use serde::{Deserialize, Serialize};
use vapoursynth::frame::FrameRef;

use crate::stream::y4m::{self, Plane};

/// A frame, reference counted.
#[derive(Clone)]
pub struct Frame(Pixels);

#[derive(Clone)]
enum Pixels {
    /// Of VapourSynth.
    Clip(FrameRef<'static>),
    /// Read from a pipe: the planes Y, U, V of 4:2:0, one after the other, without padding.
    Pipe(Arc<Vec<u8>>, Layout),
}

/// Size and depth of a frame of 4:2:0 in one piece of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Width in pixels, even.
    pub width: usize,
    /// Height in pixels, even.
    pub height: usize,
    /// Bits of a sample: 8, or more in two bytes, the lower one first.
    pub bit_depth: u8,
}

impl Layout {
    fn sample_bytes(self) -> usize {
        if self.bit_depth > 8 { 2 } else { 1 }
    }

    /// Bytes of a frame.
    #[must_use]
    pub fn bytes(self) -> usize {
        y4m::bytes((self.width * self.height) as u64, self.bit_depth) as usize
    }

    fn plane(self, plane: usize, data: &[u8]) -> Plane<'_> {
        let luma = self.width * self.height * self.sample_bytes();
        let (at, length, row_bytes) = match plane {
            0 => (0, luma, self.width * self.sample_bytes()),
            n => (
                luma + (n - 1) * luma / 4,
                luma / 4,
                self.width / 2 * self.sample_bytes(),
            ),
        };
        Plane {
            data: &data[at..at + length],
            stride: row_bytes,
            row_bytes,
        }
    }
}

/// Every how many rows of luma make up the digest of a frame: enough to tell any two pictures of a film apart, and a
/// small part of what decoding them costs.
const DIGEST_ROWS: usize = 4;
/// Bytes that are hashed at once.
const DIGEST_AT_ONCE: usize = 1 << 16;

impl Frame {
    pub(super) fn of_clip(frame: FrameRef<'static>) -> Self {
        Self(Pixels::Clip(frame))
    }

    /// A frame of `layout`, in `data` of [`Layout::bytes`].
    #[must_use]
    pub fn of_bytes(data: Vec<u8>, layout: Layout) -> Self {
        debug_assert_eq!(data.len(), layout.bytes());
        Self(Pixels::Pipe(Arc::new(data), layout))
    }

    /// Bits of a sample; those of more than 8 take two bytes, the lower one first.
    #[must_use]
    pub fn bit_depth(&self) -> u8 {
        match &self.0 {
            Pixels::Clip(frame) => frame.format().bits_per_sample(),
            Pixels::Pipe(_, layout) => layout.bit_depth,
        }
    }

    /// Memory that it takes, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match &self.0 {
            Pixels::Clip(frame) => {
                let plane = |plane| (frame.stride(plane) * frame.height(plane)) as u64;
                (0..frame.format().plane_count()).map(plane).sum()
            }
            Pixels::Pipe(data, _) => data.len() as u64,
        }
    }

    /// Planes in the order Y, U, V.
    #[must_use]
    pub fn planes(&self) -> Vec<Plane<'_>> {
        let count = match &self.0 {
            Pixels::Clip(frame) => frame.format().plane_count(),
            Pixels::Pipe(..) => 3,
        };
        (0..count).map(|plane| self.plane(plane)).collect()
    }

    /// The plane Y.
    #[must_use]
    pub fn luma(&self) -> Plane<'_> {
        self.plane(0)
    }

    fn plane(&self, plane: usize) -> Plane<'_> {
        let frame = match &self.0 {
            Pixels::Clip(frame) => frame,
            Pixels::Pipe(data, layout) => return layout.plane(plane, data),
        };
        let stride = frame.stride(plane);
        let row_bytes = frame.width(plane) * usize::from(frame.format().bytes_per_sample());
        let length = stride * (frame.height(plane) - 1) + row_bytes;
        // SAFETY: VapourSynth keeps `height` rows of `stride` bytes there for as long as the frame lives; the padding
        // after the last row is left out.
        let data = unsafe { slice::from_raw_parts(frame.data_ptr(plane), length) };
        Plane {
            data,
            stride,
            row_bytes,
        }
    }

    /// How the picture was coded, by what the decoder says: `I`, `P`, `B`. Only FFMS2 tells, of the picture that it
    /// really delivers and not of the one that it was asked for.
    #[must_use]
    pub fn picture_type(&self) -> Option<u8> {
        match &self.0 {
            Pixels::Clip(frame) => frame.props().get_data("_PictType").ok()?.first().copied(),
            Pixels::Pipe(..) => None,
        }
    }

    /// A number that tells the picture from all others of a film.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut hasher = blake3::Hasher::new();
        feed(&mut hasher, &self.luma(), DIGEST_ROWS);
        let hash = hasher.finalize();
        hash.as_bytes()
            .iter()
            .take(8)
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// BLAKE3 of the whole picture: of all rows of Y, U and V, without their padding.
    #[must_use]
    pub fn hash(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        for plane in self.planes() {
            feed(&mut hasher, &plane, 1);
        }
        hasher.finalize()
    }

    /// The picture, small, without its colours.
    #[must_use]
    pub fn small(&self) -> Small {
        Small {
            luma: means(&self.luma(), self.bit_depth(), SMALL),
            chroma: None,
        }
    }

    /// The picture of 4:2:0, small.
    #[must_use]
    pub fn small_with_chroma(&self) -> Small {
        let plane = |n| means(&self.plane(n), self.bit_depth(), SMALL_CHROMA);
        Small {
            chroma: Some([plane(1), plane(2)]),
            ..self.small()
        }
    }
}

/// Hashes the first of every so many rows of a plane.
fn feed(hasher: &mut blake3::Hasher, plane: &Plane<'_>, every: usize) {
    if every == 1 && plane.stride == plane.row_bytes {
        hasher.update(plane.data);
        return;
    }
    // Row by row takes three times as long at 1080p: BLAKE3 is fast where it gets many kilobytes at once.
    let mut rows = Vec::with_capacity(DIGEST_AT_ONCE + plane.row_bytes);
    for row in plane.data.chunks(plane.stride).step_by(every) {
        rows.extend_from_slice(&row[..plane.row_bytes]);
        if rows.len() >= DIGEST_AT_ONCE {
            hasher.update(&rows);
            rows.clear();
        }
    }
    hasher.update(&rows);
}

/// The pictures of a part of a film, as one hash: BLAKE3 of their [`Frame::hash`], one after the other.
#[derive(Debug, Default)]
pub struct FramesHash(blake3::Hasher);

impl FramesHash {
    /// The next picture has this hash.
    pub fn add(&mut self, frame: &blake3::Hash) {
        self.0.update(frame.as_bytes());
    }

    /// The hash of all that were added, in hexadecimal; it then begins anew.
    pub fn take(&mut self) -> String {
        let hash = self.0.finalize().to_hex().to_string();
        self.0.reset();
        hash
    }
}

/// Width and height of a [`Small`].
pub const SMALL: (usize, usize) = (32, 18);
/// The same of its chroma.
const SMALL_CHROMA: (usize, usize) = (SMALL.0 / 2, SMALL.1 / 2);

/// A picture as 32 x 18 means of its luma, in 8 bit: enough to tell it from its neighbours wherever anything moves, and next
/// to nothing to keep.
#[derive(Debug, Clone, PartialEq)]
pub struct Small {
    /// Its luma, row by row.
    pub luma: [u8; SMALL.0 * SMALL.1],
    /// U and V, at half the size, where they were looked at.
    pub chroma: Option<[Chroma; 2]>,
}

/// A plane of chroma, row by row.
pub type Chroma = [u8; SMALL_CHROMA.0 * SMALL_CHROMA.1];

impl Small {
    /// How far two pictures are from each other: the mean difference of a cell of luma, in steps of 8 bit.
    #[must_use]
    pub fn distance(&self, other: &Self) -> f64 {
        mean_difference(&self.luma, &other.luma)
    }

    /// It with a brightness and a contrast that all pictures have in common: so it is compared with one that has others.
    #[must_use]
    pub fn evened(&self) -> Self {
        const CONTRAST: f64 = 24.0;
        const LEAST: f64 = 4.0;
        let cells = self.luma.len() as f64;
        let mean = self.luma.iter().map(|cell| f64::from(*cell)).sum::<f64>() / cells;
        let away = |cell: &u8| (f64::from(*cell) - mean).abs();
        let contrast = self.luma.iter().map(away).sum::<f64>() / cells;
        let gain = CONTRAST / contrast.max(LEAST);
        let even = |cell: u8| ((f64::from(cell) - mean) * gain + 128.0).round() as u8;
        Self {
            luma: self.luma.map(even),
            chroma: self.chroma,
        }
    }
}

/// How far two small planes are from each other: the mean difference of a cell.
#[must_use]
pub fn mean_difference(one: &[u8], other: &[u8]) -> f64 {
    let differences = one
        .iter()
        .zip(other)
        .map(|(a, b)| u32::from(a.abs_diff(*b)));
    f64::from(differences.sum::<u32>()) / one.len() as f64
}

/// The means of `columns` x `rows` parts of a plane whose samples have `bit_depth` bits, in 8 bit.
fn means<const CELLS: usize>(
    plane: &Plane<'_>,
    bit_depth: u8,
    (columns, rows): (usize, usize),
) -> [u8; CELLS] {
    let bytes = if bit_depth > 8 { 2 } else { 1 };
    let lines: Vec<&[u8]> = plane
        .data
        .chunks(plane.stride)
        .map(|row| &row[..plane.row_bytes])
        .collect();
    let (width, height) = (plane.row_bytes / bytes, lines.len());
    std::array::from_fn(|cell| {
        let (x, y) = (
            part(cell % columns, columns, width),
            part(cell / columns, rows, height),
        );
        let count = (x.len() * y.len()) as u64;
        let sum: u64 = lines[y]
            .iter()
            .map(|row| sum(&row[x.start * bytes..x.end * bytes], bytes))
            .sum();
        let value = (sum << 1).checked_div(count).unwrap_or(0) >> (bit_depth.max(8) - 8);
        u8::try_from(value.div_ceil(2).min(255)).unwrap_or(u8::MAX)
    })
}

/// The part number `n` of `parts` of `0..length`; a pixel belongs to several where there are fewer pixels than parts.
fn part(n: usize, parts: usize, length: usize) -> std::ops::Range<usize> {
    let start = n * length / parts;
    start..((n + 1) * length / parts).max(start + 1).min(length.max(1))
}

fn sum(row: &[u8], bytes: usize) -> u64 {
    match bytes {
        1 => row.iter().map(|sample| u64::from(*sample)).sum(),
        _ => row
            .as_chunks()
            .0
            .iter()
            .map(|sample| u64::from(u16::from_le_bytes(*sample)))
            .sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(
        width: usize,
        height: usize,
        bit_depth: u8,
        sample: impl Fn(usize, usize) -> u16,
    ) -> Frame {
        let layout = Layout {
            width,
            height,
            bit_depth,
        };
        let mut data = vec![0; layout.bytes()];
        for y in 0..height {
            for x in 0..width {
                let bytes = sample(x, y).to_le_bytes();
                let at = (y * width + x) * layout.sample_bytes();
                data[at..at + layout.sample_bytes()]
                    .copy_from_slice(&bytes[..layout.sample_bytes()]);
            }
        }
        Frame::of_bytes(data, layout)
    }

    #[test]
    fn the_planes_of_a_frame_in_one_piece_lie_one_after_the_other() {
        let layout = Layout {
            width: 4,
            height: 2,
            bit_depth: 10,
        };
        let data: Vec<u8> = (0..24).collect();
        let frame = Frame::of_bytes(data, layout);
        let planes: Vec<(usize, &[u8])> = frame
            .planes()
            .iter()
            .map(|plane| (plane.row_bytes, plane.data))
            .collect();
        assert_eq!(planes[0], (8, (0..16).collect::<Vec<u8>>().as_slice()));
        assert_eq!(planes[1], (4, [16, 17, 18, 19].as_slice()));
        assert_eq!(planes[2], (4, [20, 21, 22, 23].as_slice()));
        assert_eq!(frame.bytes(), 24);
    }

    #[test]
    fn a_small_picture_is_the_same_at_every_size_and_depth() {
        let ramp = |x: usize, width: usize, scale: u16| (x * 200 / width) as u16 * scale;
        let eight = frame(640, 360, 8, |x, _| ramp(x, 640, 1)).small();
        let ten = frame(320, 180, 10, |x, _| ramp(x, 320, 4)).small();
        assert!(eight.distance(&ten) < 1.0, "{}", eight.distance(&ten));
        assert!(eight.luma[31] > 190 && eight.luma[0] < 5);
        // Fewer pixels than cells.
        assert_eq!(frame(2, 2, 8, |_, _| 77).small().luma, [77; 32 * 18]);
    }

    #[test]
    fn pictures_that_differ_have_other_digests() {
        let moved = |by: usize| frame(64, 64, 8, move |x, y| ((x + by) * 3 + y) as u16 % 256);
        assert_eq!(moved(0).digest(), moved(0).digest());
        assert_eq!(moved(0).hash(), moved(0).hash());
        assert_ne!(moved(0).digest(), moved(1).digest());
        // In one sample of a row that makes no difference to a digest.
        let other = frame(64, 64, 8, |x, y| match (x, y) {
            (9, 61) => 77,
            _ => (x * 3 + y) as u16 % 256,
        });
        assert_eq!(moved(0).digest(), other.digest());
        assert_ne!(moved(0).hash(), other.hash());
        assert!(moved(0).small().distance(&moved(5).small()) > 1.0);
    }
}
