//! What an encoder may write: IVF of AV1, whole or not.
#![no_main]

use av1enc::stream::bitstream::{read_ivf, scan_unit};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(ivf) = read_ivf(data) {
        // Twelve bytes precede each frame, and an empty one is refused.
        assert!(ivf.frames > 0 && ivf.payload_bytes >= ivf.frames);
        assert_eq!(32 + 12 * ivf.frames + ivf.payload_bytes, data.len() as u64);
    }
    let _ = scan_unit(data, true, &mut blake3::Hasher::new());
    let _ = scan_unit(data, false, &mut blake3::Hasher::new());
});
