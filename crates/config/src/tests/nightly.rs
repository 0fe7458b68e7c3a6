//! The inbox and schedules, on a machine and on AWS.

use offpeak_core::endpoint::Endpoint;
use offpeak_core::nightly::ScheduledInput;

use super::deployed::{parameter, variables, with_flags};
use super::*;

const ONE: &str = "[[schedule]]\nname = 'report'\nat = '01:30'\ninput = 'report.jsonl'\n";

/// A file for a mode, and the one refusal that it must get.
const REFUSED: &[(&str, &str, &str)] = &[
    ("open", "[[schedule]]\nat = '01:00'\ninput = 'a'", "offpeak.toml:1: [[schedule]] needs `name`"),
    ("open", "[[schedule]]\nname = 'a'\ninput = 'a'", "offpeak.toml:1: [[schedule]] needs `at`"),
    ("open", "[[schedule]]\nname = 'a'\nat = '01:00'", "offpeak.toml:1: [[schedule]] needs `input`"),
    ("keys", "[[schedule]]\nname = 'a'\nat = '01:00'\ninput = 'a'", "offpeak.toml:1: [[schedule]] needs `tenant`"),
    (
        "open",
        "[[schedule]]\nname = '..'\nat = '01:00'\ninput = 'a'",
        "offpeak.toml:2: name: \"..\" begins with a dot; results lie in a folder of this name",
    ),
    (
        "open",
        "[[schedule]]\nname = 'a'\nat = '1:00'\ninput = 'a'",
        "offpeak.toml:3: at: \"1:00\" is not an hour of the day; write one such as \"01:00\"",
    ),
    (
        "open",
        "[[schedule]]\nname = 'a'\nat = '01:00'\ninput = 'a'\ntime_zone = 'Mars'",
        "offpeak.toml:5: time_zone: \"Mars\" is not a time zone; write an IANA name such as \"Europe/Berlin\"",
    ),
    (
        "open",
        "[[schedule]]\nname = 'a'\nat = '01:00'\ninput = 'a/../b'",
        "offpeak.toml:4: input: \"a/../b\" is neither a file's id nor a path; write one such as \"questions.jsonl\", below schedules/",
    ),
    (
        "open",
        "[[schedule]]\nname = 'a'\nat = '01:00'\ninput = 'a'\ntenant = 'a/b'",
        "offpeak.toml:5: tenant: \"a/b\" is no tenant with a folder; allowed: up to 200 bytes, no '/', and no dot at the beginning",
    ),
    (
        "open",
        "[[schedule]]\nname = 'a'\nat = '01:00'\ninput = 'a'\nendpoint = '/v1/images'",
        "offpeak.toml:5: endpoint: \"/v1/images\" is unknown; allowed: \"/v1/chat/completions\", \"/v1/completions\", \"/v1/embeddings\", \"/v1/responses\", \"/v1/moderations\", \"/v1/images/generations\", \"/v1/images/edits\"",
    ),
    (
        "open",
        "[[schedule]]\nname = 'a'\nat = '01:00'\ninput = 'a'\n[[schedule]]\nname = 'a'\nat = '02:00'\ninput = 'b'",
        "offpeak.toml:6: name: \"a\" names a schedule above; names are unique",
    ),
    (
        "passthrough",
        "[[schedule]]\nname = 'a'\nat = '01:00'\ninput = 'a'\ntenant = 'a'",
        "offpeak.toml:1: [[schedule]]: not in mode \"passthrough\": without a caller there is no key towards the provider",
    ),
    (
        "passthrough",
        "[inbox]\nenabled = true",
        "offpeak.toml:2: enabled: not in mode \"passthrough\": without a caller there is no key towards the provider",
    ),
    ("open", "[inbox]\ndir = ''", "offpeak.toml:2: dir: empty; write a path"),
    ("open", "[inbox]\nx = 1", "offpeak.toml:2: unknown key `x` in [inbox]; allowed: enabled, dir, outbox_dir"),
];

fn in_mode(mode: &str) -> Flags {
    Flags { auth: Some(mode.to_owned()), ..Flags::default() }
}

#[test]
fn what_is_odd_of_it_is_refused_with_its_line() {
    for (mode, text, expected) in REFUSED {
        assert_eq!(over(text, &in_mode(mode)).err().unwrap_or_default(), [*expected], "{text}");
    }
}

#[test]
fn a_schedule_says_when_what_and_whose() {
    let text = format!("{ONE}time_zone = 'Europe/Berlin'\nendpoint = '/v1/embeddings'\ntenant = 'team'");
    for mode in ["open", "keys"] {
        let one = over(&text, &in_mode(mode)).unwrap().nightly.schedules.remove(0);
        assert_eq!(
            (one.name.as_str(), one.tenant.as_str(), one.time.hour(), one.time.minute()),
            ("report", "team", 1, 30)
        );
        assert_eq!((one.zone.iana_name(), one.endpoint), (Some("Europe/Berlin"), Some(Endpoint::Embeddings)));
        assert_eq!(one.input, ScheduledInput::Path("report.jsonl".to_owned()));
    }
    let one = file(ONE).unwrap().nightly.schedules.remove(0);
    assert_eq!((one.tenant.as_str(), one.zone.iana_name(), one.endpoint), ("default", Some("UTC"), None));
    let by_id = ONE.replace("report.jsonl", "file_00000000000000000000000000000001");
    let one = file(&by_id).unwrap().nightly.schedules.remove(0);
    assert!(matches!(one.input, ScheduledInput::File(_)));
}

#[test]
fn the_inbox_is_on_where_the_gateway_has_a_key() {
    for (mode, text, inbox, default) in [
        ("open", "", true, Some("default")),
        ("open", "[inbox]\nenabled = false", false, Some("default")),
        ("keys", "", true, None),
        ("passthrough", "", false, None),
    ] {
        let config = over(text, &in_mode(mode)).unwrap();
        let settings = config.settings().nightly;
        let tenant = settings.default_tenant.as_ref().map(offpeak_core::ids::TenantId::as_str);
        assert_eq!((settings.inbox, tenant), (inbox, default), "{mode} {text}");
        assert_eq!(config.nightly.is_on(), inbox, "{mode}");
    }
    assert!(file(&format!("[inbox]\nenabled = false\n{ONE}")).unwrap().nightly.is_on());
}

#[test]
fn on_aws_the_parameter_switches_it_on() {
    let owned = format!("{ONE}tenant = 'team'");
    let of = |value: &str, text: &str| with_flags(text, &variables(&[("OFFPEAK_INBOX", value)]));
    assert!(!parameter("").unwrap().nightly.is_on() && !of("false", "").unwrap().nightly.is_on());
    assert!(of("true", "").unwrap().nightly.inbox);
    assert_eq!(of("true", &owned).unwrap().nightly.schedules.len(), 1);
    for (value, text, expected) in [
        ("false", &*owned, "/offpeak/stage/config:1: [[schedule]]: needs the stack's parameter Inbox=true"),
        ("yes", "", "parameter Inbox (OFFPEAK_INBOX): \"yes\" is unknown; allowed: \"true\", \"false\""),
        (
            "true",
            "[auth]\nmode = 'passthrough'",
            "parameter Inbox (OFFPEAK_INBOX): not in mode \"passthrough\": without a caller there is no key towards the provider",
        ),
        (
            "true",
            "[inbox]\ndir = 'a'",
            "/offpeak/stage/config:2: dir: only on a machine; a deployment has its own address, stores and parameters",
        ),
        (
            "true",
            "[[schedule]]\nname = 'a'\nat = '01:00'\ntenant = 'a'\ninput = '/a'",
            "/offpeak/stage/config:5: input: \"/a\" begins at a root; allowed: a path below schedules/",
        ),
    ] {
        assert_eq!(of(value, text).err().unwrap_or_default(), [expected], "{value} {text}");
    }
}
