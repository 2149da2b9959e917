//! A scene's frames on their way from detection to the encoder.
//!
//! Detection decodes every frame, in order. It lays each one on the [`Shelf`] while that has room, and a worker takes it
//! from there: decoded once, never copied. Where the shelf is full and encoders wait for work, detection goes on without,
//! and the worker decodes the rest of its scene again. A worker may begin with a scene whose end is not known yet.

use std::{
    collections::VecDeque,
    fmt,
    ops::Range,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use crate::film::media::Chunk;

/// Room for the frames that wait for an encoder. One for the whole film.
#[derive(Debug, Default)]
pub struct Shelf {
    state: Mutex<ShelfState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct ShelfState {
    /// Bytes of the frames that are held.
    held: u64,
    /// Bytes that may be held.
    room: u64,
    /// Whether encoders will soon have nothing to do.
    hungry: bool,
    /// Workers that wait for detection to tell more of the scene they are at.
    waiting: usize,
    closed: bool,
}

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, ShelfState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds `frame`, of `bytes`, or drops it: `None`. Waits for room as long as all encoders have work; once they have
    /// not, or the shelf is closed, detection must go on.
    pub fn hold<F>(self: &Arc<Self>, frame: F, bytes: u64) -> Option<Held<F>> {
        let mut state = self.lock();
        while state.held + bytes > state.room {
            if state.hungry || state.waiting > 0 || state.closed {
                return None;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.held += bytes;
        Some(Held {
            frame,
            bytes,
            shelf: self.clone(),
        })
    }

    /// Says how many bytes may be held, and whether encoders will soon have nothing to do.
    pub fn set(&self, room: u64, hungry: bool) {
        let mut state = self.lock();
        if (state.room, state.hungry) != (room, hungry) {
            (state.room, state.hungry) = (room, hungry);
            self.changed.notify_all();
        }
    }

    /// Bytes of the frames that are held.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.lock().held
    }

    /// Nobody waits for room any more.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn set_waiting(&self, change: isize) {
        let mut state = self.lock();
        state.waiting = state.waiting.saturating_add_signed(change);
        self.changed.notify_all();
    }
}

/// A frame that waits for an encoder; its room is given back when it is dropped.
#[derive(Debug)]
pub struct Held<F> {
    frame: F,
    bytes: u64,
    shelf: Arc<Shelf>,
}

impl<F> Held<F> {
    /// The frame.
    #[must_use]
    pub fn frame(&self) -> &F {
        &self.frame
    }
}

impl<F> Drop for Held<F> {
    fn drop(&mut self) {
        self.shelf.lock().held -= self.bytes;
        self.shelf.changed.notify_all();
    }
}

/// What an encoder gets next.
#[derive(Debug)]
pub enum Next<F> {
    /// A frame from the shelf.
    Frame(Held<F>),
    /// These frames are decoded again.
    Decode(Range<u64>),
    /// The scene is over: this is what it was.
    End(Chunk),
    /// Detection has ended before the scene did: nothing can be made of it.
    Abandoned,
}

/// One scene: detection adds frames at its end, one worker takes them from its beginning.
pub struct Reel<F> {
    /// Position of the scene in the film, from 0.
    pub index: usize,
    /// Its first frame.
    pub start: u64,
    shelf: Arc<Shelf>,
    state: Mutex<ReelState<F>>,
    changed: Condvar,
}

struct ReelState<F> {
    /// The frames from `next` on that are held, without gap.
    held: VecDeque<Held<F>>,
    /// The first frame that was not taken yet.
    next: u64,
    /// Frames before this belong to the scene, whatever comes.
    certain: u64,
    end: Option<u64>,
    abandoned: bool,
}

/// While a scene is open, so many frames are decoded again at a time.
const DECODED_AT_ONCE: u64 = 16;

impl<F> Reel<F> {
    /// A scene that begins at `start`; where it ends is not known yet.
    #[must_use]
    pub fn new(index: usize, start: u64, shelf: Arc<Shelf>) -> Self {
        let state = ReelState {
            held: VecDeque::new(),
            next: start,
            certain: start,
            end: None,
            abandoned: false,
        };
        Self {
            index,
            start,
            shelf,
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// A scene that is known already, of which no frame is held.
    #[must_use]
    pub fn known(chunk: Chunk, shelf: Arc<Shelf>) -> Self {
        let reel = Self::new(chunk.index, chunk.start, shelf);
        reel.end(chunk.end);
        reel
    }

    fn lock(&self) -> MutexGuard<'_, ReelState<F>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next frame belongs to the scene, whatever comes. If it could not be held, no later one is.
    pub fn add(&self, frame: Option<Held<F>>) {
        let mut state = self.lock();
        if let Some(frame) = frame
            && state.next + state.held.len() as u64 == state.certain
        {
            state.held.push_back(frame);
        }
        state.certain += 1;
        self.changed.notify_all();
    }

    /// The scene ends before frame `end`.
    pub fn end(&self, end: u64) {
        let mut state = self.lock();
        (state.certain, state.end) = (end, Some(end));
        self.changed.notify_all();
    }

    /// Detection will tell nothing more.
    pub fn abandon(&self) {
        self.lock().abandoned = true;
        self.changed.notify_all();
    }

    /// The scene, if its end is known.
    #[must_use]
    pub fn chunk(&self) -> Option<Chunk> {
        self.lock().end.map(|end| Chunk {
            index: self.index,
            start: self.start,
            end,
        })
    }

    /// How many of its frames are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.lock().held.len()
    }

    /// Frees what is held: these frames will be decoded again. Returns how many.
    pub fn shed(&self) -> usize {
        // Frames give back their room when they are dropped: not under our lock.
        let shed = std::mem::take(&mut self.lock().held);
        shed.len()
    }

    /// Begins again from the first frame, of which nothing is held.
    pub fn rewind(&self) {
        let shed = {
            let mut state = self.lock();
            state.next = self.start;
            std::mem::take(&mut state.held)
        };
        drop(shed);
    }

    /// What an encoder gets next; waits until that is known.
    pub fn take(&self) -> Next<F> {
        let mut state = self.lock();
        let mut waiting = false;
        let next = loop {
            if let Some(next) = state.advance(self.index, self.start) {
                break next;
            }
            if !waiting {
                waiting = true;
                self.shelf.set_waiting(1);
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        };
        drop(state);
        if waiting {
            self.shelf.set_waiting(-1);
        }
        next
    }
}

impl<F> ReelState<F> {
    fn advance(&mut self, index: usize, start: u64) -> Option<Next<F>> {
        if let Some(frame) = self.held.pop_front() {
            self.next += 1;
            return Some(Next::Frame(frame));
        }
        let known = self.certain - self.next;
        match self.end {
            Some(end) if self.next == end => Some(Next::End(Chunk { index, start, end })),
            _ if known >= DECODED_AT_ONCE || self.end.is_some() => {
                let range = self.next..self.certain;
                self.next = self.certain;
                Some(Next::Decode(range))
            }
            None if self.abandoned => Some(Next::Abandoned),
            _ => None,
        }
    }
}

impl<F> fmt::Debug for Reel<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scene {} from frame {}", self.index, self.start)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc::{self, RecvTimeoutError},
        thread,
        time::Duration,
    };

    use super::*;

    const BYTES: u64 = 10;

    fn shelf(frames: u64) -> Arc<Shelf> {
        let shelf = Arc::new(Shelf::default());
        shelf.set(frames * BYTES, false);
        shelf
    }

    /// All that the worker of a reel is given, as text.
    fn all(reel: &Reel<u64>) -> Vec<String> {
        let mut given = Vec::new();
        loop {
            match reel.take() {
                Next::Frame(frame) => given.push(frame.frame().to_string()),
                Next::Decode(range) => given.push(format!("{range:?}")),
                Next::End(chunk) => {
                    given.push(format!("{}: {} to {}", chunk.index, chunk.start, chunk.end));
                    return given;
                }
                Next::Abandoned => return vec!["abandoned".to_owned()],
            }
        }
    }

    #[test]
    fn frames_that_were_held_are_taken_and_the_rest_is_decoded() {
        let shelf = shelf(3);
        let reel = Reel::new(4, 100, shelf.clone());
        for n in 100..103 {
            reel.add(shelf.hold(n, BYTES));
        }
        assert_eq!(shelf.held(), 30);
        shelf.set(30, true);
        reel.add(shelf.hold(103, BYTES));
        // There is room again, but a gap before it.
        shelf.set(100, true);
        reel.add(shelf.hold(104, BYTES));
        assert_eq!((shelf.held(), reel.chunk()), (30, None));
        reel.end(105);
        assert_eq!(
            all(&reel),
            ["100", "101", "102", "103..105", "4: 100 to 105"]
        );
        assert_eq!(shelf.held(), 0);
    }

    #[test]
    fn a_worker_that_has_caught_up_takes_from_the_shelf_again() {
        let shelf = shelf(100);
        let reel = Reel::new(0, 0, shelf.clone());
        (0..DECODED_AT_ONCE).for_each(|_| reel.add(None));
        assert!(matches!(reel.take(), Next::Decode(range) if range == (0..16)));
        reel.add(shelf.hold(16, BYTES));
        reel.end(17);
        assert_eq!(all(&reel), ["16", "0: 0 to 17"]);
    }

    #[test]
    fn another_try_begins_at_the_first_frame_and_finds_nothing_held() {
        let shelf = shelf(100);
        let reel = Reel::new(0, 0, shelf.clone());
        (0..5).for_each(|n| reel.add(shelf.hold(n, BYTES)));
        assert!(matches!(reel.take(), Next::Frame(_)));
        reel.rewind();
        assert_eq!(shelf.held(), 0);
        reel.add(shelf.hold(5, BYTES));
        reel.end(6);
        assert_eq!(all(&reel), ["0..6", "0: 0 to 6"]);
        let known = Reel::<u64>::known(
            Chunk {
                index: 3,
                start: 7,
                end: 9,
            },
            shelf,
        );
        assert_eq!(all(&known), ["7..9", "3: 7 to 9"]);
    }

    #[test]
    fn what_is_shed_is_decoded_again() {
        let shelf = shelf(100);
        let reel = Reel::new(0, 0, shelf.clone());
        (0..5).for_each(|n| reel.add(shelf.hold(n, BYTES)));
        assert!(matches!(reel.take(), Next::Frame(_)));
        assert_eq!((reel.shed(), shelf.held()), (4, 0));
        reel.end(5);
        assert_eq!(all(&reel), ["1..5", "0: 0 to 5"]);
    }

    /// Runs `wait` on another thread; returns what it comes to after `then` was done, before which it must not end.
    fn only_after<T: Send + 'static>(
        wait: impl FnOnce() -> T + Send + 'static,
        then: impl FnOnce(),
    ) -> T {
        let (sender, done) = mpsc::channel();
        thread::spawn(move || sender.send(wait()));
        assert!(matches!(
            done.recv_timeout(Duration::from_millis(100)),
            Err(RecvTimeoutError::Timeout)
        ));
        then();
        done.recv_timeout(Duration::from_secs(20)).unwrap()
    }

    #[test]
    fn detection_waits_for_room_while_encoders_have_work() {
        let full = || {
            let shelf = shelf(1);
            (shelf.clone(), shelf.hold(0, BYTES))
        };
        let hold = |shelf: &Arc<Shelf>| {
            let shelf = shelf.clone();
            move || shelf.hold(1, BYTES).is_some()
        };
        let (shelf, held) = full();
        assert!(only_after(hold(&shelf), || drop(held)), "a frame was taken");
        let (shelf, _held) = full();
        assert!(
            !only_after(hold(&shelf), || shelf.set(BYTES, true)),
            "encoders are hungry"
        );
        let (shelf, _held) = full();
        assert!(
            !only_after(hold(&shelf), || shelf.close()),
            "the run is over"
        );
        let (shelf, _held) = full();
        let reel = Arc::new(Reel::<u64>::new(1, 5, shelf.clone()));
        let worker = reel.clone();
        let went_on = only_after(hold(&shelf), move || {
            thread::spawn(move || worker.take());
        });
        assert!(!went_on, "a worker waits for what detection will say");
        reel.abandon();
    }

    #[test]
    fn a_worker_waits_for_a_scene_that_goes_on_and_hears_when_it_does_not() {
        let reel = || Arc::new(Reel::<u64>::new(1, 5, shelf(10)));
        let (open, held) = (reel(), shelf(1).hold(5, BYTES));
        let worker = open.clone();
        let next = only_after(move || worker.take(), || open.add(held));
        assert!(matches!(next, Next::Frame(frame) if *frame.frame() == 5));
        let lost = reel();
        let worker = lost.clone();
        assert!(matches!(
            only_after(move || worker.take(), || lost.abandon()),
            Next::Abandoned
        ));
    }
}
