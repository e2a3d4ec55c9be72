//! What can be held about a file by reading it as lines.

use std::{path::Path, sync::LazyLock};

use regex::Regex;

/// Words that say that something is left to be done. In two parts, so that they are not found here.
pub(crate) const LEFT_OVER: [[&str; 2]; 4] = [["TO", "DO"], ["FIX", "ME"], ["XX", "X"], ["todo", "!"]];

/// Words that names are not made of, since they say nothing.
pub(crate) const EMPTY_WORDS: &[&str] = &[
    "message", "task", "job", "manager", "helper", "helpers", "util", "utils", "data", "info", "common",
    "misc",
];

const LINES_MAX: usize = 400;

/// The first paragraph of a file is a `//!` that ends with a full stop.
pub(crate) fn opening(text: &str) -> Vec<String> {
    let paragraph: Vec<_> = text.lines().map_while(|line| line.strip_prefix("//! ")).collect();
    let is_sentence = paragraph.last().is_some_and(|last| last.ends_with('.'));
    if is_sentence {
        Vec::new()
    } else {
        vec!["opens with no `//!` sentence that ends with a full stop".to_owned()]
    }
}

/// Files stay short enough to be read in one go.
pub(crate) fn length(text: &str) -> Vec<String> {
    let lines = text.lines().count();
    if lines < LINES_MAX { Vec::new() } else { vec![format!("{lines} lines; under {LINES_MAX} are allowed")] }
}

/// A file, or the folder of a `mod.rs`, is named after a step of the flow.
pub(crate) fn file_name(path: &Path) -> Vec<String> {
    let own = if path.ends_with("mod.rs") { path.parent().unwrap_or(path) } else { path };
    let name = own.file_stem().unwrap_or_default().to_string_lossy();
    let is_empty = name.split('_').any(|word| EMPTY_WORDS.contains(&word));
    if is_empty { vec![format!("`{name}` says nothing about what is in it")] } else { Vec::new() }
}

/// Lines with a word of [`LEFT_OVER`].
pub(crate) fn left_over(text: &str) -> Vec<String> {
    static WORDS: LazyLock<Regex> = LazyLock::new(|| {
        let words = LEFT_OVER.map(|parts| parts.concat()).join("|");
        Regex::new(&format!(r"(?:^|\W)({words})(?:\W|$)")).expect("words make an expression")
    });
    found(&WORDS, text)
}

/// Lines that speak of where and how the project is worked on, not of the project.
pub(crate) fn foreign(text: &str) -> Vec<String> {
    static WORDS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)(issues? #\d+|\.\./shared\b|(?:^|[\s`'\x22(])/work/|\bcrates\.io\b)")
            .expect("it is one")
    });
    found(&WORDS, text)
}

/// The first group of each line's first match, with the line's number.
fn found(words: &Regex, text: &str) -> Vec<String> {
    let matches = text.lines().enumerate().filter_map(|(index, line)| Some((index, words.captures(line)?)));
    matches.map(|(index, found)| format!("{}: `{}`", index + 1, found[1].trim())).collect()
}
