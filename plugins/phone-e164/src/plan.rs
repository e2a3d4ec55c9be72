//! Numbering plans: how a number is dialled within a country, and what it is to the rest of the world.

/// The plan of one country.
#[derive(Debug)]
pub(crate) struct Plan {
    country: &'static str,
    /// The country's code.
    code: &'static str,
    /// What is dialled before a number within the country; empty where nothing is.
    trunk: &'static str,
    /// How many digits a number has without code and trunk prefix. With one length a number is known by it; with
    /// several only with a code or a trunk prefix before it.
    lengths: &'static [usize],
}

/// The fewest digits of a number that is taken for one with a foreign country's code.
const FOREIGN_DIGITS_MIN: usize = 11;

/// The most digits of an international number (ITU-T E.164).
const DIGITS_MAX: usize = 15;

macro_rules! plans {
    ($($country:literal $code:literal $trunk:literal [$($length:literal)+];)+) => {
        /// In order of countries.
        static PLANS: &[Plan] =
            &[$(Plan { country: $country, code: $code, trunk: $trunk, lengths: &[$($length),+] }),+];
    };
}

plans! {
    "AE" "971" "0" [8 9];
    "AM" "374" "0" [8];
    "AZ" "994" "0" [9];
    "BG" "359" "0" [6 7 8 9];
    "BY" "375" "80" [9];
    "CA" "1" "1" [10];
    "CH" "41" "0" [9];
    "CN" "86" "0" [7 8 9 10 11];
    "CZ" "420" "" [9];
    "DE" "49" "0" [5 6 7 8 9 10 11 12 13];
    "EE" "372" "" [7 8];
    "ES" "34" "" [9];
    "FI" "358" "0" [5 6 7 8 9 10];
    "FR" "33" "0" [9];
    "GB" "44" "0" [9 10];
    "GE" "995" "0" [9];
    "IL" "972" "0" [8 9];
    "IN" "91" "0" [10];
    "IT" "39" "" [6 7 8 9 10 11];
    "KG" "996" "0" [9];
    "KZ" "7" "8" [10];
    "LT" "370" "0" [8];
    "LV" "371" "" [8];
    "MD" "373" "0" [8];
    "NL" "31" "0" [9];
    "PL" "48" "" [9];
    "PT" "351" "" [9];
    "RS" "381" "0" [7 8 9 10];
    "RU" "7" "8" [10];
    "SE" "46" "0" [7 8 9];
    "TJ" "992" "" [9];
    "TM" "993" "8" [8];
    "TR" "90" "0" [10];
    "UA" "380" "0" [9];
    "US" "1" "1" [10];
    "UZ" "998" "" [9];
}

/// The plan of a country, by its two letters in any case.
pub(crate) fn of(country: &str) -> Option<&'static Plan> {
    PLANS.iter().find(|plan| plan.country.eq_ignore_ascii_case(country))
}

/// The countries that have one.
pub(crate) fn countries() -> String {
    PLANS.iter().map(|plan| plan.country).collect::<Vec<_>>().join(", ")
}

impl Plan {
    /// A phone as digits with its country's code; `None` for what is none, which is best left as it is.
    pub(crate) fn read(&self, phone: &str) -> Option<String> {
        let phone = phone.trim();
        let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
        if phone.chars().any(|c| !c.is_ascii_digit() && !" +-().\u{a0}".contains(c))
            || digits.len() > DIGITS_MAX
        {
            return None;
        }
        if phone.starts_with('+') {
            return (!digits.is_empty()).then_some(digits);
        }
        if self.has_code(&digits) {
            return Some(digits);
        }
        let home = |number: &str| [self.code, number].concat();
        match digits.strip_prefix(self.trunk).filter(|_| !self.trunk.is_empty()) {
            Some(number) if self.lengths.contains(&number.len()) => return Some(home(number)),
            _ => {}
        }
        if self.lengths == [digits.len()] {
            return Some(home(&digits));
        }
        (digits.len() >= FOREIGN_DIGITS_MIN && !digits.starts_with('0')).then_some(digits)
    }

    /// How a number with its code is dialled within the country; `None` for one of another country.
    pub(crate) fn national(&self, number: &str) -> Option<String> {
        self.has_code(number).then(|| [self.trunk, &number[self.code.len()..]].concat())
    }

    fn has_code(&self, digits: &str) -> bool {
        digits.strip_prefix(self.code).is_some_and(|number| self.lengths.contains(&number.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_by_the_plan_at_home() {
        for (country, phone, expected) in [
            ("RU", "89990001001", Some("79990001001")),
            ("RU", "9990001001", Some("79990001001")),
            ("RU", "79990001001", Some("79990001001")),
            ("RU", "380441234567", Some("380441234567")),
            ("RU", "8613800138000", Some("8613800138000")),
            ("RU", "00493012345678", None),
            ("RU", "1001", None),
            ("DE", "030 12345678", Some("493012345678")),
            ("DE", "+49 30 12345678", Some("493012345678")),
            ("DE", "3012345678", None),
            ("DE", "79990001001", Some("79990001001")),
            ("ES", "912345678", Some("34912345678")),
            ("PL", "48 123 456 789", Some("48123456789")),
            ("US", "(212) 555-0100", Some("12125550100")),
            ("US", "1-212-555-0100", Some("12125550100")),
            ("by", "8 029 123-45-67", Some("375291234567")),
        ] {
            assert_eq!(of(country).unwrap().read(phone).as_deref(), expected, "{country} {phone}");
        }
    }

    #[test]
    fn a_number_is_dialled_within_its_country() {
        for (country, number, expected) in [
            ("RU", "79990001001", Some("89990001001")),
            ("DE", "493012345678", Some("03012345678")),
            ("ES", "34912345678", Some("912345678")),
            ("BY", "375291234567", Some("80291234567")),
            ("RU", "493012345678", None),
        ] {
            assert_eq!(of(country).unwrap().national(number).as_deref(), expected);
        }
    }

    #[test]
    fn plans_stand_in_the_order_of_countries() {
        assert!(PLANS.is_sorted_by_key(|plan| plan.country));
    }
}
