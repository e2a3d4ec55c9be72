//! Tables for people: aligned columns, cut to the width of the terminal.

use super::terminal::{Style, Terminal, pad, shorten, tame};

/// What stands between two columns.
const GAP: &str = "  ";
/// The fewest characters that a column is cut to.
const CUT_CHARACTERS_MIN: usize = 12;

/// Rows under headings, what matters most first. The first column is what rows are known by, and is never cut.
pub(super) struct Table {
    headings: &'static [&'static str],
    rows: Vec<Vec<Cell>>,
}

/// One value of a row.
pub(super) struct Cell {
    text: String,
    style: Option<Style>,
}

impl Cell {
    /// A value in a style.
    pub(super) fn styled(style: Style, text: &str) -> Self {
        Self { text: tame(text).into_owned(), style: Some(style) }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: tame(text.as_ref()).into_owned(), style: None }
    }
}

impl Table {
    /// A table without rows.
    pub(super) fn new(headings: &'static [&'static str]) -> Self {
        Self { headings, rows: Vec::new() }
    }

    /// Adds a row, a cell for each heading.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Prints it; nothing where it has no rows.
    pub(super) fn print(&self, terminal: &mut Terminal) -> anyhow::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let widths = self.widths(terminal.width());
        let headings = self.headings.iter().zip(&widths).map(|(heading, width)| {
            let heading = fitted(heading, *width);
            terminal.paint(Style::Dim, heading)
        });
        let headings: Vec<_> = headings.collect();
        terminal.line(headings.join(GAP).trim_end())?;
        for row in &self.rows {
            let cells = row.iter().zip(&widths).map(|(cell, width)| {
                let text = fitted(&cell.text, *width);
                cell.style.map_or_else(|| text.clone(), |style| terminal.paint(style, &text))
            });
            let cells: Vec<_> = cells.collect();
            terminal.line(cells.join(GAP).trim_end())?;
        }
        Ok(())
    }

    /// How wide each column is: as wide as its widest value. Where that is too wide for the terminal, the last columns are
    /// left out that cannot have even [`CUT_CHARACTERS_MIN`], and the widest of the others cut down until all fit.
    fn widths(&self, terminal: Option<usize>) -> Vec<usize> {
        let length = |text: &str| text.chars().count();
        let of = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| length(&cell.text));
            cells.chain([length(self.headings[column])]).max().unwrap_or(0)
        };
        let mut widths: Vec<_> = (0..self.headings.len()).map(of).collect();
        let Some(room) = terminal else { return widths };
        let taken =
            |widths: &[usize]| widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1);
        let least = |widths: &[usize]| {
            let cut = |(column, width): (usize, &usize)| match column {
                0 => *width,
                _ => (*width).min(CUT_CHARACTERS_MIN),
            };
            taken(&widths.iter().enumerate().map(cut).collect::<Vec<_>>())
        };
        while widths.len() > 1 && least(&widths) > room {
            widths.pop();
        }
        while taken(&widths) > room {
            match widths.iter_mut().skip(1).max() {
                Some(widest) => *widest -= 1,
                None => break,
            }
        }
        widths
    }
}

/// The text in just so many characters.
fn fitted(text: &str, characters: usize) -> String {
    match text.chars().count() > characters {
        true => shorten(text, characters.saturating_sub(1)).into_owned(),
        false => pad(text, characters),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::terminal::Paper;

    fn printed(width: Option<usize>) -> String {
        let mut table = Table::new(&["id", "state", "why"]);
        table.row(["wh_1".into(), Cell::styled(Style::Red, "failed"), "the handler answered 503".into()]);
        table.row(["wh_22".into(), "delivered".into(), "a\nb".into()]);
        let paper = Paper::default();
        table.print(&mut Terminal::plain(paper.clone()).with_width(width)).unwrap();
        paper.text()
    }

    #[test]
    fn columns_stand_below_one_another_and_values_on_one_line() {
        let expected = "id     state      why\n\
                        wh_1   failed     the handler answered 503\n\
                        wh_22  delivered  a\\nb\n";
        assert_eq!(printed(None), expected);
    }

    #[test]
    fn a_table_is_cut_to_the_terminal_but_for_its_first_column() {
        let cut = printed(Some(30));
        assert!(cut.lines().all(|line| line.chars().count() <= 30), "{cut}");
        assert!(cut.contains("wh_22") && cut.contains("the handler…"), "{cut}");
        let narrow = printed(Some(20));
        assert!(narrow.contains("wh_22  delivered") && !narrow.contains("why"), "{narrow}");
    }

    #[test]
    fn a_table_without_rows_prints_nothing() {
        let paper = Paper::default();
        Table::new(&["id"]).print(&mut Terminal::plain(paper.clone())).unwrap();
        assert_eq!(paper.text(), "");
    }
}
