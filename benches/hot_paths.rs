//! The paths that every frame takes: frame to y4m, and the check of a finished chunk.
//!
//! `cargo bench` runs them; they need no library and no film.

#![allow(missing_docs)]

use std::{
    hint::black_box,
    io::{self, Read},
    thread,
};

use av1enc::{
    bitstream::read_ivf,
    media::Chunk,
    scenes::{Judged, Splitter},
    y4m::{Plane, write_frame},
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A pipe of the size that the program asks for, whose other end is read by a thread that does nothing else, as an encoder's input at its fastest.
fn drained_pipe() -> io::PipeWriter {
    let (mut reader, writer) = io::pipe().expect("a pipe");
    nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_SETPIPE_SZ(1 << 20)).expect("a larger pipe");
    thread::spawn(move || {
        let mut buffer = vec![0; 1 << 20];
        while matches!(reader.read(&mut buffer), Ok(1..)) {}
    });
    writer
}

fn frame_to_y4m(c: &mut Criterion) {
    let mut group = c.benchmark_group("frame to y4m through a pipe, 1080p 10 bit");
    // Rows of 3840 bytes: without padding, and with the padding of a frame that is 16 pixels narrower.
    for (name, width) in [("whole planes", 1920), ("rows", 1904)] {
        let planes: Vec<(Vec<u8>, usize, usize)> =
            [(width, 1080, 3840), (width / 2, 540, 1920), (width / 2, 540, 1920)]
                .into_iter()
                .map(|(width, height, stride)| (vec![1; stride * height], stride, 2 * width))
                .collect();
        let planes: Vec<Plane<'_>> = planes
            .iter()
            .map(|(data, stride, row_bytes)| Plane { data, stride: *stride, row_bytes: *row_bytes })
            .collect();
        let mut pipe = drained_pipe();
        group.throughput(Throughput::Bytes(3 * 1080 * width as u64));
        group.bench_function(name, |b| b.iter(|| write_frame(&mut pipe, black_box(&planes)).expect("an open pipe")));
    }
    group.finish();
}

fn check_of_a_chunk(c: &mut Criterion) {
    // 240 frames of 20 kB: a chunk of 1080p.
    let mut file = b"DKIF\0\0\x20\0AV01".to_vec();
    file.resize(32, 0);
    for n in 0..240 {
        // Temporal delimiter, on the first frame a reduced sequence header, then one frame OBU.
        let mut unit = vec![0x12, 0x00];
        if n == 0 {
            unit.extend([0x0a, 0x06, 0x18, 0x15, 0x7f, 0xfc, 0x01, 0x10]);
        }
        unit.extend([0x32, 0xa0, 0x9c, 0x01]);
        unit.resize(unit.len() + 20_000, 7);
        file.extend(u32::try_from(unit.len()).expect("small").to_le_bytes());
        file.extend([0; 8]);
        file.extend(unit);
    }
    let mut group = c.benchmark_group("check of a chunk, 240 frames");
    group.throughput(Throughput::Bytes(file.len() as u64));
    group
        .bench_function("read_ivf", |b| b.iter(|| read_ivf(black_box(file.as_slice())).expect("a whole chunk").frames));
    group.finish();
}

fn splitting_of_a_film(c: &mut Criterion) {
    c.bench_function("splitting of two hours into chunks", |b| {
        b.iter(|| {
            let mut splitter = Splitter::new(Some(240), 24);
            let judged =
                |frame: u64| Judged { frame, cut: frame.is_multiple_of(2000), score: (frame * 7919 % 101) as f64 };
            let chunks: Vec<Chunk> = (0..172_800).filter_map(|frame| splitter.push(judged(frame))).collect();
            chunks.len()
        });
    });
}

criterion_group!(benches, frame_to_y4m, check_of_a_chunk, splitting_of_a_film);
criterion_main!(benches);
