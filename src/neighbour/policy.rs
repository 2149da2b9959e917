//! When av1enc works less, and when not at all: from what is seen of the machine to a stance. Pure.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    event::{Easing, Event},
    os::{
        sensors::{self, Battery, Frequency, Heat, Swap},
        words::bytes,
    },
    settings::neighbour::Limits,
};

/// So long after one worker less or more the heat is judged again: the machine takes its time to cool down.
const LASTING: Duration = Duration::from_secs(30);
/// So many degrees below its limit it is cool again.
const COOLER: f64 = 5.0;
/// So many percent above its limit a battery is full again.
const FULLER: u32 = 2;
/// Below this part of the highest frequency that was seen it has fallen.
const FALLEN: f64 = 0.7;
/// Swap fills when so much more is used than at first: a tenth of it, but not less than this.
const SWAPPED: u64 = 256 << 20;

/// What is seen of the machine at one moment; nothing of what there is no limit of.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// How hot it is.
    pub heat: Option<Heat>,
    /// Its battery.
    pub battery: Option<Battery>,
    /// When the schedule opens, if it is closed.
    pub opens: Option<String>,
    /// Whether the user's command says that av1enc must not work.
    pub is_asked: bool,
    /// How fast the processors run.
    pub frequency: Option<Frequency>,
    /// Its swap.
    pub swap: Option<Swap>,
    /// Workers that there may be, if somebody encodes.
    pub workers: Option<usize>,
}

/// How much av1enc works.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stance {
    /// That it does not, if so.
    pub pause: Option<Pause>,
    /// So many workers less than there could be.
    pub fewer: usize,
}

/// A pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Encoders stop, and keep their memory.
    Short,
    /// Encoders end.
    Long,
}

/// Why there is a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    Schedule,
    Battery,
    Asked,
    Heat,
}

/// What was seen, and what was made of it.
#[derive(Debug)]
pub struct Policy {
    limits: Limits,
    /// Why there is a pause now, each in words.
    reasons: BTreeMap<Reason, String>,
    paused_since: Option<Instant>,
    /// Workers less for the heat, and since when.
    hot: (usize, Option<Instant>),
    /// How hot it was at the last look, in words.
    felt: String,
    /// Workers that there could be.
    workers: usize,
    speed: Speed,
    swap: Filling,
}

impl Policy {
    /// Nothing was seen yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            reasons: BTreeMap::new(),
            paused_since: None,
            hot: (0, None),
            felt: String::new(),
            workers: 1,
            speed: Speed::default(),
            swap: Filling::default(),
        }
    }

    /// The stance at this moment.
    #[must_use]
    pub fn stance(&self, now: Instant) -> Stance {
        let pause = self.paused_since.map(|since| {
            match now.saturating_duration_since(since) >= self.limits.long_pause {
                true => Pause::Long,
                false => Pause::Short,
            }
        });
        Stance {
            pause,
            fewer: self.hot.0.min(self.workers.saturating_sub(1)),
        }
    }

    /// How av1enc makes way at this moment, and why; `None` if it does not.
    #[must_use]
    pub fn easing(&self, now: Instant) -> Option<Easing> {
        let Stance { pause, fewer } = self.stance(now);
        let reasons: Vec<&str> = self.reasons.values().map(String::as_str).collect();
        let message = match (pause, fewer) {
            (None, 0) => return None,
            (None, _) => self.felt.clone(),
            (Some(_), _) => reasons.join("; "),
        };
        Some(Easing {
            paused: pause.is_some(),
            fewer_workers: fewer,
            message,
        })
    }

    /// This is seen now. Returns what there is to be told.
    pub fn see(&mut self, seen: &Seen, now: Instant) -> Vec<Event> {
        self.workers = seen.workers.unwrap_or(1).max(1);
        let cooling = self.feel(seen, now);
        let pauses = [
            (Reason::Schedule, self.by_schedule(seen)),
            (Reason::Battery, self.by_battery(seen)),
            (Reason::Asked, self.by_command(seen)),
            (Reason::Heat, self.by_heat(seen)),
        ];
        let was_hot = self.reasons.contains_key(&Reason::Heat);
        let mut said: Vec<String> = Vec::new();
        for (reason, why) in pauses {
            said.extend(self.settle(reason, why));
        }
        let is_hot = self.reasons.contains_key(&Reason::Heat);
        // Of the last worker, the pause has told.
        said.extend(cooling.filter(|_| !is_hot && !was_hot));
        self.paused_since = match self.reasons.is_empty() {
            true => None,
            false => self.paused_since.or(Some(now)),
        };
        let Stance { pause, fewer } = self.stance(now);
        let easing = |message| {
            Event::Neighbour(Easing {
                paused: pause.is_some(),
                fewer_workers: fewer,
                message,
            })
        };
        let mut events: Vec<Event> = said.into_iter().map(easing).collect();
        let is_at_work = seen.workers.is_some() && pause.is_none();
        let slow = self
            .speed
            .see(seen.frequency.as_ref().filter(|_| is_at_work), now);
        let filled = self.swap.see(seen.swap);
        let notes = [slow, filled].into_iter().flatten();
        events.extend(notes.map(|message| Event::Warning { message }));
        events
    }

    /// There is this reason to pause, or there is none any more. Returns what is to be told of it.
    fn settle(&mut self, reason: Reason, why: Option<String>) -> Option<String> {
        match (self.reasons.contains_key(&reason), why) {
            (false, Some(why)) => {
                self.reasons.insert(reason, why.clone());
                Some(format!("paused because {why}"))
            }
            (true, None) => {
                let was = self.reasons.remove(&reason)?;
                Some(match self.reasons.values().next() {
                    Some(other) => format!("it is over that {was}; still paused: {other}"),
                    None => format!("going on; it was paused because {was}"),
                })
            }
            _ => None,
        }
    }

    fn by_schedule(&self, seen: &Seen) -> Option<String> {
        let (schedule, opens) = (self.limits.schedule.as_ref()?, seen.opens.as_ref()?);
        Some(format!(
            "it is not the time of --schedule {schedule}, until {opens}"
        ))
    }

    fn by_battery(&self, seen: &Seen) -> Option<String> {
        let (limit, battery) = (self.limits.battery?, seen.battery?);
        let enough = match self.reasons.contains_key(&Reason::Battery) {
            true => limit + FULLER,
            false => limit,
        };
        let percent = battery.percent;
        let is_low = battery.is_discharging && percent < enough;
        is_low.then(|| format!("the battery has {percent} %, less than --battery {limit}"))
    }

    fn by_command(&self, seen: &Seen) -> Option<String> {
        let command = self.limits.pause_while.as_ref()?;
        let shown = command.replace(char::is_control, " ");
        seen.is_asked
            .then(|| format!("the command of --pause-while succeeds ({shown})"))
    }

    fn by_heat(&self, seen: &Seen) -> Option<String> {
        let heat = seen.heat.as_ref()?;
        let (less, _) = self.hot;
        (less > 0 && less >= self.workers)
            .then(|| format!("{}, and no worker less is left", self.hotness(heat)))
    }

    fn hotness(&self, heat: &Heat) -> String {
        let limit = self.limits.max_temp.unwrap_or_default();
        format!(
            "{} has {:.0} degrees of --max-temp {limit}",
            heat.sensor, heat.celsius
        )
    }

    /// One worker less, or more, by the heat. Returns what is to be told: that it begins, and that it ends.
    fn feel(&mut self, seen: &Seen, now: Instant) -> Option<String> {
        let (limit, heat) = (self.limits.max_temp?, seen.heat.as_ref()?);
        self.felt = self.hotness(heat);
        if seen.workers.is_none() {
            // What is short beside an encode is not worth a pause.
            self.hot = (0, None);
            return None;
        }
        let (less, since) = self.hot;
        let less = less.min(self.workers);
        let lasts = since.is_none_or(|since| now.saturating_duration_since(since) >= LASTING);
        let next = if heat.celsius > limit && (less == 0 || lasts) {
            (less + 1).min(self.workers)
        } else if heat.celsius <= limit - COOLER && lasts {
            less.saturating_sub(1)
        } else {
            less
        };
        if next == less {
            self.hot.0 = less;
            return None;
        }
        self.hot = (next, Some(now));
        let hotness = self.hotness(heat);
        match (less, next) {
            (0, _) => Some(format!("one worker less: {hotness}")),
            (_, 0) => Some(format!("all workers again: {hotness}")),
            (before, now) if now > before => Some(format!("{now} workers less: {hotness}")),
            _ => None,
        }
    }
}

/// Whether processors slow down.
#[derive(Debug, Default)]
struct Speed {
    highest: u64,
    throttled: Option<u64>,
    slow_since: Option<Instant>,
    is_told: bool,
}

impl Speed {
    /// The processors are at work and so fast, or nobody uses them. Returns, once, that they have become slow.
    fn see(&mut self, frequency: Option<&Frequency>, now: Instant) -> Option<String> {
        let Some(frequency) = frequency else {
            self.slow_since = None;
            return None;
        };
        self.highest = self.highest.max(frequency.khz);
        let before = *self
            .throttled
            .get_or_insert(frequency.throttled.unwrap_or(0));
        if frequency.khz as f64 >= self.highest as f64 * FALLEN {
            self.slow_since = None;
            return None;
        }
        let since = *self.slow_since.get_or_insert(now);
        if self.is_told || now.saturating_duration_since(since) < LASTING {
            return None;
        }
        self.is_told = true;
        let why = match (frequency.throttled, frequency.limits) {
            (Some(throttled), _) if throttled > before => {
                "the processor slows down for being too hot".to_owned()
            }
            (_, Some((limit, most))) if limit < most => {
                format!("the system lets it have {} at most", ghz(limit))
            }
            _ => "the system does not say why".to_owned(),
        };
        Some(format!(
            "the processors have fallen to {} from {}: {why}",
            ghz(frequency.khz),
            ghz(self.highest)
        ))
    }
}

fn ghz(khz: u64) -> String {
    format!("{:.1} GHz", khz as f64 / 1e6)
}

/// Whether swap fills.
#[derive(Debug, Default)]
struct Filling {
    first: Option<u64>,
    is_told: bool,
}

impl Filling {
    /// Returns, once, that it does.
    fn see(&mut self, swap: Option<Swap>) -> Option<String> {
        let Swap { used, size } = swap?;
        let first = *self.first.get_or_insert(used);
        let more = used.saturating_sub(first);
        if self.is_told || more < SWAPPED.max(size / 10) {
            return None;
        }
        self.is_told = true;
        Some(format!(
            "swap fills, {} of {} are used, {} more than at first: programs have more memory than there is; a smaller \
             --memory-limit leaves them more",
            bytes(used),
            bytes(size),
            bytes(more)
        ))
    }
}

/// What of `limits` cannot work on this machine, each as a sentence; `root` is `/` but in tests.
#[must_use]
pub fn lacking(limits: &Limits, root: &Path) -> Vec<String> {
    let heat = (limits.max_temp.is_some() && sensors::heat(root).is_none()).then_some(
        "--max-temp: this machine shows no temperature (/sys/class/hwmon, /sys/class/thermal): it does nothing here",
    );
    let battery = (limits.battery.is_some() && sensors::battery(root).is_none()).then_some(
        "--battery: this machine has no battery (/sys/class/power_supply): it does nothing here",
    );
    heat.into_iter().chain(battery).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Limits = Limits {
        max_temp: None,
        battery: None,
        schedule: None,
        pause_while: None,
        long_pause: Duration::from_secs(600),
    };

    /// A policy for four workers, which is told what is seen; time goes when it is told to.
    struct Bench {
        policy: Policy,
        now: Instant,
        seen: Seen,
        said: Vec<String>,
    }

    impl Bench {
        fn new(limits: Limits) -> Self {
            let seen = Seen {
                workers: Some(4),
                ..Seen::default()
            };
            Self {
                policy: Policy::new(limits),
                now: Instant::now(),
                seen,
                said: Vec::new(),
            }
        }

        fn hot(limit: f64) -> Self {
            Self::new(Limits {
                max_temp: Some(limit),
                ..NONE
            })
        }

        /// What was said since this was asked.
        fn said(&mut self) -> Vec<String> {
            std::mem::take(&mut self.said)
        }

        /// So many seconds go by; then this is seen. Returns the stance.
        fn sees(&mut self, seconds: u64, change: impl FnOnce(&mut Seen)) -> Stance {
            self.now += Duration::from_secs(seconds);
            change(&mut self.seen);
            for event in self.policy.see(&self.seen, self.now) {
                if let Event::Neighbour(Easing { message, .. }) | Event::Warning { message } = event
                {
                    self.said.push(message);
                }
            }
            self.policy.stance(self.now)
        }

        fn feels(&mut self, seconds: u64, celsius: f64) -> Stance {
            let sensor = "coretemp".to_owned();
            self.sees(seconds, |seen| seen.heat = Some(Heat { celsius, sensor }))
        }
    }

    fn fewer(fewer: usize) -> Stance {
        Stance { pause: None, fewer }
    }

    fn paused(pause: Pause) -> Option<Pause> {
        Some(pause)
    }

    #[test]
    fn without_limits_nothing_is_done() {
        let mut bench = Bench::new(NONE);
        assert_eq!(bench.feels(0, 140.0), Stance::default());
        assert!(bench.said().is_empty());
    }

    #[test]
    fn hot_once_is_one_worker_less_until_it_is_some_degrees_cooler() {
        let mut bench = Bench::hot(80.0);
        assert_eq!(bench.feels(0, 79.9), fewer(0));
        assert_eq!(bench.feels(2, 80.1), fewer(1));
        assert_eq!(
            bench.said(),
            ["one worker less: coretemp has 80 degrees of --max-temp 80"]
        );
        for celsius in [81.0, 79.0, 76.0] {
            assert_eq!(bench.feels(2, celsius), fewer(1), "{celsius}");
        }
        let easing = bench.policy.easing(bench.now).unwrap();
        assert_eq!((easing.paused, easing.fewer_workers), (false, 1));
        assert_eq!(easing.message, "coretemp has 76 degrees of --max-temp 80");
        assert_eq!(bench.feels(60, 76.0), fewer(1), "not cool enough");
        assert_eq!(bench.feels(2, 75.0), fewer(0));
        assert_eq!(bench.policy.easing(bench.now), None);
        assert_eq!(
            bench.said(),
            ["all workers again: coretemp has 75 degrees of --max-temp 80"]
        );
    }

    #[test]
    fn hot_for_long_is_one_less_each_time_and_then_a_pause_and_back_in_the_same_way() {
        let mut bench = Bench::hot(80.0);
        assert_eq!(bench.feels(0, 90.0), fewer(1));
        assert_eq!(bench.feels(29, 90.0), fewer(1));
        assert_eq!(bench.feels(1, 90.0), fewer(2));
        assert_eq!(bench.feels(30, 90.0), fewer(3));
        let stance = bench.feels(30, 90.0);
        assert_eq!((stance.pause, stance.fewer), (paused(Pause::Short), 3));
        assert!(
            bench
                .said()
                .last()
                .unwrap()
                .starts_with("paused because coretemp has 90")
        );
        assert_eq!(bench.feels(29, 50.0).pause, paused(Pause::Short));
        assert_eq!(bench.feels(1, 50.0), fewer(3));
        assert!(bench.said()[0].starts_with("going on; it was paused because coretemp"));
        assert_eq!(bench.feels(30, 50.0), fewer(2));
        assert_eq!(bench.feels(30, 50.0), fewer(1));
        assert_eq!(bench.said(), [""; 0]);
        assert_eq!(bench.feels(30, 50.0), fewer(0));
        assert_eq!(bench.said().len(), 1);
    }

    #[test]
    fn the_only_worker_pauses_for_heat() {
        let mut bench = Bench::hot(80.0);
        bench.seen.workers = None;
        assert_eq!(bench.feels(0, 81.0), fewer(0), "nobody encodes");
        bench.seen.workers = Some(1);
        assert_eq!(bench.feels(0, 81.0).pause, paused(Pause::Short));
        assert_eq!(bench.said().len(), 1);
        assert_eq!(bench.feels(30, 60.0), fewer(0));
        assert_eq!(bench.said().len(), 1);
    }

    #[test]
    fn a_pause_is_short_for_ten_minutes_and_then_long_and_said_once() {
        let mut bench = Bench::new(Limits {
            pause_while: Some("pgrep mpv".to_owned()),
            ..NONE
        });
        assert_eq!(bench.sees(0, |_| ()), fewer(0));
        assert_eq!(
            bench.sees(2, |seen| seen.is_asked = true).pause,
            paused(Pause::Short)
        );
        assert_eq!(bench.sees(599, |_| ()).pause, paused(Pause::Short));
        assert_eq!(bench.sees(1, |_| ()).pause, paused(Pause::Long));
        assert_eq!(
            bench.said(),
            ["paused because the command of --pause-while succeeds (pgrep mpv)"]
        );
        assert_eq!(bench.sees(9000, |seen| seen.is_asked = false), fewer(0));
        assert_eq!(bench.said().len(), 1);
        let again = bench.sees(2, |seen| seen.is_asked = true);
        assert_eq!(again.pause, paused(Pause::Short), "counted anew");
    }

    #[test]
    fn a_pause_lasts_as_long_as_there_is_any_reason() {
        let mut bench = Bench::new(Limits {
            battery: Some(20),
            schedule: Some(crate::settings::schedule::Schedule::read("22:00-07:00").unwrap()),
            ..NONE
        });
        let battery = |percent, is_discharging| {
            move |seen: &mut Seen| {
                seen.battery = Some(Battery {
                    percent,
                    is_discharging,
                });
            }
        };
        assert_eq!(bench.sees(0, battery(20, true)).pause, None);
        assert!(bench.sees(0, battery(19, true)).pause.is_some());
        let closed = bench.sees(2, |seen| seen.opens = Some("Thu 22:00".to_owned()));
        assert!(closed.pause.is_some());
        let easing = bench.policy.easing(bench.now).unwrap();
        let why = "it is not the time of --schedule 22:00-07:00, until Thu 22:00; the battery has 19 %, less than --battery 20";
        assert_eq!((easing.paused, easing.message.as_str()), (true, why));
        assert!(
            bench.sees(2, battery(21, true)).pause.is_some(),
            "it flutters"
        );
        assert!(bench.sees(2, battery(19, false)).pause.is_some(), "closed");
        assert_eq!(bench.sees(2, |seen| seen.opens = None).pause, None);
        assert_eq!(
            bench.said(),
            [
                "paused because the battery has 19 %, less than --battery 20",
                "paused because it is not the time of --schedule 22:00-07:00, until Thu 22:00",
                "it is over that the battery has 19 %, less than --battery 20; still paused: it is not the time of --schedule \
                 22:00-07:00, until Thu 22:00",
                "going on; it was paused because it is not the time of --schedule 22:00-07:00, until Thu 22:00"
            ]
        );
    }

    #[test]
    fn processors_that_fall_and_swap_that_fills_are_said_once_with_the_reason() {
        let mut bench = Bench::hot(80.0);
        let runs = |khz, throttled| {
            move |seen: &mut Seen| {
                seen.frequency = Some(Frequency {
                    khz,
                    limits: Some((3_000_000, 3_000_000)),
                    throttled: Some(throttled),
                });
            }
        };
        bench.sees(0, runs(3_000_000, 5));
        bench.sees(2, runs(1_500_000, 6));
        bench.sees(29, runs(1_500_000, 6));
        assert_eq!(bench.said(), [""; 0]);
        bench.sees(1, runs(1_500_000, 6));
        bench.sees(60, runs(1_500_000, 6));
        assert_eq!(
            bench.said(),
            [
                "the processors have fallen to 1.5 GHz from 3.0 GHz: the processor slows down for being too hot"
            ]
        );
        let swap = |used| {
            move |seen: &mut Seen| {
                seen.swap = Some(Swap {
                    used,
                    size: 8 << 30,
                })
            }
        };
        bench.sees(2, swap(1 << 30));
        bench.sees(2, swap((1 << 30) + (700 << 20)));
        assert_eq!(bench.said(), [""; 0]);
        bench.sees(2, swap(2 << 30));
        bench.sees(2, swap(3 << 30));
        let said = bench.said();
        assert!(
            said.len() == 1 && said[0].starts_with("swap fills"),
            "{said:?}"
        );
    }

    #[test]
    fn processors_that_nobody_uses_may_fall() {
        let mut bench = Bench::hot(80.0);
        bench.seen.workers = None;
        for khz in [3_000_000, 400_000, 400_000] {
            let limits = None;
            let throttled = None;
            bench.sees(60, |seen| {
                seen.frequency = Some(Frequency {
                    khz,
                    limits,
                    throttled,
                });
            });
        }
        assert_eq!(bench.said(), [""; 0]);
    }

    #[test]
    fn what_cannot_work_here_is_known_beforehand() {
        let root = tempfile::tempdir().unwrap();
        let all = Limits {
            max_temp: Some(80.0),
            battery: Some(20),
            ..NONE
        };
        assert_eq!(lacking(&all, root.path()).len(), 2);
        assert_eq!(lacking(&NONE, root.path()), [""; 0]);
        let zone = root.path().join("sys/class/thermal/thermal_zone0");
        std::fs::create_dir_all(&zone).unwrap();
        std::fs::write(zone.join("type"), "cpu-thermal").unwrap();
        std::fs::write(zone.join("temp"), "50000").unwrap();
        let lacking = lacking(&all, root.path());
        assert!(
            lacking.len() == 1 && lacking[0].contains("no battery"),
            "{lacking:?}"
        );
    }
}
