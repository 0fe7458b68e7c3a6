//! What the stack made, as the environment of a function names it.

use std::collections::BTreeMap;

use crate::{Connection, environment};

/// What the stack made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resources {
    /// The tables of rows.
    pub tables: Tables,
    /// The bucket of objects.
    pub bucket: String,
    /// The queues' addresses by class.
    pub queues: BTreeMap<String, String>,
    /// The path under which the parameters are.
    pub parameters: String,
    /// The KMS key that seals callers' credentials; only where they are passed through.
    pub sealing_key: Option<String>,
    /// Whether the table of jobs has the index by tenant.
    pub job_index: bool,
    /// The table of chunks, where the stack has own model servers or live calls.
    pub chunks: Option<String>,
    /// Whether routes may go to own model servers.
    pub fleet: bool,
    /// Whether live calls are made.
    pub live: bool,
    /// The event bus that hears of everything that ends, if there is one.
    pub event_bus: Option<String>,
}

/// The names of the tables, one per noun.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tables {
    /// Of jobs.
    pub jobs: String,
    /// Of submissions.
    pub submissions: String,
    /// Of callers' files.
    pub files: String,
    /// Of callers' uploads.
    pub uploads: String,
    /// Of callers' batches.
    pub batches: String,
    /// Of tenants' receivers of webhooks.
    pub receivers: String,
    /// Of notices: the outbox.
    pub notices: String,
    /// Of classes.
    pub classes: String,
    /// Of API keys.
    pub keys: String,
    /// Of usage.
    pub usage: String,
    /// Of sealed credentials.
    pub credentials: String,
}

/// A variable of the environment does not say what it must.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceError {
    /// It is not set, or empty.
    #[error("{variable} is not set; the template sets it from {origin}: deploy the stack again with it")]
    Missing {
        /// The variable.
        variable: &'static str,
        /// The parameter or resource of the template from which it comes.
        origin: &'static str,
    },
    /// It cannot be read.
    #[error("{variable} must be {expected}; the template sets it from {origin}")]
    Odd {
        /// The variable.
        variable: &'static str,
        /// What it should be.
        expected: &'static str,
        /// The parameter or resource of the template from which it comes.
        origin: &'static str,
    },
}

const QUEUES: Variable = Variable("OFFPEAK_QUEUES", "the queues SoonQueue and NightlyQueue");
const PARAMETERS: Variable = Variable("OFFPEAK_PARAMETERS", "the stack's name");
const JOB_INDEX: Variable = Variable("OFFPEAK_JOB_INDEX", "the parameter JobIndex");
const FLEET: Variable = Variable("OFFPEAK_FLEET", "the parameter Fleet");
const LIVE: Variable = Variable("OFFPEAK_LIVE", "the parameter Live");
const S3_PATH_STYLE: Variable = Variable("OFFPEAK_S3_PATH_STYLE", "the parameter S3PathStyle");
const EVENT_BUS: &str = "OFFPEAK_EVENT_BUS";
const SEALING_KEY: &str = "OFFPEAK_SEALING_KEY";
const CHUNKS_TABLE: &str = "OFFPEAK_CHUNKS_TABLE";

/// A variable's name and what the template sets it from.
pub(crate) struct Variable(pub(crate) &'static str, pub(crate) &'static str);

impl Variable {
    pub(crate) fn must(&self, look_up: &impl Fn(&str) -> Option<String>) -> Result<String, ResourceError> {
        let value = look_up(self.0).filter(|value| !value.is_empty());
        value.ok_or(ResourceError::Missing { variable: self.0, origin: self.1 })
    }

    pub(crate) fn odd(&self, expected: &'static str) -> ResourceError {
        ResourceError::Odd { variable: self.0, expected, origin: self.1 }
    }
}

impl Resources {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// [`ResourceError`] names the variable and where the template takes it from.
    pub fn from_environment() -> Result<Self, ResourceError> {
        Self::read(environment::variable)
    }

    fn read(look_up: impl Fn(&str) -> Option<String>) -> Result<Self, ResourceError> {
        let must = |name, origin| Variable(name, origin).must(&look_up);
        Ok(Self {
            tables: Tables::read(&must)?,
            bucket: must("OFFPEAK_BUCKET", "the bucket Bucket")?,
            queues: queues(&QUEUES.must(&look_up)?)?,
            parameters: path(PARAMETERS.must(&look_up)?)?,
            sealing_key: look_up(SEALING_KEY).filter(|key| !key.is_empty()),
            job_index: truth(&JOB_INDEX, look_up(JOB_INDEX.0).as_deref())?,
            chunks: look_up(CHUNKS_TABLE).filter(|table| !table.is_empty()),
            fleet: truth(&FLEET, look_up(FLEET.0).as_deref())?,
            live: truth(&LIVE, look_up(LIVE.0).as_deref())?,
            event_bus: look_up(EVENT_BUS).filter(|bus| !bus.is_empty()),
        })
    }
}

impl Tables {
    fn read(
        must: &impl Fn(&'static str, &'static str) -> Result<String, ResourceError>,
    ) -> Result<Self, ResourceError> {
        Ok(Self {
            jobs: must("OFFPEAK_JOBS_TABLE", "the table JobsTable")?,
            submissions: must("OFFPEAK_SUBMISSIONS_TABLE", "the table SubmissionsTable")?,
            files: must("OFFPEAK_FILES_TABLE", "the table FilesTable")?,
            uploads: must("OFFPEAK_UPLOADS_TABLE", "the table UploadsTable")?,
            batches: must("OFFPEAK_BATCHES_TABLE", "the table BatchesTable")?,
            receivers: must("OFFPEAK_RECEIVERS_TABLE", "the table ReceiversTable")?,
            notices: must("OFFPEAK_NOTICES_TABLE", "the table NoticesTable")?,
            classes: must("OFFPEAK_CLASSES_TABLE", "the table ClassesTable")?,
            keys: must("OFFPEAK_KEYS_TABLE", "the table KeysTable")?,
            usage: must("OFFPEAK_USAGE_TABLE", "the table UsageTable")?,
            credentials: must("OFFPEAK_CREDENTIALS_TABLE", "the table CredentialsTable")?,
        })
    }
}

impl Connection {
    /// As the environment of this process says; the endpoint is left to the SDK.
    ///
    /// # Errors
    /// [`ResourceError`] names the variable.
    pub fn from_environment() -> Result<Self, ResourceError> {
        let s3_path_style = truth(&S3_PATH_STYLE, environment::variable(S3_PATH_STYLE.0).as_deref())?;
        Ok(Self { s3_path_style, ..Self::default() })
    }
}

/// `soon=https://…,nightly=https://…`.
fn queues(text: &str) -> Result<BTreeMap<String, String>, ResourceError> {
    let odd = || QUEUES.odd("CLASS=URL pairs joined by commas, each class once");
    let mut queues = BTreeMap::new();
    for pair in text.split(',') {
        let (class, url) = pair.trim().split_once('=').ok_or_else(odd)?;
        let odd_one = class.is_empty() || !url.starts_with("http") || queues.contains_key(class);
        if odd_one {
            return Err(odd());
        }
        queues.insert(class.to_owned(), url.to_owned());
    }
    Ok(queues)
}

fn path(text: String) -> Result<String, ResourceError> {
    let is_path = text.starts_with('/') && text.ends_with('/') && text.len() > 1;
    if is_path { Ok(text) } else { Err(PARAMETERS.odd("a path such as /offpeak/STACK/")) }
}

fn truth(variable: &Variable, text: Option<&str>) -> Result<bool, ResourceError> {
    match text {
        None | Some("" | "false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(variable.odd("true or false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: [(&str, &str); 16] = [
        ("OFFPEAK_JOBS_TABLE", "jobs-1"),
        ("OFFPEAK_SUBMISSIONS_TABLE", "submissions-1"),
        ("OFFPEAK_FILES_TABLE", "files-1"),
        ("OFFPEAK_UPLOADS_TABLE", "uploads-1"),
        ("OFFPEAK_BATCHES_TABLE", "batches-1"),
        ("OFFPEAK_RECEIVERS_TABLE", "receivers-1"),
        ("OFFPEAK_NOTICES_TABLE", "notices-1"),
        ("OFFPEAK_CLASSES_TABLE", "classes-1"),
        ("OFFPEAK_KEYS_TABLE", "keys-1"),
        ("OFFPEAK_USAGE_TABLE", "usage-1"),
        ("OFFPEAK_CREDENTIALS_TABLE", "credentials-1"),
        ("OFFPEAK_BUCKET", "bucket-1"),
        ("OFFPEAK_QUEUES", "soon=https://sqs/1/a=b,nightly=https://sqs/1/n"),
        ("OFFPEAK_PARAMETERS", "/offpeak/mine/"),
        ("OFFPEAK_SEALING_KEY", ""),
        ("OFFPEAK_JOB_INDEX", "true"),
    ];

    fn with(name: &str, value: &str) -> Result<Resources, ResourceError> {
        let mut set: BTreeMap<&str, &str> = SET.into();
        set.insert(name, value);
        Resources::read(|name| set.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn the_environment_names_everything() {
        let read = with("", "").unwrap();
        let Tables {
            jobs,
            submissions,
            files,
            uploads,
            batches,
            receivers,
            notices,
            classes,
            keys,
            usage,
            credentials,
        } = read.tables;
        let named = [jobs, submissions, files, uploads, batches, receivers, notices, classes, keys, usage, credentials];
        assert_eq!(named.each_ref().map(String::as_str), SET.map(|(_, value)| value)[..11]);
        assert_eq!((read.bucket.as_str(), read.parameters.as_str()), ("bucket-1", "/offpeak/mine/"));
        assert_eq!((read.sealing_key, read.job_index), (None, true));
        assert_eq!(read.queues["soon"], "https://sqs/1/a=b");
        assert_eq!(read.queues.len(), 2);
        assert_eq!(with("OFFPEAK_SEALING_KEY", "arn:k").unwrap().sealing_key.as_deref(), Some("arn:k"));
        assert!(!with("OFFPEAK_JOB_INDEX", "").unwrap().job_index);
    }

    #[test]
    fn a_stack_may_have_no_chunks() {
        assert_eq!(with("", "").unwrap().chunks, None);
        assert_eq!(with("OFFPEAK_CHUNKS_TABLE", "").unwrap().chunks, None);
        assert_eq!(with("OFFPEAK_CHUNKS_TABLE", "chunks-1").unwrap().chunks.as_deref(), Some("chunks-1"));
        let backends = |name: &str| with(name, "true").map(|read| (read.fleet, read.live)).unwrap();
        assert_eq!(["", "OFFPEAK_FLEET", "OFFPEAK_LIVE"].map(backends), [(false, false), (true, false), (false, true)]);
    }

    #[test]
    fn what_is_missing_is_named_with_its_origin() {
        for (name, _) in SET.into_iter().filter(|(name, _)| !name.ends_with("KEY") && !name.ends_with("INDEX")) {
            let error = with(name, "").unwrap_err();
            assert!(matches!(error, ResourceError::Missing { variable, .. } if variable == name), "{error}");
            assert!(error.to_string().contains(name), "{error}");
        }
        assert!(with("OFFPEAK_BUCKET", "").unwrap_err().to_string().contains("the bucket Bucket"));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (name, value) in [
            ("OFFPEAK_QUEUES", "soon"),
            ("OFFPEAK_QUEUES", "soon=https://a,soon=https://b"),
            ("OFFPEAK_QUEUES", "soon=https://a,"),
            ("OFFPEAK_QUEUES", "soon=arn:aws:sqs"),
            ("OFFPEAK_PARAMETERS", "offpeak"),
            ("OFFPEAK_PARAMETERS", "/"),
            ("OFFPEAK_JOB_INDEX", "yes"),
            ("OFFPEAK_LIVE", "yes"),
            ("OFFPEAK_FLEET", "workers"),
        ] {
            let error = with(name, value).unwrap_err();
            assert!(matches!(error, ResourceError::Odd { variable, .. } if variable == name), "{value}: {error}");
            assert!(error.to_string().starts_with(name), "{error}");
        }
    }
}
