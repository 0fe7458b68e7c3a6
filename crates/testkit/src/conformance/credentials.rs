//! The promises of [`Credentials`].

use futures_util::future::join_all;
use offpeak_core::ids::CredentialId;
use offpeak_core::ports::{Credentials, StoreError};
use secrecy::{ExposeSecret, SecretString};

use crate::samples::Namespace;

/// Makes each promise of the keys towards providers a test. The factory gives `(Arc<dyn Credentials>, guard)`.
#[macro_export]
macro_rules! credentials_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            credentials(port),
            $factory,
            [
                a_secret_opens_as_it_was_sealed,
                equal_secrets_have_one_name,
                different_secrets_have_different_names,
                a_name_tells_nothing_of_its_secret,
                secrets_of_many_shapes_survive,
                an_unknown_name_is_not_found,
                sixty_four_seals_at_once_agree,
            ]
        );
    };
}

async fn seal(credentials: &dyn Credentials, secret: &str) -> CredentialId {
    credentials.seal(&SecretString::from(secret)).await.unwrap()
}

async fn opens_to(credentials: &dyn Credentials, id: &CredentialId, secret: &str) -> bool {
    credentials.open(id).await.unwrap().expose_secret() == secret
}

/// A caller's key can be used towards the provider.
pub async fn a_secret_opens_as_it_was_sealed(credentials: &dyn Credentials) {
    let secret = Namespace::fresh().name("sk-proj");
    let id = seal(credentials, &secret).await;
    assert!(opens_to(credentials, &id, &secret).await);
    assert!(opens_to(credentials, &id, &secret).await, "as often as wanted");
}

/// The same key always gets the same name, so that its jobs share a lane.
pub async fn equal_secrets_have_one_name(credentials: &dyn Credentials) {
    let names = Namespace::fresh();
    let (secret, other) = (names.name("sk-a"), names.name("sk-b"));
    let id = seal(credentials, &secret).await;
    seal(credentials, &other).await;
    assert_eq!(seal(credentials, &secret).await, id);
    assert!(opens_to(credentials, &id, &secret).await);
}

/// Two keys never share a name, however alike.
pub async fn different_secrets_have_different_names(credentials: &dyn Credentials) {
    let secret = Namespace::fresh().name("sk");
    let alike = [secret.clone(), format!("{secret} "), secret.to_uppercase(), secret.replace('-', "_")];
    let mut ids = Vec::new();
    for one in &alike {
        ids.push(seal(credentials, one).await);
    }
    for (n, id) in ids.iter().enumerate() {
        assert!(!ids[..n].contains(id), "a name of its own");
        assert!(opens_to(credentials, id, &alike[n]).await);
    }
}

/// A name may be logged: no part of the key that is worth hiding is in it.
pub async fn a_name_tells_nothing_of_its_secret(credentials: &dyn Credentials) {
    let secret = format!("sk-{:032x}", u128::from_be_bytes(Namespace::fresh().job_id().0));
    let id = seal(credentials, &secret).await;
    let parts = secret.as_bytes().windows(12).filter_map(|part| std::str::from_utf8(part).ok());
    assert!(parts.into_iter().all(|part| !id.as_str().contains(part)), "no twelve characters of it");
}

/// Whatever a caller sends as its key comes back to the byte.
pub async fn secrets_of_many_shapes_survive(credentials: &dyn Credentials) {
    let names = Namespace::fresh();
    for shape in ["", "é\u{1f642}", " spaced out ", "line\nbreak\0nul", &"long".repeat(1_024)] {
        let secret = format!("{shape}{}{shape}", names.name("sk"));
        let id = seal(credentials, &secret).await;
        assert!(opens_to(credentials, &id, &secret).await, "{} bytes", secret.len());
    }
}

/// A name that nobody was given opens nothing.
pub async fn an_unknown_name_is_not_found(credentials: &dyn Credentials) {
    let names = Namespace::fresh();
    seal(credentials, &names.name("sk")).await;
    let id = CredentialId(names.name("nobody"));
    let reply = credentials.open(&id).await.map(|_| "a secret");
    assert!(matches!(reply, Err(StoreError::NotFound)), "{reply:?}");
}

/// Concurrent seals of one key give one name that opens.
pub async fn sixty_four_seals_at_once_agree(credentials: &dyn Credentials) {
    let secret = Namespace::fresh().name("sk");
    let ids = join_all((0..64).map(|_| seal(credentials, &secret))).await;
    assert!(ids.iter().all(|id| *id == ids[0]), "one name");
    assert!(opens_to(credentials, &ids[0], &secret).await);
}
