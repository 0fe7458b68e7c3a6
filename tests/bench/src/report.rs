//! Figures as a table.

/// Rows of text in columns.
pub(crate) struct Table(Vec<Vec<String>>);

impl Table {
    pub(crate) fn new(heads: &[&str]) -> Self {
        Self(vec![heads.iter().map(|&head| head.to_owned()).collect()])
    }

    pub(crate) fn row(&mut self, what: &str, measured: String, aim: &str) {
        println!("{what}: {measured} (aim {aim})");
        self.0.push(vec![what.to_owned(), measured, aim.to_owned()]);
    }

    pub(crate) fn print(&self) {
        let widths: Vec<usize> =
            (0..3).map(|column| self.0.iter().map(|row| row[column].len()).max().unwrap_or(0)).collect();
        println!();
        for row in &self.0 {
            println!(
                "| {:<w0$} | {:<w1$} | {:<w2$} |",
                row[0],
                row[1],
                row[2],
                w0 = widths[0],
                w1 = widths[1],
                w2 = widths[2]
            );
        }
    }
}

/// The middle value.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
