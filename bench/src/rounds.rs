//! Interleaved timing: all sides in one run, in turn, so that a noisy machine hits them alike.

use std::time::{Duration, Instant};

/// How long one side works before the next takes its turn.
const TURN: Duration = Duration::from_millis(8);

/// What one operation took, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Timing {
    pub(crate) median_ns: f64,
    pub(crate) min_ns: f64,
}

/// Times each work in every round; a round begins with another side each time.
pub(crate) fn interleave(works: &mut [Box<dyn FnMut() + '_>], rounds: usize) -> Vec<Timing> {
    let counts: Vec<u32> = works.iter_mut().map(repetitions).collect();
    let mut samples = vec![Vec::with_capacity(rounds); works.len()];
    for round in 0..rounds {
        for turn in 0..works.len() {
            let side = (round + turn) % works.len();
            let start = Instant::now();
            for _ in 0..counts[side] {
                works[side]();
            }
            samples[side].push(start.elapsed().as_nanos() as f64 / f64::from(counts[side]));
        }
    }
    samples.iter_mut().map(|samples| timing(samples)).collect()
}

/// How often `work` fits into a turn; also warms it up.
fn repetitions(work: &mut impl FnMut()) -> u32 {
    let start = Instant::now();
    let mut count = 0u32;
    while start.elapsed() < TURN {
        work();
        count += 1;
    }
    count
}

/// Of one side's samples; at least one is needed.
pub(crate) fn timing(samples: &mut [f64]) -> Timing {
    Timing { median_ns: median(samples), min_ns: samples[0] }
}

/// The middle value, or the mean of the two middle ones. Sorts; at least one value is needed.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::{interleave, median, timing};

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), 2.5);
        let timing = timing(&mut [5.0, 9.0, 7.0]);
        assert_eq!((timing.median_ns, timing.min_ns), (7.0, 5.0));
    }

    #[test]
    fn every_side_gets_its_turns_and_more_work_takes_longer() {
        let (light, heavy) = (Cell::new(0u64), Cell::new(0u64));
        let spin = |cell: &Cell<u64>, times| {
            for step in 0..times {
                cell.set(std::hint::black_box(cell.get() ^ step));
            }
        };
        let timings = interleave(
            &mut [Box::new(|| spin(&light, 1_000)), Box::new(|| spin(&heavy, 100_000))],
            3,
        );
        assert!(timings[1].min_ns > timings[0].min_ns * 10.0, "{timings:?}");
    }
}
