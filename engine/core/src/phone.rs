//! Phone numbers: one way to write each, so that a client is recognised again.

use std::collections::BTreeSet;

/// A number as it is kept: digits only, in the site's country's long form; a SIP URI whole.
///
/// In Russia (`RU`) 11 digits beginning with 8 begin with 7, and 10 digits get a 7 in front, unless the
/// number was written with a `+`, which says that its country code is there. Foreign numbers and text
/// without any digit stay as they came (the contract, "Events in").
pub fn normalise(text: &str, country: &str) -> String {
    let text = text.trim();
    if is_sip(text) {
        return text.to_owned();
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() {
        return text.to_owned();
    }
    if country != "RU" || text.starts_with('+') {
        return digits;
    }
    match (digits.len(), digits.strip_prefix('8')) {
        (11, Some(rest)) => format!("7{rest}"),
        (10, _) => format!("7{digits}"),
        _ => digits,
    }
}

/// Every way in which a number written so is kept, whatever the country of the site that it came in on.
pub fn kept_forms(text: &str) -> BTreeSet<String> {
    ["RU", ""].map(|country| normalise(text, country)).into()
}

fn is_sip(text: &str) -> bool {
    let scheme = text.split(':').next().unwrap_or("");
    scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips") || text.contains('@')
}

/// Whether a number can be a person's: 10 to 15 digits (E.164 has 15 at most), not one digit repeated,
/// no run of one digit longer than 6 (the contract, "Qualification").
pub fn is_plausible(number: &str) -> bool {
    let digits = number.as_bytes();
    if !(10..=15).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let longest_run = digits.chunk_by(|a, b| a == b).map(<[u8]>::len).max().unwrap_or(0);
    longest_run <= 6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn russian_numbers_get_their_long_form_and_others_stay() {
        let cases = [
            ("8 (999) 000-00-01", "RU", "79990000001"),
            ("9990000001", "RU", "79990000001"),
            ("+7 999 000 00 01", "RU", "79990000001"),
            ("+84 91 234 56 78", "RU", "84912345678"),
            ("+49 30 1234 56", "RU", "4930123456"),
            ("4930123456789", "RU", "4930123456789"),
            ("8 999 000 00 01", "KZ", "89990000001"),
            ("sip:manager@pbx.example", "RU", "sip:manager@pbx.example"),
            ("SIP:100@pbx.example", "RU", "SIP:100@pbx.example"),
            ("anonymous", "RU", "anonymous"),
        ];
        for (written, country, kept) in cases {
            assert_eq!(normalise(written, country), kept, "{written} in {country}");
        }
    }

    #[test]
    fn plausible_is_10_to_15_digits_without_long_runs() {
        for good in ["79990000001", "4930123456", "123456789012345", "79000000123"] {
            assert!(is_plausible(good), "{good}");
        }
        for bad in ["", "999000001", "1234567890123456", "77777777777", "79990000000", "anonymous", "sip:1@x"]
        {
            assert!(!is_plausible(bad), "{bad}");
        }
    }
}
