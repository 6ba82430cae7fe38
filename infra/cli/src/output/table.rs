//! Tables whose columns are as wide as their widest cell, within the width of a line.

use super::page::Page;
use super::text::truncate;

/// The number of spaces between two columns.
const GAP: usize = 2;
/// The least width of the last column.
const LEAST: usize = 8;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    head: &'static str,
    is_right: bool,
    most: usize,
}

impl Column {
    /// A column of words, which are cut at `most` characters.
    pub(crate) fn words(head: &'static str, most: usize) -> Self {
        Self { head, is_right: false, most }
    }

    /// A column of numbers or ages, which are aligned to the right and never cut.
    pub(crate) fn number(head: &'static str) -> Self {
        Self { head, is_right: true, most: usize::MAX }
    }
}

/// A cell with a text and an optional colour.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    colour: Option<&'static str>,
}

impl Cell {
    pub(crate) fn coloured(text: impl Into<String>, colour: Option<&'static str>) -> Self {
        Self { text: text.into(), colour }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), colour: None }
    }
}

pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(crate) fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row, which has a cell for each column.
    pub(crate) fn add(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    /// The width if nothing is cut.
    pub(crate) fn whole_width(&self) -> usize {
        let columns = self.columns.len();
        (0..columns).map(|at| self.longest(at)).sum::<usize>() + GAP * columns.saturating_sub(1)
    }

    fn longest(&self, at: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(at));
        let longest = cells.map(|cell| cell.text.chars().count()).max().unwrap_or(0);
        longest.min(self.columns[at].most).max(self.columns[at].head.chars().count())
    }

    /// All lines without cuts and colours.
    pub(crate) fn whole_lines(&self) -> Vec<String> {
        let (head, rows) = self.lines(&Page { width: usize::MAX, words: 0, is_coloured: false });
        std::iter::once(head).chain(rows).collect()
    }

    /// The line of headings, and one line for each row. The last column gets the width that is
    /// left.
    pub(crate) fn lines(&self, page: &Page) -> (String, Vec<String>) {
        let mut widths: Vec<usize> = (0..self.columns.len()).map(|at| self.longest(at)).collect();
        if let Some((last, others)) = widths.split_last_mut() {
            let taken: usize = others.iter().map(|width| width + GAP).sum();
            *last = (*last).min(page.width.saturating_sub(taken).max(LEAST));
        }
        let heads = self.columns.iter().map(|column| Cell::from(column.head));
        let head = self.line(&heads.collect::<Vec<_>>(), &widths, page);
        (head, self.rows.iter().map(|row| self.line(row, &widths, page)).collect())
    }

    fn line(&self, row: &[Cell], widths: &[usize], page: &Page) -> String {
        let mut line = String::new();
        for ((cell, column), width) in row.iter().zip(&self.columns).zip(widths) {
            let text = truncate(&cell.text, *width);
            let space = " ".repeat(width - text.chars().count());
            let text = page.paint(&text, cell.colour);
            if !line.is_empty() {
                line.push_str(&" ".repeat(GAP));
            }
            match column.is_right {
                true => line.push_str(&format!("{space}{text}")),
                false => line.push_str(&format!("{text}{space}")),
            }
        }
        line.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fit_their_cells_and_the_last_one_the_line() {
        let mut table = Table::new(vec![
            Column::words("stage", 8),
            Column::number("dead"),
            Column::words("why", 99),
        ]);
        table.add(vec!["deliver-to-many".into(), "1,204".into(), "a reason of many words".into()]);
        table.add(vec![Cell::coloured("sink", Some("32")), "3".into(), Cell::from("")]);
        let (head, rows) = table.lines(&Page::plain(30));
        assert_eq!(head, "stage      dead  why");
        assert_eq!(rows, ["deliver…  1,204  a reason of …", "sink          3"]);
        assert_eq!(table.whole_width(), 8 + 5 + 22 + 4);
        let (_, coloured) = table.lines(&Page { is_coloured: true, ..Page::plain(30) });
        assert_eq!(coloured[1], "\x1b[32msink\x1b[0m          3");
    }
}
