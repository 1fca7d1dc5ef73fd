//! Whether comparing a secret takes longer the further it is right (requirement VC-10).
//!
//! Two classes in random order: a guess that is wrong at its first byte, and one that is wrong at its last.
//! Welch's t says how surely their times differ; beyond 4.5 one would call it a leak. A comparison that
//! stops at the first difference is measured beside it, to show that the method would see one.

use std::hint::black_box;
use std::time::Instant;

use standin::secret::ClientKey;

use crate::report::Row;

const SAMPLES: usize = 400_000;
/// One comparison is too short for the clock.
const REPEATS: u32 = 16;
/// Long enough that a leak would show: 256 characters.
const LENGTH: usize = 256;
const LEAK: f64 = 4.5;

pub(crate) fn comparison() -> Row {
    let right = "k".repeat(LENGTH);
    let early = format!("x{}", &right[1..]);
    let late = format!("{}x", &right[1..]);
    let key = ClientKey::new(right.clone());
    let guesses = [early, late];
    let make = |class: usize| ClientKey::new(guesses[class].clone());
    let ours = t_statistic(make, |guess| black_box(&key) == black_box(guess));
    let plain = |class: usize| guesses[class].clone().into_bytes();
    let naive = t_statistic(plain, |guess| stops_early(black_box(right.as_bytes()), guess));
    Row {
        work: "compare a secret: wrong at the first or the last byte".to_owned(),
        ours: format!("t = {ours:.1}"),
        beside: format!("a loop that stops early t = {naive:.0}"),
        result: format!("{:.1}", ours.abs()),
        goal: "< 4.5 (no leak seen)",
        is_reached: ours.abs() < LEAK && naive.abs() > LEAK,
    }
}

fn stops_early(a: &[u8], b: &[u8]) -> bool {
    a.iter().zip(b).all(|(a, b)| black_box(a) == black_box(b))
}

/// Welch's t of the two classes' times, those beyond the 95th percentile left out: interrupts are no secret.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time, in an order of its own")]
fn t_statistic<G>(make: impl Fn(usize) -> G, compare: impl Fn(&G) -> bool) -> f64 {
    let mut order = vec![0; SAMPLES];
    let _ = aws_lc_rs::rand::fill(&mut order);
    let mut times = [Vec::new(), Vec::new()];
    for byte in order {
        let class = usize::from(byte & 1);
        // Made anew, so that both classes lie where the last guess lay: an address has a time, too.
        let guess = make(class);
        let start = Instant::now();
        for _ in 0..REPEATS {
            black_box(compare(&guess));
        }
        times[class].push(start.elapsed().as_nanos());
    }
    let mut all: Vec<u128> = times.concat();
    all.sort_unstable();
    let cut = all[all.len() * 95 / 100];
    let [first, last] = times.map(|times| moments(&times, cut));
    (last.mean - first.mean) / (first.error + last.error).sqrt()
}

struct Moments {
    mean: f64,
    /// Variance over count.
    error: f64,
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a moment, and counts of a million")]
fn moments(times: &[u128], cut: u128) -> Moments {
    let kept: Vec<f64> =
        times.iter().filter(|time| **time <= cut).map(|time| *time as f64).collect();
    let count = kept.len() as f64;
    let mean = kept.iter().sum::<f64>() / count;
    let variance = kept.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
    Moments { mean, error: variance / count }
}
