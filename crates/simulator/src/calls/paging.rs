//! The query of a list call, and the page that answers it.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;
use crate::shelf::PageRequest;
use crate::wire::List;

/// What a caller may ask of a list.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ListQuery {
    after: Option<String>,
    limit: Option<String>,
    order: Option<String>,
    /// For files only.
    pub(crate) purpose: Option<String>,
}

impl ListQuery {
    /// The page asked for, given the default and the largest number of items.
    pub(crate) fn page(&self, default: usize, most: usize) -> Result<PageRequest, Refusal> {
        let limit = match &self.limit {
            Some(limit) => limit.parse().ok().filter(|limit| (1..=most).contains(limit)),
            None => Some(default),
        };
        let Some(limit) = limit else {
            let message = format!("Invalid 'limit': expected an integer from 1 to {most}.");
            return Err(Refusal::invalid(message).param("limit").code("invalid_value"));
        };
        Ok(PageRequest { after: self.after.clone(), limit, ascending: self.order.as_deref() == Some("asc") })
    }

    /// The refusal of a cursor that names nothing.
    pub(crate) fn unknown_cursor(&self) -> Refusal {
        let after = self.after.as_deref().unwrap_or_default();
        Refusal::invalid(format!("Invalid 'after': '{after}' does not exist.")).param("after").code("invalid_value")
    }
}

/// A page as it is answered.
pub(crate) fn list<T: Serialize>(data: Vec<T>, id: impl Fn(&T) -> &String, has_more: bool) -> Response {
    let first_id = data.first().map(&id).cloned();
    let last_id = data.last().map(&id).cloned();
    let list = List { object: "list", data, first_id, last_id, has_more };
    Json(list).into_response()
}
