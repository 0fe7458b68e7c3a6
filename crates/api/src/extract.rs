//! axum's extractors, refusing in OpenAI's envelope.

use axum::extract::{FromRequestParts, Path as AxumPath, Query as AxumQuery};
use http::Uri;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// What the path names.
pub(crate) struct Path(pub(crate) String);

/// What the query says.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync> FromRequestParts<S> for Path {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = AxumPath::<String>::from_request_parts(parts, state).await;
        path.map(|AxumPath(name)| Self(name)).map_err(|_| ApiError::no_such_url(parts.uri.path()))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        query(&parts.uri).map(Self)
    }
}

/// What a URL's query says.
pub(crate) fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, ApiError> {
    let refuse = |_| ApiError::bad_request("invalid_value", None, "The query of the URL cannot be read.");
    AxumQuery::try_from_uri(uri).map(|AxumQuery(query)| query).map_err(refuse)
}
