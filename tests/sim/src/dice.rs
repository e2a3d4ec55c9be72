//! Chance that can be had again: a stream of numbers from a seed (SplitMix64).

/// A stream of numbers from a seed. Streams of other names from the same seed have nothing in common.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The stream of this name from the seed.
    pub fn new(seed: u64, name: &str) -> Self {
        Self(name.bytes().fold(mixed(seed), |state, byte| mixed(state ^ u64::from(byte))))
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed(self.0)
    }

    /// A number below `end`, which is 1 or more.
    pub fn below(&mut self, end: u64) -> u64 {
        self.roll() % end.max(1)
    }

    /// A number from `from` up to and without `to`.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        let width = to.saturating_sub(from).max(1).unsigned_abs();
        from.saturating_add(i64::try_from(self.below(width)).unwrap_or(0))
    }

    /// Whether a chance of so many in a hundred came true.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these; `None` where there is none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let place = self.below(from.len() as u64);
        from.get(usize::try_from(place).ok()?)
    }
}

/// A number in which every bit depends on every bit of this one.
pub fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
