//! `offpeak.toml` as tables of settings, each with its line.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::{Given, Origin, Problems};

/// The whole file.
#[derive(Debug)]
pub(crate) struct Document<'t> {
    lines: Lines,
    tables: Vec<Entry<'t>>,
    asked: Vec<String>,
}

/// One table of the file; empty where the file has none of that name.
#[derive(Debug)]
pub(crate) struct Section<'t> {
    title: String,
    /// Where it begins.
    pub(crate) origin: Origin,
    lines: Lines,
    entries: Vec<Entry<'t>>,
    asked: Vec<&'static str>,
}

#[derive(Debug)]
struct Entry<'t> {
    key: String,
    line: usize,
    value: Spanned<DeValue<'t>>,
}

/// Where each line begins, in bytes.
#[derive(Debug, Clone)]
struct Lines(std::sync::Arc<Vec<usize>>);

impl Lines {
    fn of(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self(std::sync::Arc::new(std::iter::once(0).chain(breaks).collect()))
    }

    /// The line of a byte, from 1.
    fn at(&self, byte: usize) -> usize {
        self.0.partition_point(|start| *start <= byte)
    }

    fn origin(&self, value: &Spanned<DeValue<'_>>) -> Origin {
        Origin::Line(self.at(value.span().start))
    }

    fn entries<'t>(&self, table: DeTable<'t>) -> Vec<Entry<'t>> {
        let entry = |(key, value): (Spanned<_>, _)| Entry {
            line: self.at(key.span().start),
            key: String::from(key.into_inner()),
            value,
        };
        let mut entries: Vec<Entry<'t>> = table.into_iter().map(entry).collect();
        entries.sort_by_key(|entry| entry.line);
        entries
    }
}

impl<'t> Document<'t> {
    /// Reads TOML; what is no TOML is noted.
    pub(crate) fn parse(text: &'t str, problems: &mut Problems) -> Self {
        let lines = Lines::of(text);
        let (root, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let origin = error.span().map_or(Origin::Nowhere, |span| Origin::Line(lines.at(span.start)));
            problems.add(origin, format!("not valid TOML: {}", error.message()));
        }
        let tables = lines.entries(root.into_inner());
        Self { lines, tables, asked: Vec::new() }
    }

    /// The table `[name]`.
    pub(crate) fn table(&mut self, name: &str, problems: &mut Problems) -> Section<'t> {
        let title = format!("[{name}]");
        let nothing = |lines: &Lines, title| Section {
            title,
            origin: Origin::Nowhere,
            lines: lines.clone(),
            entries: Vec::new(),
            asked: Vec::new(),
        };
        let Some(entry) = self.take(name, &title) else { return nothing(&self.lines, title) };
        let origin = self.lines.origin(&entry.value);
        let DeValue::Table(table) = entry.value.into_inner() else {
            problems.add(Origin::Line(entry.line), format!("`{name}` is written once, as a table {title}"));
            return nothing(&self.lines, title);
        };
        Section { origin, entries: self.lines.entries(table), ..nothing(&self.lines, title) }
    }

    /// The tables `[[name]]`, in order.
    pub(crate) fn tables(&mut self, name: &str, problems: &mut Problems) -> Vec<Section<'t>> {
        let title = format!("[[{name}]]");
        let Some(entry) = self.take(name, &title) else { return Vec::new() };
        let mut sections = Vec::new();
        let DeValue::Array(items) = entry.value.into_inner() else {
            problems.add(Origin::Line(entry.line), format!("`{name}` is written as a list of tables, each {title}"));
            return sections;
        };
        for item in items {
            let origin = self.lines.origin(&item);
            let DeValue::Table(table) = item.into_inner() else {
                problems.add(origin, format!("`{name}` is written as a list of tables, each {title}"));
                continue;
            };
            let entries = self.lines.entries(table);
            let (title, lines) = (title.clone(), self.lines.clone());
            sections.push(Section { title, origin, lines, entries, asked: Vec::new() });
        }
        sections
    }

    /// Refuses the tables that nobody asked for.
    pub(crate) fn finish(self, problems: &mut Problems) {
        for entry in self.tables {
            let what = format!("unknown table or key `{}`; allowed: {}", entry.key, self.asked.join(", "));
            problems.add(Origin::Line(entry.line), what);
        }
    }

    fn take(&mut self, name: &str, title: &str) -> Option<Entry<'t>> {
        self.asked.push(title.to_owned());
        let at = self.tables.iter().position(|entry| entry.key == name)?;
        Some(self.tables.remove(at))
    }
}

impl<'t> Section<'t> {
    /// A text.
    pub(crate) fn text(&mut self, key: &'static str, problems: &mut Problems) -> Option<Given<String>> {
        let (given, value) = self.take(key)?;
        let found = value.get_ref().type_str();
        let DeValue::String(text) = value.into_inner() else {
            problems.refuse(&given, format_args!("expected a text in quotes, found {found}"));
            return None;
        };
        Some(given.meaning(text.into_owned()))
    }

    /// A whole number from 0.
    pub(crate) fn number(&mut self, key: &'static str, problems: &mut Problems) -> Option<Given<u64>> {
        let (given, value) = self.take(key)?;
        let digits = value.get_ref().as_integer();
        let number = digits.and_then(|digits| u64::from_str_radix(digits.as_str(), digits.radix()).ok());
        if number.is_none() {
            let found = value.get_ref().type_str();
            problems.refuse(&given, format_args!("expected a whole number, not negative, found {found}"));
        }
        number.map(|number| given.meaning(number))
    }

    /// A text, or a list of texts, each with its own line.
    pub(crate) fn one_or_more(&mut self, key: &'static str, problems: &mut Problems) -> Vec<Given<String>> {
        let is_list = |entry: &Entry<'_>| entry.key == key && entry.value.get_ref().is_array();
        if self.entries.iter().any(is_list) {
            return self.texts(key, problems);
        }
        self.text(key, problems).into_iter().collect()
    }

    /// The tables `[[name.key]]` below this one, in order.
    pub(crate) fn tables(&mut self, key: &'static str, problems: &mut Problems) -> Vec<Self> {
        let Some((given, value)) = self.take(key) else { return Vec::new() };
        let title = self.title.replace("]]", &format!(".{key}]]"));
        let found = value.get_ref().type_str();
        let DeValue::Array(items) = value.into_inner() else {
            problems.refuse(&given, format_args!("expected tables {title}, found {found}"));
            return Vec::new();
        };
        let mut sections = Vec::new();
        for item in items {
            let origin = self.lines.origin(&item);
            let found = item.get_ref().type_str();
            let DeValue::Table(table) = item.into_inner() else {
                problems.add(origin, format!("{key}: expected tables {title}, found {found}"));
                continue;
            };
            let (title, lines, entries) = (title.clone(), self.lines.clone(), self.lines.entries(table));
            sections.push(Section { title, origin, lines, entries, asked: Vec::new() });
        }
        sections
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, key: &'static str, problems: &mut Problems) -> Option<Given<bool>> {
        let (given, value) = self.take(key)?;
        let truth = value.get_ref().as_bool();
        if truth.is_none() {
            let found = value.get_ref().type_str();
            problems.refuse(&given, format_args!("expected true or false, found {found}"));
        }
        truth.map(|truth| given.meaning(truth))
    }

    /// A list of texts, each with its own line.
    pub(crate) fn texts(&mut self, key: &'static str, problems: &mut Problems) -> Vec<Given<String>> {
        let Some((given, value)) = self.take(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            let found = value.get_ref().type_str();
            problems.refuse(&given, format_args!("expected a list of texts, found {found}"));
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in items {
            let given = Given { value: (), origin: self.lines.origin(item), key };
            let Some(text) = item.get_ref().as_str() else {
                let found = item.get_ref().type_str();
                problems.refuse(&given, format_args!("expected a list of texts, found {found}"));
                continue;
            };
            texts.push(given.meaning(text.to_owned()));
        }
        texts
    }

    /// Notes that a key must be there.
    pub(crate) fn needs(&self, key: &str, problems: &mut Problems) {
        problems.add(self.origin, format!("{} needs `{key}`", self.title));
    }

    /// Refuses the keys that nobody asked for.
    pub(crate) fn finish(self, problems: &mut Problems) {
        for entry in self.entries {
            let what = format!("unknown key `{}` in {}; allowed: {}", entry.key, self.title, self.asked.join(", "));
            problems.add(Origin::Line(entry.line), what);
        }
    }

    fn take(&mut self, key: &'static str) -> Option<(Given<()>, Spanned<DeValue<'t>>)> {
        self.asked.push(key);
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        let entry = self.entries.remove(at);
        Some((Given { value: (), origin: Origin::Line(entry.line), key }, entry.value))
    }
}
