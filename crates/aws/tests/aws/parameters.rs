//! The parameters of a stack.

use aws_sdk_ssm::types::ParameterType;
use offpeak_aws::Parameters;
use secrecy::ExposeSecret as _;

use super::script::Script;
use super::world::World;

#[tokio::test]
async fn every_page_is_read() {
    let world = World::fresh().await;
    let path = &world.resources.parameters;
    let put = async |name: &str, value: &str, kind| {
        let call = world.clients.ssm.put_parameter().name(format!("{path}{name}")).value(value).r#type(kind);
        call.send().await.unwrap();
    };
    put("config", "[server]", ParameterType::String).await;
    for n in 0..23 {
        put(&format!("keys/KEY_{n}"), &format!("sk-{n}"), ParameterType::SecureString).await;
    }
    let read = Parameters::load(&world.clients, path).await.unwrap();
    assert_eq!(read.config.as_deref(), Some("[server]"));
    assert_eq!(read.keys.len(), 23);
    assert!((0..23).all(|n| read.keys[&format!("KEY_{n}")].expose_secret() == format!("sk-{n}")));
}

#[tokio::test]
async fn no_parameters_are_no_error() {
    let world = World::shared().await;
    let read = Parameters::load(&world.clients, "/offpeak/nobody/").await.unwrap();
    assert!(read.config.is_none() && read.keys.is_empty());
}

#[tokio::test]
async fn an_error_names_the_path() {
    let refusal = r#"{"__type":"AccessDeniedException","message":"this role may not ssm:GetParametersByPath"}"#;
    let script = Script::default().then(400, refusal);
    let mut clients = World::shared().await.clients;
    let config = clients.ssm.config().to_builder().http_client(script.client());
    clients.ssm = aws_sdk_ssm::Client::from_conf(config.build());
    let error = Parameters::load(&clients, "/offpeak/mine/").await.unwrap_err().to_string();
    assert!(error.contains("/offpeak/mine/") && error.contains("may not ssm:GetParametersByPath"), "{error}");
}
