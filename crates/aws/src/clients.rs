//! The clients of the services, and how they connect.

use std::time::Duration;

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::profile::profile_file;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_sqs::config::ProvideCredentials;
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use aws_smithy_types::checksum_config::{RequestChecksumCalculation, ResponseChecksumValidation};

use crate::calls::Calls;

/// Connections kept open to a host while nobody uses them: as many as a drain has calls under way.
const IDLE_CONNECTIONS: usize = 512;
/// How long such a connection is kept: below the minute after which some of the services close theirs.
const IDLE: Duration = Duration::from_secs(20);
/// For a connection to be made.
const CONNECT: Duration = Duration::from_secs(3);
/// For one attempt at a call, its answer's head included.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(10);
/// The same for S3, whose calls carry up to 8 MiB; streams that stall are ended by the SDK itself.
const TRANSFER: Duration = Duration::from_mins(1);

/// Clients of the services, one HTTPS client under all. Built once.
#[derive(Debug, Clone)]
pub struct Clients {
    /// Rows.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Messages.
    pub sqs: aws_sdk_sqs::Client,
    /// Objects.
    pub s3: aws_sdk_s3::Client,
    /// Parameters.
    pub ssm: aws_sdk_ssm::Client,
    /// The key that seals.
    pub kms: aws_sdk_kms::Client,
    /// The event bus.
    pub eventbridge: aws_sdk_eventbridge::Client,
}

/// How the clients connect.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// Where every service is; `None` leaves it to the SDK, which reads `AWS_ENDPOINT_URL`.
    pub endpoint: Option<String>,
    /// Whether a bucket's name stands in the path instead of the host's name.
    pub s3_path_style: bool,
    /// What else sees every call, before it is logged.
    pub interceptors: Vec<SharedInterceptor>,
}

impl Clients {
    /// Makes the clients, without a call: region and credentials are those of the environment, and no file is read but
    /// the system's certificates.
    pub async fn connect(connection: &Connection) -> Self {
        Self::of(&shared(connection).await, connection)
    }

    /// The same with another identity than the environment's.
    pub async fn connect_as(
        connection: &Connection,
        region: &str,
        credentials: impl ProvideCredentials + 'static,
    ) -> Self {
        Self::of(&shared_as(connection, Region::new(region.to_owned()), credentials).await, connection)
    }

    fn of(shared: &SdkConfig, connection: &Connection) -> Self {
        let mut dynamodb = aws_sdk_dynamodb::config::Builder::from(shared);
        let mut sqs = aws_sdk_sqs::config::Builder::from(shared);
        let mut s3 = aws_sdk_s3::config::Builder::from(shared)
            .force_path_style(connection.s3_path_style)
            .timeout_config(timeouts(TRANSFER));
        let mut ssm = aws_sdk_ssm::config::Builder::from(shared);
        let mut kms = aws_sdk_kms::config::Builder::from(shared);
        let mut eventbridge = aws_sdk_eventbridge::config::Builder::from(shared);
        for interceptor in interceptors(connection) {
            dynamodb.push_interceptor(interceptor.clone());
            sqs.push_interceptor(interceptor.clone());
            s3.push_interceptor(interceptor.clone());
            ssm.push_interceptor(interceptor.clone());
            kms.push_interceptor(interceptor.clone());
            eventbridge.push_interceptor(interceptor);
        }
        Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
            sqs: aws_sdk_sqs::Client::from_conf(sqs.build()),
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            ssm: aws_sdk_ssm::Client::from_conf(ssm.build()),
            kms: aws_sdk_kms::Client::from_conf(kms.build()),
            eventbridge: aws_sdk_eventbridge::Client::from_conf(eventbridge.build()),
        }
    }
}

/// What sees every call: what the connection brings, and then the log.
pub(crate) fn interceptors(connection: &Connection) -> Vec<SharedInterceptor> {
    let mut interceptors = connection.interceptors.clone();
    interceptors.push(SharedInterceptor::new(Calls));
    interceptors
}

/// What all services have in common, by the environment's identity.
pub(crate) async fn shared(connection: &Connection) -> SdkConfig {
    let loader = loader(connection).region(EnvironmentVariableRegionProvider::new());
    loader.credentials_provider(EnvironmentVariableCredentialsProvider::new()).load().await
}

/// The same by another identity.
pub(crate) async fn shared_as(
    connection: &Connection,
    region: Region,
    credentials: impl ProvideCredentials + 'static,
) -> SdkConfig {
    loader(connection).region(region).credentials_provider(credentials).load().await
}

/// An HTTPS client.
pub(crate) fn http() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .pool_idle_timeout(IDLE)
        .tls_provider(tls::Provider::rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https()
}

fn loader(connection: &Connection) -> ConfigLoader {
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http())
        .profile_files(no_profiles())
        .timeout_config(timeouts(ATTEMPT))
        .retry_config(RetryConfig::standard())
        // TLS guards the way already; a second sum over each body costs time at both ends.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    match &connection.endpoint {
        Some(endpoint) => loader.endpoint_url(endpoint),
        None => loader,
    }
}

/// The developer's own files have no say, and are not looked for.
#[expect(deprecated, reason = "the successor lies in a package that is not named here otherwise")]
fn no_profiles() -> profile_file::ProfileFiles {
    profile_file::ProfileFiles::builder().with_contents(profile_file::ProfileFileKind::Config, "").build()
}

/// For one attempt, everything else as it is for all services: a client per set of connections.
pub(crate) fn timeouts(attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(attempt).build()
}
