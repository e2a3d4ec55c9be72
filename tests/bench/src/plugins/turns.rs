//! Contenders in turns, a few milliseconds each, so that whatever else the machine does meets all of them.

use std::time::{Duration, Instant};

use anyhow::Result;

/// How long one turn of one contender takes.
const TURN: Duration = Duration::from_millis(5);
/// The fewest rounds, however long one takes.
const ROUNDS_MIN: usize = 15;

/// Who is measured: what one call of it does.
pub(super) struct Turn<'a>(Box<dyn FnMut() -> Result<()> + 'a>);

impl<'a> Turn<'a> {
    pub(super) fn of(call: impl FnMut() -> Result<()> + 'a) -> Self {
        Self(Box::new(call))
    }

    /// The mean of its calls in one turn, in microseconds.
    fn take(&mut self) -> Result<f64> {
        let (began, mut calls) = (Instant::now(), 0_u32);
        while began.elapsed() < TURN {
            (self.0)()?;
            calls += 1;
        }
        Ok(began.elapsed().as_secs_f64() * 1e6 / f64::from(calls.max(1)))
    }
}

/// What came out: of each round one figure for each contender.
#[derive(Debug)]
pub(super) struct Turns(Vec<Vec<f64>>);

impl Turns {
    /// Lets all take their turns for that long. The first round warms up and does not count.
    pub(super) fn take(turns: &mut [Turn<'_>], time: Duration) -> Result<Self> {
        let mut rounds = Vec::new();
        let round = |turns: &mut [Turn<'_>]| turns.iter_mut().map(Turn::take).collect::<Result<Vec<_>>>();
        round(turns)?;
        let began = Instant::now();
        while began.elapsed() < time || rounds.len() < ROUNDS_MIN {
            rounds.push(round(turns)?);
        }
        Ok(Self(rounds))
    }

    /// What a call of this contender takes, in microseconds: the median of all rounds.
    pub(super) fn median_us(&self, contender: usize) -> f64 {
        median(self.0.iter().map(|round| round[contender]).collect())
    }

    /// How many times as long the one takes as the other: the median over rounds, each of which compares neighbours in
    /// time.
    pub(super) fn ratio(&self, one: usize, other: usize) -> f64 {
        median(self.0.iter().map(|round| round[one] / round[other]).collect())
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_compares_within_rounds_and_is_the_middle_one() {
        let turns = Turns(vec![vec![10.0, 20.0], vec![100.0, 100.0], vec![10.0, 30.0]]);
        assert!((turns.ratio(1, 0) - 2.0).abs() < 1e-9);
        assert!((turns.median_us(0) - 10.0).abs() < 1e-9);
    }
}
