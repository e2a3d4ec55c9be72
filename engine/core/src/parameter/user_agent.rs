//! What a user agent says about browser, operating system and device, by the patterns of uap-core.
//!
//! A pure function of the text and of those patterns, remembered for the texts seen last. What the patterns do not
//! know stays unknown: a guess would be worse than an empty value.

use std::{cell::RefCell, collections::HashMap, sync::LazyLock};

use ua_parser::{Extractor, Regexes};

/// The most bytes of a user agent that are read; browsers write far less.
pub const READ_BYTES_MAX: usize = 1_024;
/// The most user agents that each thread remembers.
const REMEMBERED_MAX: usize = 256;

/// The patterns, made ready at their first use: that takes a fifth of a second and 26 MiB, which an engine whose
/// sources state all of it does not spend.
static PATTERNS: LazyLock<Extractor<'static>> = LazyLock::new(|| {
    let patterns: Regexes<'static> = serde_json::from_str(include_str!("../../data/user_agents.json"))
        .expect("the patterns that come along are JSON of their form");
    Extractor::try_from(patterns).expect("the patterns that come along are regular expressions")
});

thread_local! {
    static REMEMBERED: RefCell<HashMap<Box<str>, Said>> = RefCell::default();
}

/// What a user agent says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// Name and version of the browser.
    pub browser: Option<String>,
    /// Name and version of the operating system.
    pub os: Option<String>,
    /// A phone's or tablet's maker and model where they are told, else `Android` or `Desktop`.
    pub device: Option<String>,
}

/// What this user agent says; of a longer one its first [`READ_BYTES_MAX`] bytes.
pub fn said(agent: &str) -> Said {
    let agent = &agent[..agent.floor_char_boundary(READ_BYTES_MAX)];
    REMEMBERED.with_borrow_mut(|remembered| {
        if let Some(said) = remembered.get(agent) {
            return said.clone();
        }
        let said = read(agent);
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(agent.into(), said.clone());
        said
    })
}

fn read(agent: &str) -> Said {
    let (browser, os, device) = PATTERNS.extract(agent);
    let browser = browser
        .map(|found| with_version(&found.family, [found.major, found.minor, found.patch, found.patch_minor]));
    let os = os.map(|found| {
        let numbers = [&found.major, &found.minor, &found.patch, &found.patch_minor];
        with_version(&found.os, numbers.map(Option::as_deref))
    });
    let device = match device.map(|found| found.device) {
        // What browsers write that no longer tell the model.
        Some(device) if device == "K" => Some("Android".to_owned()),
        Some(device) => Some(device.into_owned()),
        None => {
            let is_desktop = ["Windows NT", "Macintosh", "X11"].iter().any(|mark| agent.contains(mark));
            is_desktop.then(|| "Desktop".to_owned())
        }
    };
    Said { browser, os, device }
}

/// A name with its version; zeros at its end say nothing and are left out.
fn with_version(name: &str, numbers: [Option<&str>; 4]) -> String {
    let told: Vec<_> =
        numbers.into_iter().map_while(|number| number.filter(|number| !number.is_empty())).collect();
    let end = told.iter().rposition(|number| *number != "0").map_or(0, |last| last + 1);
    // A version that is all zeros is still one.
    let told = &told[..end.max(told.len().min(1))];
    if told.is_empty() { name.to_owned() } else { format!("{name} {}", told.join(".")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_systems_and_devices_are_read_from_their_own_marks() {
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        let cases = [
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 13_3_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/13.0.5 Mobile/15E148 Safari/604.1"
                    .to_owned(),
                ["Mobile Safari 13.0.5", "iOS 13.3.1", "iPhone"],
            ),
            (
                format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/122.0.0.0 YaBrowser/24.4.1.2 Safari/537.36"),
                ["Yandex Browser 24.4.1", "Windows 10", "Desktop"],
            ),
            (
                format!("Mozilla/5.0 (Linux; Android 13; SM-A536E Build/TP1A) {webkit} Chrome/120.0.0.0 Mobile Safari/537.36"),
                ["Chrome Mobile 120", "Android 13", "Samsung SM-A536E"],
            ),
            (
                format!("Mozilla/5.0 (Linux; Android 10; K) {webkit} Chrome/120.0.0.0 Mobile Safari/537.36"),
                ["Chrome Mobile 120", "Android 10", "Android"],
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:120.0) Gecko/20100101 Firefox/120.0".to_owned(),
                ["Firefox 120", "Mac OS X 10.15", "Mac"],
            ),
            (
                "Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko".to_owned(),
                ["IE 11", "Windows 7", "Desktop"],
            ),
        ];
        for (agent, expected) in cases {
            for _ in 0..2 {
                let Said { browser, os, device } = said(&agent);
                assert_eq!([browser, os, device].map(Option::unwrap), expected, "{agent}");
            }
        }
    }

    #[test]
    fn what_is_not_recognised_stays_unknown() {
        for agent in ["", "Windows NT ", "Version/", "?"] {
            assert_eq!(said(agent).browser, None, "{agent}");
        }
        assert_eq!(said("curl/8.5.0"), Said { browser: Some("curl 8.5".to_owned()), os: None, device: None });
    }

    #[test]
    fn only_the_beginning_of_a_long_one_is_read_and_only_so_many_are_remembered() {
        let long = |mark: &str| format!("{}{mark} Chrome/120.0.0.0", "я".repeat(READ_BYTES_MAX));
        assert_eq!(said(&long("x")), Said::default());
        for number in 0..=REMEMBERED_MAX {
            said(&format!("agent {number}"));
        }
        assert!(REMEMBERED.with_borrow(HashMap::len) <= REMEMBERED_MAX);
    }

    #[test]
    fn a_version_ends_where_it_says_nothing() {
        let with = |numbers| with_version("X", numbers);
        assert_eq!(with([Some("13"), Some("0"), Some("5"), None]), "X 13.0.5");
        assert_eq!(with([Some("120"), Some("0"), Some("0"), Some("0")]), "X 120");
        assert_eq!(with([Some("0"), None, None, None]), "X 0");
        assert_eq!(with([None; 4]), "X");
    }
}
