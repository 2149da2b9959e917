//! The paths that every frame takes: detection, frame to y4m, from one thread to another, and the check of a finished chunk.
//!
//! `cargo bench` runs them; they need no library and no film.

#![allow(missing_docs)]

use std::{
    hint::black_box,
    io::{self, Read},
    sync::Arc,
    thread,
};

use av1enc::{
    film::media::Chunk,
    os::pipe::enlarge,
    scenes::{
        ANALYSIS_HEIGHT, Detector, Judged, Rules, Splitter,
        reel::{Next, Reel, Shelf},
    },
    settings::cuts::SceneMethod,
    stream::{
        bitstream::read_ivf,
        y4m::{Plane, write_frame, write_frame_widened},
    },
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A pipe of the size that the program asks for, whose other end is read by a thread that does nothing else, as an encoder's input at its fastest.
fn drained_pipe() -> io::PipeWriter {
    let (mut reader, writer) = io::pipe().expect("a pipe");
    enlarge(&writer);
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
        let planes: Vec<(Vec<u8>, usize, usize)> = [
            (width, 1080, 3840),
            (width / 2, 540, 1920),
            (width / 2, 540, 1920),
        ]
        .into_iter()
        .map(|(width, height, stride)| (vec![1; stride * height], stride, 2 * width))
        .collect();
        let planes: Vec<Plane<'_>> = planes
            .iter()
            .map(|(data, stride, row_bytes)| Plane {
                data,
                stride: *stride,
                row_bytes: *row_bytes,
            })
            .collect();
        let mut pipe = drained_pipe();
        group.throughput(Throughput::Bytes(3 * 1080 * width as u64));
        group.bench_function(name, |b| {
            b.iter(|| write_frame(&mut pipe, black_box(&planes)).expect("an open pipe"))
        });
    }
    let planes = [(1920, 1080), (960, 540), (960, 540)]
        .map(|(width, height)| (width, vec![1; width * height]));
    let planes = planes.each_ref().map(|(width, data)| Plane {
        data,
        stride: *width,
        row_bytes: *width,
    });
    let (mut pipe, mut buffer) = (drained_pipe(), Vec::new());
    group.throughput(Throughput::Bytes(3 * 1080 * 1920));
    group.bench_function("widened from 8 bit", |b| {
        b.iter(|| {
            write_frame_widened(&mut pipe, black_box(&planes), &mut buffer).expect("an open pipe")
        });
    });
    group.finish();
}

/// Frames that move: noise, a few pixels further in each. `bytes` of each sample.
fn moving(width: usize, height: usize, bytes: usize) -> Vec<Vec<u8>> {
    let noise: Vec<u8> = (0..width * height * bytes + 1000)
        .scan(1_u32, |state, n| {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // The upper byte of a sample of 10 bit is 0 to 3.
            Some((*state >> 24) as u8 & if bytes == 2 && n % 2 == 1 { 3 } else { 255 })
        })
        .collect();
    (0..10)
        .map(|n| noise[n * 6..n * 6 + width * height * bytes].to_vec())
        .collect()
}

/// The rules by which a film is split, with frames analysed at this height.
fn rules(analysis_height: usize) -> Rules {
    Rules {
        max: Some(240),
        min: 24,
        analysis_height,
        method: SceneMethod::Standard,
        forced: Vec::new(),
        given: None,
    }
}

fn detection(c: &mut Criterion) {
    let mut group = c.benchmark_group("detection, a frame");
    for (name, (width, height), bit_depth, max_height) in [
        ("1080p 8 bit, full size", (1920, 1080), 8, 1080),
        ("1080p 8 bit", (1920, 1080), 8, ANALYSIS_HEIGHT),
        ("1080p 10 bit", (1920, 1080), 10, ANALYSIS_HEIGHT),
        ("2160p 10 bit", (3840, 2160), 10, ANALYSIS_HEIGHT),
    ] {
        let row_bytes = width * if bit_depth > 8 { 2 } else { 1 };
        let frames = moving(width, height, row_bytes / width);
        let mut detector = Detector::new((width, height), &rules(max_height));
        let mut next = (0..frames.len()).cycle();
        group.bench_function(name, |b| {
            b.iter(|| {
                let data = &frames[next.next().expect("a cycle")];
                detector
                    .push(
                        &Plane {
                            data,
                            stride: row_bytes,
                            row_bytes,
                        },
                        bit_depth,
                    )
                    .expect("a frame of that size")
            });
        });
    }
    group.finish();
}

fn handing_over(c: &mut Criterion) {
    c.bench_function("a scene of 240 frames from one thread to another", |b| {
        b.iter(|| {
            let shelf = Arc::new(Shelf::default());
            shelf.set(100, false);
            let reel = Reel::new(0, 0, shelf.clone());
            thread::scope(|scope| {
                scope.spawn(|| {
                    (0..240).for_each(|n| reel.add(shelf.hold(n, 1)));
                    reel.end(240);
                });
                while !matches!(reel.take(), Next::End(_)) {}
            });
        });
    });
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
    group.bench_function("read_ivf", |b| {
        b.iter(|| {
            read_ivf(black_box(file.as_slice()))
                .expect("a whole chunk")
                .frames
        })
    });
    group.finish();
}

fn splitting_of_a_film(c: &mut Criterion) {
    c.bench_function("splitting of two hours into chunks", |b| {
        b.iter(|| {
            let mut splitter = Splitter::new(Some(240), 24);
            let judged = |frame: u64| Judged {
                frame,
                cut: frame.is_multiple_of(2000),
                score: (frame * 7919 % 101) as f64,
            };
            let chunks: Vec<Chunk> = (0..172_800)
                .filter_map(|frame| splitter.push(judged(frame)))
                .collect();
            chunks.len()
        });
    });
}

criterion_group!(
    benches,
    detection,
    frame_to_y4m,
    handing_over,
    check_of_a_chunk,
    splitting_of_a_film
);
criterion_main!(benches);
