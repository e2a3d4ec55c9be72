//! The one place that writes to the terminal: colours, safe text, and a reader that went away.

use std::{
    borrow::Cow,
    fmt::Display,
    io::{self, IsTerminal as _, Write},
};

/// How a piece of text stands out. On anything but a terminal it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Headings and names.
    Bold,
    /// What may be passed over.
    Dim,
    /// It went well.
    Green,
    /// It did not.
    Red,
    /// Worth a look.
    Yellow,
    /// Identifiers.
    Cyan,
}

impl Style {
    /// The code of ECMA-48, "Select graphic rendition".
    fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Green => "32",
            Self::Red => "31",
            Self::Yellow => "33",
            Self::Cyan => "36",
        }
    }
}

/// Where a command writes what it has to say.
pub(crate) struct Terminal {
    out: Box<dyn Write + Send>,
    colours: bool,
    width: Option<usize>,
}

impl Terminal {
    /// Standard output; in colours where it is a terminal and `NO_COLOR` is not set (<https://no-color.org>).
    pub(crate) fn stdout() -> Self {
        let out = io::stdout();
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colours =
            out.is_terminal() && !refused && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let width = terminal_size::terminal_size_of(&out).map(|(width, _)| usize::from(width.0));
        Self { out: Box::new(out), colours, width }
    }

    /// Writes into `out`, without colours.
    #[cfg(test)]
    pub(crate) fn plain(out: impl Write + Send + 'static) -> Self {
        Self { out: Box::new(out), colours: false, width: None }
    }

    /// The same, of this width.
    #[cfg(test)]
    pub(crate) fn with_width(self, width: Option<usize>) -> Self {
        Self { width, ..self }
    }

    /// How many characters a line has; `None` where it is no terminal, and lines are as long as they are.
    pub(crate) fn width(&self) -> Option<usize> {
        self.width
    }

    /// One line, at once. Fails when nobody reads any more; callers end then.
    pub(crate) fn line(&mut self, text: impl Display) -> io::Result<()> {
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) -> io::Result<()> {
        self.line("")
    }

    /// The text in a style. Pad before painting: the codes count as characters.
    pub(crate) fn paint(&self, style: Style, text: impl Display) -> String {
        match self.colours {
            true => format!("\u{1b}[{}m{text}\u{1b}[0m", style.code()),
            false => text.to_string(),
        }
    }
}

/// Writes to standard error; where even that is gone there is nobody left to tell.
pub(crate) fn complain(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Whether a command ended only since nobody reads its output any more.
pub(crate) fn reader_went_away(error: &anyhow::Error) -> bool {
    let broken = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(broken))
}

/// Text from outside without the control characters by which it could steer the terminal; line breaks and
/// tabs become visible too, so that one value stays on one line.
pub(crate) fn tame(text: &str) -> Cow<'_, str> {
    if !text.chars().any(steers) {
        return Cow::Borrowed(text);
    }
    let one = |c: char| if steers(c) { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(one).collect())
}

/// Control characters, and those that turn the direction of what follows.
fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with spaces after it up to so many characters.
pub(crate) fn pad(text: &str, characters: usize) -> String {
    format!("{text:characters$}")
}

/// The beginning of a text, with a mark where it was cut.
pub(crate) fn shorten(text: &str, characters_max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(characters_max) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// `1 event`, `2 events`.
pub(crate) fn count(number: usize, one: &str) -> String {
    let (stem, many) = match one.strip_suffix('y') {
        Some(stem) => (stem, "ies"),
        None => (one, "s"),
    };
    if number == 1 { format!("1 {one}") } else { format!("{number} {stem}{many}") }
}

/// Keeps what was printed, for tests that read it.
#[cfg(test)]
#[derive(Debug, Clone, Default)]
pub(crate) struct Paper(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

#[cfg(test)]
impl Paper {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[cfg(test)]
impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_steer_the_terminal() {
        assert_eq!(tame("Анна 🚚"), "Анна 🚚");
        assert_eq!(tame("a\u{1b}[2Jb\nc\u{202e}d"), "a\\u{1b}[2Jb\\nc\\u{202e}d");
    }

    #[test]
    fn columns_are_counted_in_characters() {
        assert_eq!(pad("цвет", 6), "цвет  ");
        assert_eq!(shorten("Продажа", 4), "Прод…");
        assert_eq!(shorten("Прод", 4), "Прод");
        assert_eq!((count(1, "delivery"), count(2, "delivery"), count(0, "event")).1, "2 deliveries");
    }

    #[test]
    fn what_is_no_terminal_gets_no_colours() {
        assert_eq!(Terminal::plain(io::sink()).paint(Style::Red, "x"), "x");
        let coloured = Terminal { out: Box::new(io::sink()), colours: true, width: None };
        assert_eq!(coloured.paint(Style::Red, "x"), "\u{1b}[31mx\u{1b}[0m");
    }

    #[test]
    fn a_reader_that_went_away_is_told_from_other_errors() {
        let broken = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe)).context("printing");
        assert!(reader_went_away(&broken));
        assert!(!reader_went_away(&anyhow::anyhow!("something else")));
    }
}
