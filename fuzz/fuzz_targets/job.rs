//! What may be found in a job directory: the state of the job, the list of scenes, the record of a chunk.
#![no_main]

use av1enc::{film::media::Chunk, job::{parse_record, parse_scenes, parse_state}};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = parse_state(data);
    let _ = parse_record(data, Chunk { index: 1, start: 26, end: 52 });
    let (known, good) = parse_scenes(data);
    assert!(good <= data.len());
    // Without gap from the first frame on, and the same when the list is read again after it was cut.
    let mut end = 0;
    for (n, chunk) in known.chunks.iter().enumerate() {
        assert!((chunk.index, chunk.start) == (n, end) && chunk.end > chunk.start);
        end = chunk.end;
    }
    assert_eq!(parse_scenes(&data[..good]), (known, good));
});
