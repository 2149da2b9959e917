//! Chance for tests that look for what nobody has thought of: few rounds each time, and as many as are wanted by
//! `AV1ENC_TEST_ROUNDS`; the same again by `AV1ENC_TEST_SEED`.

use std::{
    env,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::lab::Lcg;

/// Random numbers, and how many rounds are played with them.
pub struct Chance {
    pub rounds: usize,
    pub random: Lcg,
}

impl Chance {
    /// As many `rounds` as given, unless the environment says otherwise. A test that fails shows the seed.
    pub fn of(rounds: usize) -> Self {
        let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let seed = number("AV1ENC_TEST_SEED").unwrap_or(now.as_millis() as u64);
        eprintln!("seed {seed}: the same again with AV1ENC_TEST_SEED={seed}");
        Self {
            rounds: number("AV1ENC_TEST_ROUNDS").map_or(rounds, |rounds| rounds as usize),
            random: Lcg(seed),
        }
    }

    /// As many of `all` as there are rounds, in their order: of what is alike, a few are tried each time.
    pub fn some<T>(&mut self, all: impl IntoIterator<Item = T>) -> Vec<T> {
        let mut some: Vec<T> = all.into_iter().collect();
        while some.len() > self.rounds {
            some.remove(self.random.below(some.len()));
        }
        some
    }

    /// A time below `most`.
    pub fn time_below(&mut self, most: Duration) -> Duration {
        Duration::from_micros(self.random.below(most.as_micros().max(1) as usize) as u64)
    }
}
