//! Frames as YUV4MPEG2, the stream that every encoder reads: written row by row or plane by plane, never copied.

use std::io::{self, IoSlice, Write};

use num_rational::Ratio;

/// Rows handed to one `writev`: the kernel takes at most 1024 (`IOV_MAX`).
const ROWS_AT_ONCE: usize = 512;

/// What the stream header says. Sampling is always 4:2:0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames per second.
    pub fps: Ratio<u32>,
    /// Bits per sample: 8 or 10.
    pub bit_depth: u8,
}

impl Format {
    /// The stream header, with its newline.
    #[must_use]
    pub fn header(&self) -> String {
        let sampling = if self.bit_depth == 8 {
            "420jpeg XYSCSS=420JPEG"
        } else {
            "420p10 XYSCSS=420P10"
        };
        format!(
            "YUV4MPEG2 W{} H{} F{}:{} Ip A1:1 C{sampling}\n",
            self.width,
            self.height,
            self.fps.numer(),
            self.fps.denom()
        )
    }
}

/// Bytes of so many pixels in 4:2:0: one and a half samples for each, of 8 bit in a byte, of more in two.
#[must_use]
pub fn bytes(pixels: u64, bit_depth: u8) -> u64 {
    let sample_bytes = if bit_depth > 8 { 2 } else { 1 };
    pixels * sample_bytes * 3 / 2
}

/// One plane of a frame in memory.
#[derive(Debug, Clone, Copy)]
pub struct Plane<'a> {
    /// Rows with their padding; the last one may lack it. At least `stride * (height - 1) + row_bytes` long.
    pub data: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
    /// Bytes of a row that are picture.
    pub row_bytes: usize,
}

/// Writes one frame: its marker, then the planes Y, U, V.
///
/// # Errors
/// Those of `out`; a closed pipe is [`io::ErrorKind::BrokenPipe`].
pub fn write_frame(out: &mut impl Write, planes: &[Plane<'_>]) -> io::Result<()> {
    out.write_all(b"FRAME\n")?;
    for plane in planes {
        if plane.stride == plane.row_bytes {
            out.write_all(plane.data)?;
            continue;
        }
        let mut rows = plane
            .data
            .chunks(plane.stride)
            .map(|row| IoSlice::new(&row[..plane.row_bytes]));
        loop {
            let mut batch: Vec<IoSlice<'_>> = rows.by_ref().take(ROWS_AT_ONCE).collect();
            if batch.is_empty() {
                break;
            }
            write_all_vectored(out, &mut batch)?;
        }
    }
    Ok(())
}

/// Bytes widened before they are written: they stay in the cache.
const WIDENED_AT_ONCE: usize = 128 << 10;

/// Writes one frame of 8 bit as one of 10 bit: in limited range, the same picture is four times the number. `buffer` is
/// memory that may be used, and is kept for the next frame.
///
/// # Errors
/// Those of `out`; a closed pipe is [`io::ErrorKind::BrokenPipe`].
pub fn write_frame_widened(
    out: &mut impl Write,
    planes: &[Plane<'_>],
    buffer: &mut Vec<u8>,
) -> io::Result<()> {
    out.write_all(b"FRAME\n")?;
    buffer.clear();
    for plane in planes {
        for row in plane.data.chunks(plane.stride) {
            let at = buffer.len();
            buffer.resize(at + 2 * plane.row_bytes, 0);
            for (wide, sample) in buffer[at..]
                .as_chunks_mut()
                .0
                .iter_mut()
                .zip(&row[..plane.row_bytes])
            {
                *wide = (u16::from(*sample) << 2).to_le_bytes();
            }
            if buffer.len() >= WIDENED_AT_ONCE {
                out.write_all(buffer)?;
                buffer.clear();
            }
        }
    }
    out.write_all(buffer)
}

fn write_all_vectored(out: &mut impl Write, mut rows: &mut [IoSlice<'_>]) -> io::Result<()> {
    while !rows.is_empty() {
        match out.write_vectored(rows) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => IoSlice::advance_slices(&mut rows, n),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_what_encoders_read() {
        let format = Format {
            width: 1920,
            height: 1080,
            fps: Ratio::new(24000, 1001),
            bit_depth: 10,
        };
        assert_eq!(
            format.header(),
            "YUV4MPEG2 W1920 H1080 F24000:1001 Ip A1:1 C420p10 XYSCSS=420P10\n"
        );
    }

    /// Takes at most seven bytes at a time, as a pipe may.
    struct Narrow(Vec<u8>);

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.extend(&bytes[..bytes.len().min(7)]);
            Ok(bytes.len().min(7))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn padding_is_left_out_and_short_writes_are_finished() {
        let padded: Vec<u8> = (0..1100)
            .flat_map(|row| [row as u8, row as u8, 0xee, 0xee])
            .collect();
        let mut out = Narrow(Vec::new());
        let short = &padded[..padded.len() - 2];
        write_frame(
            &mut out,
            &[
                Plane {
                    data: short,
                    stride: 4,
                    row_bytes: 2,
                },
                Plane {
                    data: b"uv",
                    stride: 2,
                    row_bytes: 2,
                },
            ],
        )
        .unwrap();
        let rows: Vec<u8> = (0..1100).flat_map(|row| [row as u8, row as u8]).collect();
        assert_eq!(out.0, [b"FRAME\n".as_slice(), &rows, b"uv"].concat());
    }

    #[test]
    fn a_widened_frame_has_four_times_the_numbers_and_no_padding() {
        let luma: Vec<u8> = (0..200).flat_map(|row| [row as u8, 255, 0xee]).collect();
        let mut out = Narrow(Vec::new());
        let planes = [
            Plane {
                data: &luma,
                stride: 3,
                row_bytes: 2,
            },
            Plane {
                data: &[1, 128],
                stride: 2,
                row_bytes: 2,
            },
        ];
        write_frame_widened(&mut out, &planes, &mut vec![1; 7]).unwrap();
        let samples: Vec<u16> = (0..200)
            .flat_map(|row| [row as u16 * 4, 1020])
            .chain([4, 512])
            .collect();
        let bytes: Vec<u8> = samples
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        assert_eq!(out.0, [b"FRAME\n".as_slice(), &bytes].concat());
    }

    #[test]
    fn a_frame_takes_one_and_a_half_samples_a_pixel() {
        assert_eq!((bytes(64 * 36, 8), bytes(64 * 36, 10)), (3456, 6912));
    }
}
