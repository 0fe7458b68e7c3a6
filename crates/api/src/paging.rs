//! Lists as OpenAI's clients page through them.

use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::fields::{within, wrong_type};

/// The query of a list that has no filters.
#[derive(Deserialize)]
pub(crate) struct Listing {
    pub(crate) after: Option<String>,
    pub(crate) limit: Option<String>,
}

/// One page.
#[derive(Serialize)]
pub(crate) struct PageView<T> {
    object: &'static str,
    data: Vec<T>,
    first_id: Option<String>,
    last_id: Option<String>,
    has_more: bool,
}

/// What has an id by which a client asks for what follows.
pub(crate) trait Listed {
    /// That id.
    fn id(&self) -> &str;
}

impl<T: Listed> PageView<T> {
    pub(crate) fn new(data: Vec<T>, has_more: bool) -> Self {
        let id = |listed: Option<&T>| listed.map(|listed| listed.id().to_owned());
        Self { object: "list", first_id: id(data.first()), last_id: id(data.last()), data, has_more }
    }
}

/// How many a page may hold.
pub(crate) fn limit(text: Option<&str>, most: usize, default: usize) -> Result<usize, ApiError> {
    let Some(text) = text else { return Ok(default) };
    let negative = text.strip_prefix('-').is_some_and(|digits| digits.parse::<u64>().is_ok());
    let number = if negative { 0 } else { text.parse().map_err(|_| wrong_type("limit", "an integer", "\"\""))? };
    within("limit", number, &(1..=most as u64)).map(|number| usize::try_from(number).unwrap_or(most))
}
