//! The signatures, against vectors that OpenAI's Python SDK (3.52.0) verifies.

use offpeak_webhook::signing::signatures;
use secrecy::SecretString;

use crate::{BODY, ID, NOW_S, SECRET};

const OF_SECRET: &str = "v1,ZaekKZ26rFZzP9qe+yToa8fxilXjk2bbfgUHe3Jv+HQ=";
const PLAIN: &str = "plain secret é";
const OF_PLAIN: &str = "v1,PflpZmy1H6TwgAv8KlVMN6drzfJ7nHiHYmRsTV0F6jI=";

fn signed(secrets: &[&str]) -> Option<String> {
    let secrets: Vec<SecretString> = secrets.iter().map(|secret| SecretString::from(*secret)).collect();
    signatures(&secrets, ID, NOW_S, BODY.as_bytes())
}

#[test]
fn the_sdks_vectors_are_met() {
    assert_eq!(signed(&[SECRET]).unwrap(), OF_SECRET);
    assert_eq!(signed(&[PLAIN]).unwrap(), OF_PLAIN);
}

#[test]
fn each_secret_signs_in_its_order() {
    assert_eq!(signed(&[PLAIN, SECRET]).unwrap(), format!("{OF_PLAIN} {OF_SECRET}"));
}

#[test]
fn the_signature_is_of_id_time_and_body() {
    let secrets = [SecretString::from(SECRET)];
    for (id, now_s, body) in [("msg_2", NOW_S, BODY), (ID, NOW_S + 1, BODY), (ID, NOW_S, "{}")] {
        assert_ne!(signatures(&secrets, id, now_s, body.as_bytes()).unwrap(), OF_SECRET);
    }
}

#[test]
fn without_a_key_nothing_is_signed() {
    for secrets in [&[] as &[&str], &[""], &["whsec_"], &["whsec_%"], &[SECRET, "whsec_%"]] {
        assert_eq!(signed(secrets), None, "{secrets:?}");
    }
}
