//! Pairs that the catalogue does not know: kept with the lead as they came, and sent on.

/// The most such pairs that one lead keeps; the newest beyond them are not kept.
pub const EXTRA_PAIRS_MAX: usize = 200;
/// The most bytes the name of such a pair may have, decoded.
pub const EXTRA_NAME_BYTES_MAX: usize = 200;

/// Names and values, decoded, in the order in which they came. A name may have brackets and may be there twice.
pub type Extra = Vec<(String, String)>;

/// What stands before a name's first bracket: pairs with the same root are one parameter.
pub fn root(name: &str) -> &str {
    name.split('[').next().unwrap_or(name)
}

/// Merges pairs that were learned later: a parameter stated again is replaced whole, others stay. With `fills_only`
/// what is known stays as it is.
pub fn merge(known: &mut Extra, mut stated: Extra, fills_only: bool) {
    let has = |pairs: &Extra, name: &str| pairs.iter().any(|(other, _)| root(other) == root(name));
    match fills_only {
        true => stated.retain(|(name, _)| !has(known, name)),
        false => known.retain(|(name, _)| !has(&stated, name)),
    }
    known.extend(stated);
    known.truncate(EXTRA_PAIRS_MAX);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Extra {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_parameter_stated_again_is_replaced_whole_and_others_stay() {
        let known = pairs(&[("a[0]", "1"), ("a[1]", "2"), ("b", "3")]);
        let stated = pairs(&[("a", "4"), ("c", "5")]);
        let mut later = known.clone();
        merge(&mut later, stated.clone(), false);
        assert_eq!(later, pairs(&[("b", "3"), ("a", "4"), ("c", "5")]));
        let mut filled = known;
        merge(&mut filled, stated, true);
        assert_eq!(filled, pairs(&[("a[0]", "1"), ("a[1]", "2"), ("b", "3"), ("c", "5")]));
    }

    #[test]
    fn no_lead_keeps_more_than_so_many() {
        let many: Extra = (0..500).map(|number| (format!("n{number}"), String::new())).collect();
        let mut known = pairs(&[("first", "")]);
        merge(&mut known, many, false);
        assert_eq!((known.len(), known[0].0.as_str()), (EXTRA_PAIRS_MAX, "first"));
    }
}
