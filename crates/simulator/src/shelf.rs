//! An ordered store of files or batches: by id, and by age for the lists.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Things in the order in which they came.
pub(crate) struct Shelf<T> {
    rows: BTreeMap<u64, Arc<T>>,
    numbers: HashMap<String, u64>,
    next: u64,
}

/// Which part of a shelf a list asks for.
pub(crate) struct PageRequest {
    /// Id of the last item of the page before.
    pub(crate) after: Option<String>,
    /// Items on a page.
    pub(crate) limit: usize,
    /// Oldest first instead of newest first.
    pub(crate) ascending: bool,
}

/// One page of a list.
pub(crate) struct Page<T> {
    /// The items in the order asked for.
    pub(crate) items: Vec<Arc<T>>,
    /// Whether more follow.
    pub(crate) has_more: bool,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), numbers: HashMap::new(), next: 0 }
    }
}

impl<T> Shelf<T> {
    /// Adds `item` as the newest.
    pub(crate) fn insert(&mut self, id: String, item: Arc<T>) {
        self.numbers.insert(id, self.next);
        self.rows.insert(self.next, item);
        self.next += 1;
    }

    /// The item of that id.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<T>> {
        self.rows.get(self.numbers.get(id)?).cloned()
    }

    /// Takes the item of that id away.
    pub(crate) fn remove(&mut self, id: &str) -> Option<Arc<T>> {
        self.rows.remove(&self.numbers.remove(id)?)
    }

    /// How many items there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The page of those items that are `visible`, or `None` if the cursor names nothing.
    pub(crate) fn page(&self, request: &PageRequest, visible: impl Fn(&T) -> bool) -> Option<Page<T>> {
        let cursor = match &request.after {
            Some(id) => Some(*self.numbers.get(id)?),
            None => None,
        };
        let mut rows: Box<dyn Iterator<Item = &Arc<T>>> = match (request.ascending, cursor) {
            (true, None) => Box::new(self.rows.values()),
            (true, Some(number)) => Box::new(self.rows.range(number + 1..).map(|(_, row)| row)),
            (false, None) => Box::new(self.rows.values().rev()),
            (false, Some(number)) => Box::new(self.rows.range(..number).rev().map(|(_, row)| row)),
        };
        let mut items = Vec::new();
        let mut next = rows.find(|row| visible(row));
        while let Some(row) = next {
            if items.len() == request.limit {
                return Some(Page { items, has_more: true });
            }
            items.push(Arc::clone(row));
            next = rows.find(|row| visible(row));
        }
        Some(Page { items, has_more: false })
    }
}
