//! Seeded changes to inputs: the same seed makes the same inputs on every machine and in every version.

/// What parsers trip over.
const WORDS: &[&[u8]] = &[
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"null",
    b"true",
    b"-1",
    b"0",
    b"1e999",
    b"9223372036854775808",
    b"\\ud800",
    b"\\u0000",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\r\n",
    b"\r\n\r\n",
    b"\0",
    b"%00",
    b"%u",
    b"&",
    b"=",
    b"[]",
    b"[99999999999]",
    b"chunked",
    b"content-length: 18446744073709551616",
    b"HTTP/1.1 ",
    b"HTTP/1.1 100 X\r\n\r\n",
    b"transfer-encoding",
    b"whsec_",
    b"v1,",
    b"2026-13-45T99:99:99Z",
    b"http://127.0.0.1/",
    b"\xf0\x9f\x92\xa9",
];

/// The most bytes that an input grows to.
const BYTES_MAX: usize = 64 * 1024;

/// Random numbers that a seed decides (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Those of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 where there is none.
    pub fn below(&mut self, end: usize) -> usize {
        let end = end.max(1) as u64;
        usize::try_from(self.roll() % end).unwrap_or(0)
    }
}

/// One of these inputs, changed in one to eight places.
pub fn mutated(corpus: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let any = |dice: &mut Dice| corpus.get(dice.below(corpus.len())).cloned().unwrap_or_default();
    let mut bytes = any(dice);
    for _ in 0..=dice.below(8) {
        let place = dice.below(bytes.len() + 1);
        let end = place + dice.below((bytes.len() - place).min(64) + 1);
        match dice.below(7) {
            0 => {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= 1 << dice.below(8);
                }
            }
            1 => {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte = u8::try_from(dice.below(256)).unwrap_or(0);
                }
            }
            2 => drop(bytes.drain(place..end)),
            3 => {
                let again = bytes[place..end].repeat(1 + dice.below(20));
                bytes.splice(place..place, again);
            }
            4 => {
                let other = any(dice);
                let from = dice.below(other.len() + 1);
                bytes.truncate(place);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => {
                let word = WORDS[dice.below(WORDS.len())];
                bytes.splice(place..end, word.iter().copied());
            }
        }
        bytes.truncate(BYTES_MAX);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_inputs_again_and_others_make_others() {
        let corpus = [b"{\"a\":1}".to_vec(), b"a=1&b=2".to_vec()];
        let made = |seed| {
            let mut dice = Dice::new(seed);
            (0..100).map(|_| mutated(&corpus, &mut dice)).collect::<Vec<_>>()
        };
        assert_eq!(made(1), made(1));
        assert_ne!(made(1), made(2));
        assert!(made(1).iter().all(|input| input.len() <= BYTES_MAX));
    }
}
