//! When an output is too large for what it is made of: for certain, and most likely.

use crate::{os::words::bytes, settings::size::SizeLimit};

/// More than an IVF file has around its pictures, and than mkvmerge leaves out of them (temporal delimiters).
const AROUND_A_CHUNK: u64 = 100;
const AROUND_A_FRAME: u64 = 20;
/// From so many chunks on it is said what the film will have.
const FEW: u64 = 4;

/// How large the output of a film may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    film: String,
    source: u64,
    most: u64,
    said: String,
}

impl Allowed {
    /// For a film, as people read its name, of so many bytes.
    #[must_use]
    pub fn by(limit: &SizeLimit, film: String, source: u64) -> Self {
        Self {
            film,
            source,
            most: limit.bytes(source),
            said: limit.said.clone(),
        }
    }

    /// What to say of an output that is finished and too large.
    #[must_use]
    pub fn judge(&self, output: u64) -> Option<String> {
        let has = format!("its output has {}", self.share(output));
        (output > self.most).then(|| self.rejected(&has))
    }

    /// What to say of a film whose output can only be too large, by what is `done` of it, and by bytes of sound that it will
    /// have as they are.
    #[must_use]
    pub fn judge_parts(&self, done: &Sizes, sound: u64) -> Option<String> {
        let floor = done.least() + sound;
        let has = format!(
            "what is finished of its output has {} already",
            self.share(floor)
        );
        (floor > self.most).then(|| self.rejected(&has))
    }

    /// What to say of a film whose output is likely to be too large, by what is `done` of all its frames.
    #[must_use]
    pub fn doubt(&self, done: &Sizes, frames: u64, sound: u64) -> Option<String> {
        let Estimate { bytes: video, off } = done.of_all(frames)?;
        let all = video + sound as f64;
        (all > self.most as f64).then(|| {
            let chunks = done.chunks;
            let percent = 100.0 * done.frames as f64 / frames as f64;
            format!(
                "the output may be too large: about {}, give or take {}, by the {chunks} chunks that are done ({percent:.0} % \
                 of the film), and {} allows {}; it is judged when it is finished",
                bytes(all as u64),
                bytes(off as u64),
                self.said,
                bytes(self.most)
            )
        })
    }

    fn share(&self, output: u64) -> String {
        let percent = 100.0 * output as f64 / self.source.max(1) as f64;
        format!(
            "{} ({percent:.1} % of {})",
            bytes(output),
            bytes(self.source)
        )
    }

    fn rejected(&self, has: &str) -> String {
        format!(
            "{} stays as it is: {has}, and {} allows {}. A higher --crf makes it smaller",
            self.film,
            self.said,
            bytes(self.most)
        )
    }
}

/// How large the chunks are that are done.
#[derive(Debug, Default)]
pub struct Sizes {
    chunks: u64,
    frames: u64,
    bytes: u64,
    /// Sums of squares and products of frames and bytes.
    frames_frames: f64,
    frames_bytes: f64,
    bytes_bytes: f64,
}

/// What all of a film will have.
struct Estimate {
    bytes: f64,
    /// By how much that may be off: twice the standard error, as if the chunks had been drawn by chance.
    off: f64,
}

impl Sizes {
    /// One more is done, whose file has so many bytes.
    pub fn add(&mut self, frames: u64, bytes: u64) {
        self.chunks += 1;
        self.frames += frames;
        self.bytes += bytes;
        let (frames, bytes) = (frames as f64, bytes as f64);
        self.frames_frames += frames * frames;
        self.frames_bytes += frames * bytes;
        self.bytes_bytes += bytes * bytes;
    }

    /// Bytes that the chunks have in any container.
    fn least(&self) -> u64 {
        let around = AROUND_A_CHUNK * self.chunks + AROUND_A_FRAME * self.frames;
        self.bytes.saturating_sub(around)
    }

    /// What so many frames will have, if enough of them are done: by their mean, which is surer the more of them are done, and
    /// the more they are alike.
    fn of_all(&self, frames: u64) -> Option<Estimate> {
        if self.chunks < FEW || self.frames >= frames {
            return None;
        }
        let (chunks, of_all) = (self.chunks as f64, frames as f64 / self.frames as f64);
        let mean = self.bytes as f64 / self.frames as f64;
        let squares =
            self.bytes_bytes - 2.0 * mean * self.frames_bytes + mean * mean * self.frames_frames;
        let variance = squares.max(0.0) / (chunks - 1.0);
        let not_done = (1.0 - 1.0 / of_all).max(0.0);
        Some(Estimate {
            bytes: self.bytes as f64 * of_all,
            off: 2.0 * of_all * (chunks * variance * not_done).sqrt(),
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{cli::Cli, settings::Config};

    fn allowed() -> Allowed {
        let words = ["av1enc", "in.mkv", "--max-size-ratio", "0.9"];
        let cli = Cli::try_parse_from(words).unwrap();
        let limit = Config::new(&cli.encode).unwrap().deciding.size.unwrap();
        Allowed::by(&limit, "in.mkv".to_owned(), 1_000_000)
    }

    fn sizes(chunks: &[(u64, u64)]) -> Sizes {
        let mut sizes = Sizes::default();
        for (frames, bytes) in chunks {
            sizes.add(*frames, *bytes);
        }
        sizes
    }

    #[test]
    fn an_output_is_too_large_by_one_byte() {
        assert_eq!(allowed().judge(900_000), None);
        assert_eq!(
            allowed().judge(950_000).unwrap(),
            "in.mkv stays as it is: its output has 950 kB (95.0 % of 1.0 MB), and --max-size-ratio 0.9 allows 900 kB. A \
             higher --crf makes it smaller"
        );
        assert!(allowed().judge(900_001).is_some());
    }

    #[test]
    fn parts_are_too_large_only_if_the_whole_is_in_any_case() {
        // 100 bytes of each chunk and 20 of each frame may not get into the output.
        let done = sizes(&[(10, 400_300), (10, 400_301)]);
        assert_eq!(allowed().judge_parts(&done, 100_000 - 1), None);
        let judged = allowed().judge_parts(&done, 100_000).unwrap();
        assert!(judged.contains("is finished of its output has"), "{judged}");
    }

    #[test]
    fn an_estimate_says_how_sure_it_is_and_is_none_from_a_few() {
        let alike = [(10, 10_000); 4];
        assert_eq!(allowed().doubt(&sizes(&alike[..3]), 1000, 0), None);
        let says = allowed().doubt(&sizes(&alike), 1000, 0).unwrap();
        let part =
            "about 1.0 MB, give or take 0 B, by the 4 chunks that are done (4 % of the film)";
        assert!(says.contains(part), "{says}");
        assert_eq!(allowed().doubt(&sizes(&alike), 900, 0), None);
        assert!(allowed().doubt(&sizes(&alike), 900, 1).is_some());
        // Means of 1 kB, as before: a standard deviation of 5774 bytes a chunk, of which 4 out of 100 are known.
        let unlike = [(10, 5_000), (10, 15_000), (10, 5_000), (10, 15_000)];
        let says = allowed().doubt(&sizes(&unlike), 1000, 0).unwrap();
        assert!(says.contains("give or take 566 kB"), "{says}");
    }

    #[test]
    fn what_is_done_altogether_is_no_estimate() {
        let done = sizes(&[(10, 500_000), (30, 900_000), (10, 1_000), (5, 70)]);
        assert!(allowed().doubt(&done, 56, 0).is_some());
        assert_eq!(allowed().doubt(&done, 55, 0), None);
    }
}
