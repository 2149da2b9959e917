//! How many encoders run at once, and with how many threads each: what keeps the cores busy, and fits into memory.

use serde::Serialize;

use crate::{
    encoder::Identity,
    os::{
        machine::Machine,
        words::{count, gib},
    },
    settings::MemoryLimit,
    stream::y4m,
};

/// What is encoded, as far as it decides about memory.
#[derive(Debug, Clone)]
pub struct Load {
    /// The encoder.
    pub encoder: Identity,
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// The encoder's preset.
    pub preset: i32,
}

/// Frames that a decoder, VapourSynth and the pipe hold for one chunk: 16 references of HEVC, and some on the way.
const FRAMES_HELD: u64 = 24;
/// The same for the scout and this program itself: 0.9 GiB were seen at 2160p, and at least so many wait for a worker.
const SCOUT_FRAMES: u64 = 36;
/// The same for a decoder of one thread, with no more frames than detection must have: with mainline 4.2.0 at preset 12, 594 MiB
/// were seen in all at 1080p, of which the encoder takes 424.
const LEAN_FRAMES: u64 = 12;
/// What programs take beside frames.
const LEAN_BASE: u64 = 32 << 20;

impl Load {
    /// Bytes of a frame at the depth that takes more.
    fn frame(&self) -> u64 {
        y4m::bytes(u64::from(self.size.0) * u64::from(self.size.1), 10)
    }

    /// Memory of a decoder, in bytes.
    #[must_use]
    pub fn decoder(&self) -> u64 {
        self.frame() * FRAMES_HELD
    }

    /// What programs take beside frames, in bytes.
    #[must_use]
    pub fn base(&self) -> u64 {
        LEAN_BASE
    }

    /// Memory of the scout and its frames, in bytes.
    fn scout(&self) -> u64 {
        self.frame() * SCOUT_FRAMES
    }

    /// Expected peak memory of a worker at this `lp`, in bytes: encoder and decoder.
    #[must_use]
    pub fn worker(&self, lp: u32) -> u64 {
        self.encoder.memory_estimate(self.size, self.preset, lp) + self.decoder()
    }

    /// Expected memory of one encoder at this `lp` with a decoder of one thread and no more frames than detection must have.
    #[must_use]
    pub fn lean(&self, lp: u32) -> u64 {
        let frames = self.frame() * LEAN_FRAMES;
        self.encoder.memory_estimate(self.size, self.preset, lp) + frames + LEAN_BASE
    }

    /// Cores that an encoder keeps busy at this `lp`.
    #[must_use]
    pub fn busy_cores(&self, lp: u32) -> f64 {
        self.encoder.busy_cores(lp)
    }
}

/// The choice of workers, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Workers {
    /// Encoders that fit now.
    pub workers: usize,
    /// Encoders at once, when there is memory for them.
    pub most: usize,
    /// Level of parallelism of each.
    pub lp: u32,
    /// Expected peak memory of one encoder and its decoder, in bytes.
    pub bytes_each: u64,
    /// Whether memory is so short that nothing runs beside the one encoder, and nothing waits for it.
    pub lean: bool,
    /// What is to be done where there is not even room for that; a sentence for a person.
    pub lacking: Option<String>,
    /// One sentence for a person.
    pub reason: String,
}

/// What the user demands of the workers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Demands {
    /// Encoders at once.
    pub workers: Option<usize>,
    /// Level of parallelism of each.
    pub lp: Option<u32>,
    /// Memory of the whole run.
    pub memory: MemoryLimit,
}

/// What is left for the rest of the machine: an eighth, but at least 256 MiB and at most 2 GiB; of less than a GiB, a quarter.
#[must_use]
pub fn reserve(memory: u64) -> u64 {
    (memory / 8).clamp((256 << 20).min(memory / 4), 2 << 30)
}

/// The fastest preset that every SVT-AV1 has.
const FASTEST: i32 = 12;

/// What is lost with every level, as a part: threads of one encoder wait for each other. Chosen, not measured: it decides only
/// between choices that keep about as many cores busy. At double, some more of them have more workers and a lower level; at half,
/// some fewer.
const LOSS_PER_LEVEL: f64 = 0.03;

/// Chooses workers and lp for the most cores kept busy within memory. What the user demands is kept, but never more
/// workers than fit, unless memory is not to be looked at.
///
/// `likely_chunks` tells how many chunks there can be: a film of one chunk is encoded by one worker.
#[must_use]
pub fn choose(machine: Machine, load: &Load, likely_chunks: u64, demands: Demands) -> Workers {
    let room = Room::of(machine, load, demands.memory);
    let lps = match demands.lp {
        Some(lp) => lp..=lp,
        None => 1..=load.encoder.max_lp(),
    };
    // Where not even one fits, the smallest has to do.
    let least = *lps.start();
    let fit = lps.filter(|lp| *lp == least || room.fits_one(*lp));
    let chunks = usize::try_from(likely_chunks.max(1)).unwrap_or(usize::MAX);
    let mut best: Option<Choice> = None;
    for choice in fit.map(|lp| room.choice(lp, chunks, demands.workers)) {
        if best.is_none_or(|best| choice.gain > best.gain + 1e-9) {
            best = Some(choice);
        }
    }
    let chosen = best.unwrap_or_else(|| room.choice(least, chunks, demands.workers));
    let Choice {
        workers, most, lp, ..
    } = chosen;
    let reason = room.reason(chosen, demands);
    let lean = workers == 1 && !room.fits_one(lp);
    Workers {
        workers,
        most,
        lp,
        bytes_each: load.worker(lp),
        lean,
        lacking: lean.then(|| room.lacking(lp)).flatten(),
        reason,
    }
}

/// What a machine has for workers of one kind.
struct Room<'a> {
    machine: Machine,
    cores: usize,
    load: &'a Load,
    /// Bytes that workers may take in all; `None` if nothing limits them.
    usable: Option<u64>,
}

/// So many workers with this lp, and how many cores that keeps busy.
#[derive(Clone, Copy)]
struct Choice {
    gain: f64,
    workers: usize,
    most: usize,
    lp: u32,
}

impl<'a> Room<'a> {
    fn of(machine: Machine, load: &'a Load, limit: MemoryLimit) -> Self {
        let free = machine
            .memory
            .map(|memory| memory.saturating_sub(reserve(memory)));
        let usable = match limit {
            MemoryLimit::None => None,
            MemoryLimit::Available => free,
            MemoryLimit::Bytes(limit) => Some(free.map_or(limit, |free| free.min(limit))),
        };
        let usable = usable.map(|usable| usable.saturating_sub(load.scout()));
        Self {
            machine,
            cores: machine.cores.max(1),
            load,
            usable,
        }
    }

    fn fits_one(&self, lp: u32) -> bool {
        self.usable
            .is_none_or(|usable| self.load.worker(lp) <= usable)
    }

    /// How many fit with this lp; one always does.
    fn fitting(&self, lp: u32) -> usize {
        let fitting = self.usable.map(|usable| usable / self.load.worker(lp));
        fitting
            .map_or(usize::MAX, |fitting| {
                usize::try_from(fitting).unwrap_or(usize::MAX)
            })
            .max(1)
    }

    fn choice(&self, lp: u32, chunks: usize, wanted: Option<usize>) -> Choice {
        let (busy, cores) = (self.load.busy_cores(lp), self.cores as f64);
        let useful = (cores / busy).ceil().max(1.0) as usize;
        let of_use = useful.min(chunks).min(self.load.encoder.most_at_once());
        let most = wanted.unwrap_or(of_use).max(1);
        let workers = most.min(self.fitting(lp));
        let lost = LOSS_PER_LEVEL * f64::from(lp.saturating_sub(1));
        Choice {
            gain: (workers as f64 * busy).min(cores) * (1.0 - lost),
            workers,
            most,
            lp,
        }
    }

    /// What is to be done where not even one encoder with this lp fits that has nothing beside it.
    fn lacking(&self, lp: u32) -> Option<String> {
        let free = self.machine.memory?;
        let needed = self.load.lean(lp);
        if needed <= free {
            return None;
        }
        let faster = |preset: &i32| {
            let load = Load {
                preset: *preset,
                ..self.load.clone()
            };
            load.lean(1) <= free
        };
        let instead = match (self.load.preset + 1..=FASTEST).find(faster) {
            _ if lp > 1 && self.load.lean(1) <= free => "; with --lp 1 it fits".to_owned(),
            Some(preset) => format!("; with --preset {preset} it is expected to fit"),
            None => String::new(),
        };
        Some(format!(
            "{} of memory are free, and one encoder with nothing beside it is expected to take {}: the system may end it{instead}",
            gib(free),
            gib(needed)
        ))
    }

    /// Why it was chosen, for people.
    fn reason(&self, chosen: Choice, demands: Demands) -> String {
        let Choice {
            workers, most, lp, ..
        } = chosen;
        let each = self.load.worker(lp);
        let is_limit = |limit| {
            self.usable
                .is_some_and(|usable| usable + self.load.scout() == limit)
        };
        let memory = match (demands.memory, self.machine.memory) {
            (MemoryLimit::None, _) => "memory is not looked at, as asked".to_owned(),
            (MemoryLimit::Bytes(limit), _) if is_limit(limit) => {
                format!("{} of memory allowed", gib(limit))
            }
            (_, Some(memory)) => format!("{} of memory free", gib(memory)),
            (_, None) => "unknown memory".to_owned(),
        };
        let cores = count(self.cores as u64, "core");
        let but = match demands.workers {
            Some(wanted) if wanted > workers => {
                format!("; {wanted} were asked for, {workers} fit now")
            }
            Some(_) => "; as many as were asked for".to_owned(),
            None if workers < most => {
                format!("; memory is the limit, else there would be {most}")
            }
            None if lp > 1 && demands.lp.is_none() && self.fitting(1) < self.cores => {
                "; fewer workers of more threads, for lack of memory".to_owned()
            }
            _ => String::new(),
        };
        let tight = if self.fits_one(lp) {
            ""
        } else {
            "; so little that nothing runs beside the one encoder"
        };
        format!(
            "{cores} and {memory}, about {} for each worker{but}{tight}",
            gib(each)
        )
    }
}

/// What unit tests reckon with.
#[cfg(test)]
pub(crate) mod examples {
    use super::{Identity, Load, Machine};
    use crate::{
        encoder::{Family, Fork},
        os::version::Version,
    };

    pub(crate) const GIB: u64 = 1 << 30;
    pub(crate) const HD: (u32, u32) = (1920, 1080);

    /// Mainline SVT-AV1 at preset 6.
    pub(crate) fn load(size: (u32, u32)) -> Load {
        let version = "SVT-AV1 v4.2.0".to_owned();
        let encoder = Identity {
            family: Family::SvtAv1,
            fork: Fork::Mainline,
            version,
            number: Version(4, 2),
        };
        Load {
            encoder,
            size,
            preset: 6,
        }
    }

    /// A machine with so many GiB free.
    pub(crate) fn machine(cores: usize, gib: u64) -> Machine {
        Machine {
            cores,
            memory: Some(gib * GIB),
            pressure: 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        examples::{GIB, HD, load, machine},
        *,
    };

    const UHD: (u32, u32) = (3840, 2160);

    #[test]
    fn memory_is_never_overcommitted_and_cores_are_kept_busy() {
        // (cores, GiB) -> workers and lp at 1080p, at 2160p.
        for (cores, gib, hd, uhd) in [
            (4, 8, (4, 1), (1, 2)),
            (4, 32, (4, 1), (4, 1)),
            (4, 128, (4, 1), (4, 1)),
            (24, 8, (2, 5), (1, 2)),
            (24, 32, (24, 1), (2, 5)),
            (24, 128, (24, 1), (24, 1)),
            (64, 8, (2, 6), (1, 2)),
            (64, 32, (11, 4), (3, 6)),
            (64, 128, (64, 1), (11, 4)),
        ] {
            for (size, expected) in [(HD, hd), (UHD, uhd)] {
                let choice = choose(machine(cores, gib), &load(size), 1000, Demands::default());
                let Workers {
                    workers,
                    lp,
                    bytes_each,
                    ref reason,
                    ..
                } = choice;
                assert!(
                    workers == 1 || workers as u64 * bytes_each < gib * GIB,
                    "{cores} cores, {gib} GiB, {size:?}"
                );
                assert_eq!(
                    (workers, lp),
                    expected,
                    "{cores} cores, {gib} GiB, {size:?}: {reason}"
                );
                assert!(
                    reason.contains(&format!("{cores} cores and {gib}.0 GiB of memory free")),
                    "{reason}"
                );
                assert_eq!(
                    workers < choice.most,
                    reason.contains("memory is the limit"),
                    "{reason}"
                );
            }
        }
    }

    #[test]
    fn the_users_number_holds_unless_it_does_not_fit() {
        let choose = |workers, memory| {
            let demands = Demands {
                workers: Some(workers),
                lp: Some(1),
                memory,
            };
            choose(machine(12, 8), &load(UHD), 1000, demands)
        };
        assert_eq!(choose(1, MemoryLimit::Available).workers, 1);
        let many = choose(50, MemoryLimit::Available);
        assert!(
            many.workers < 50 && many.most == 50 && many.reason.contains("50 were asked for"),
            "{}",
            many.reason
        );
        assert_eq!(choose(50, MemoryLimit::None).workers, 50);
        assert_eq!(choose(50, MemoryLimit::Bytes(4 * GIB)).workers, 1);
        assert_eq!(
            choose(50, MemoryLimit::Bytes(400 * GIB)).workers,
            many.workers
        );
    }

    #[test]
    fn a_film_of_one_chunk_gets_one_worker_with_all_cores() {
        let choice = choose(machine(8, 64), &load(HD), 1, Demands::default());
        assert_eq!((choice.workers, choice.most, choice.lp), (1, 1, 5));
    }

    #[test]
    fn where_little_more_than_one_encoder_fits_nothing_runs_beside_it() {
        let choose = |mib: u64, demands| {
            let machine = Machine {
                memory: Some(mib << 20),
                ..machine(4, 1)
            };
            choose(machine, &load(HD), 1000, demands)
        };
        let plenty = choose(8000, Demands::default());
        assert!(!plenty.lean && plenty.lacking.is_none());
        let lean = choose(1000, Demands::default());
        assert_eq!((lean.workers, lean.lp, lean.lean), (1, 1, true));
        assert_eq!(lean.lacking, None, "{}", lean.reason);
        let said = choose(700, Demands::default()).lacking.unwrap();
        assert!(said.contains("with --preset"), "{said}");
        let said = choose(100, Demands::default()).lacking.unwrap();
        assert!(said.ends_with("may end it"), "{said}");
        let lp = Some(4);
        let demands = Demands {
            lp,
            ..Demands::default()
        };
        let said = choose(1000, demands).lacking.unwrap();
        assert!(said.contains("with --lp 1 it fits"), "{said}");
    }
}
