//! The same text as a stack's parameter: other defaults, other ranges, other names in what is refused.

use super::*;

const PATH: &str = "/offpeak/stage/";
const TEMPLATE: &[&str] = &[SOON, NIGHTLY];

fn keys() -> BTreeMap<String, SecretString> {
    BTreeMap::from([("OPENAI_API_KEY".to_owned(), SecretString::from("sk-secret"))])
}

fn with(text: &str, flags: &Flags, classes: &[&str]) -> Result<Config, Vec<String>> {
    Config::of_deployment(Some(text), flags, &keys(), classes, PATH).map_err(|refused| refused.lines)
}

pub(super) fn parameter(text: &str) -> Result<Config, Vec<String>> {
    with(text, &Flags::default(), TEMPLATE)
}

/// The flags of a function with these variables.
pub(super) fn variables(pairs: &[(&str, &str)]) -> Flags {
    let found = |name: &str| pairs.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
    Flags::from_variables(found)
}

/// A text beside these flags.
pub(super) fn with_flags(text: &str, flags: &Flags) -> Result<Config, Vec<String>> {
    with(text, flags, TEMPLATE)
}

fn refused_by(pairs: &[(&str, &str)]) -> Vec<String> {
    with("", &variables(pairs), TEMPLATE).err().unwrap_or_default()
}

/// A text, and the one refusal that it must get.
const REFUSED: &[(&str, &str)] = &[
    (
        "[server]\nlisten = '127.0.0.1:1'",
        "/offpeak/stage/config:2: listen: only on a machine; a deployment has its own address, stores and parameters",
    ),
    (
        "[server]\n\ndata_dir = 'd'",
        "/offpeak/stage/config:3: data_dir: only on a machine; a deployment has its own address, stores and parameters",
    ),
    (
        "[server]\nmax_body_bytes = 4_194_305",
        "/offpeak/stage/config:2: max_body_bytes: 4194305 is out of range; allowed: 1 to 4194304",
    ),
    (
        "[auth]\nmode = 'open'",
        "/offpeak/stage/config:2: mode: \"open\" on AWS would let everybody who finds the URL spend your key; allowed there: \"keys\", \"passthrough\"",
    ),
    ("[waiting]\nhold = '26s'", "/offpeak/stage/config:2: hold: \"26s\" is out of range; allowed: 0s to 25s"),
    (
        "[waiting]\nhold = '1ms'",
        "/offpeak/stage/config:2: hold: \"1ms\" is out of range; allowed: 0s, or from 50ms to 25s",
    ),
    (
        "[[class]]\nname = 'weekly'",
        "/offpeak/stage/config:2: name: the class \"weekly\" is not deployed; deployed: soon, nightly",
    ),
    (
        "[[route]]\nmodel = 'a'\nclass = 'weekly'",
        "/offpeak/stage/config:3: class: there is no class \"weekly\"; allowed: nightly, soon",
    ),
    (
        "[[provider]]\nname = 'b'\nkey_env = 'B_KEY'",
        "parameter keys/B_KEY under the path given by OFFPEAK_PARAMETERS is missing: create the SecureString /offpeak/stage/keys/B_KEY with the key towards provider \"b\" (only mode \"passthrough\" needs none)",
    ),
];

#[test]
fn what_a_deployment_cannot_do_is_refused_with_its_line_or_parameter() {
    for (text, expected) in REFUSED {
        assert_eq!(parameter(text).err().unwrap_or_default(), [*expected], "{text}");
    }
}

#[test]
fn the_defaults_are_those_of_functions() {
    let config = Config::of_deployment(None, &Flags::default(), &keys(), TEMPLATE, PATH).unwrap();
    assert_eq!((config.place, config.front_door, config.auth.mode), (Place::Lambda, FrontDoor::HttpApi, Mode::Keys));
    assert_eq!((config.waiting.hold, config.waiting.retry_after), (Duration::ZERO, Duration::from_mins(1)));
    assert_eq!((config.server.max_body_bytes, config.providers[0].poll_interval.as_secs()), (4_194_304, 60));
    assert!(config.providers[0].key.is_some() && config.own_credentials().len() == 1);
    assert_eq!(config.classes[SOON], Rule::Window { window_ms: 60_000, max_jobs: None });
    let one = jiff::civil::Time::constant(1, 0, 0, 0);
    assert_eq!(config.classes[NIGHTLY], Rule::At { time: one, zone: jiff::tz::TimeZone::UTC });
    let given = parameter("[waiting]\nhold = '25s'\n[server]\nmax_body_bytes = 4_194_304").unwrap();
    assert_eq!((given.waiting.hold.as_secs(), given.server.max_body_bytes), (25, 4_194_304));
}

#[test]
fn the_classes_are_those_that_have_a_queue() {
    let of = |text: &str, classes: &[&str]| with(text, &Flags::default(), classes);
    let names = |config: Config| config.classes.into_keys().collect::<Vec<_>>();
    assert_eq!(names(of("", &[SOON]).unwrap()), [SOON]);
    assert_eq!(names(of("[[class]]\nname = 'soon'\nwindow = '5m'", TEMPLATE).unwrap()), [NIGHTLY, SOON]);
    assert_eq!(names(of("[[class]]\nname = 'weekly'\nat = '02:00'", &[SOON, "weekly"]).unwrap()), [SOON, "weekly"]);
    let lines = of("", &[SOON, "weekly"]).unwrap_err();
    assert_eq!(lines, ["the class \"weekly\" is deployed, but no [[class]] says when it departs"]);
    let lines = of("", &[NIGHTLY]).unwrap_err();
    assert_eq!(lines, ["the class \"soon\" is not deployed: OFFPEAK_QUEUES has no queue of it"]);
    let changed = of("[[class]]\nname = 'nightly'\nat = '03:30'", TEMPLATE).unwrap();
    assert!(matches!(&changed.classes[NIGHTLY], Rule::At { time, .. } if time.hour() == 3 && time.minute() == 30));
}

#[test]
fn what_a_parameter_may_not_be_is_refused_by_its_name() {
    for (name, value, expected) in [
        ("OFFPEAK_HOLD", "26s", "parameter Hold (OFFPEAK_HOLD): \"26s\" is out of range; allowed: 0s to 25s"),
        ("OFFPEAK_AUTH", "open", "parameter Auth (OFFPEAK_AUTH): \"open\" on AWS would let everybody"),
        ("OFFPEAK_AUTH", "none", "parameter Auth (OFFPEAK_AUTH): \"none\" is unknown"),
        ("OFFPEAK_WINDOW", "x", "parameter Window (OFFPEAK_WINDOW): \"x\" is not a duration"),
        ("OFFPEAK_POLL_INTERVAL", "2h", "parameter PollInterval (OFFPEAK_POLL_INTERVAL): \"2h\" is out of range"),
        ("OFFPEAK_UPSTREAM", "ftp://x", "parameter Upstream (OFFPEAK_UPSTREAM): \"ftp://x\" is not an http"),
        (
            "OFFPEAK_FRONT_DOOR",
            "alb",
            "OFFPEAK_FRONT_DOOR: \"alb\" is unknown; allowed: \"http-api\", \"function-url\"",
        ),
        ("OFFPEAK_RESULT_DAYS", "0", "parameter ResultDays (OFFPEAK_RESULT_DAYS): \"0\" is not a number of days"),
        ("OFFPEAK_RESULT_DAYS", "1w", "parameter ResultDays (OFFPEAK_RESULT_DAYS): \"1w\" is not a number of days"),
        ("OFFPEAK_OBJECT_DAYS", "many", "parameter ObjectDays (OFFPEAK_OBJECT_DAYS): \"many\" is not a number of days"),
        ("OFFPEAK_LISTEN", "127.0.0.1:1", "OFFPEAK_LISTEN: only on a machine"),
        ("OFFPEAK_DATA_DIR", "d", "OFFPEAK_DATA_DIR: only on a machine"),
        ("OFFPEAK_CONFIG", "offpeak.toml", "OFFPEAK_CONFIG: only on a machine"),
    ] {
        let lines = refused_by(&[(name, value)]);
        assert!(lines.len() == 1 && lines[0].starts_with(expected), "{name}={value}: {lines:?}");
    }
}

#[test]
fn variables_overrule_the_parameter_unless_they_are_empty() {
    let set = variables(&[
        ("OFFPEAK_UPSTREAM", "http://127.0.0.1:1/v1/"),
        ("OFFPEAK_AUTH", "passthrough"),
        ("OFFPEAK_WINDOW", "2m"),
        ("OFFPEAK_POLL_INTERVAL", "5m"),
        ("OFFPEAK_HOLD", "10s"),
        ("OFFPEAK_FRONT_DOOR", "function-url"),
        ("OFFPEAK_RESULT_DAYS", "7"),
    ]);
    let text = "[waiting]\nhold = '20s'\n[auth]\nmode = 'keys'\n[retention]\nresults = '2days'";
    let config = with(text, &set, TEMPLATE).unwrap();
    let provider = &config.providers[0];
    assert_eq!((provider.base_url.as_str(), provider.poll_interval.as_secs()), ("http://127.0.0.1:1/v1", 300));
    assert_eq!((config.auth.mode, config.front_door), (Mode::Passthrough, FrontDoor::FunctionUrl));
    assert_eq!(config.classes[SOON], Rule::Window { window_ms: 120_000, max_jobs: None });
    assert_eq!((config.waiting.hold.as_secs(), config.retention_ms()), (10, 7 * 86_400_000));
    let names = ["UPSTREAM", "AUTH", "WINDOW", "POLL_INTERVAL", "HOLD", "FRONT_DOOR", "RESULT_DAYS", "OBJECT_DAYS"];
    let names = names.map(|name| format!("OFFPEAK_{name}"));
    let config = with(text, &variables(&names.each_ref().map(|name| (name.as_str(), ""))), TEMPLATE).unwrap();
    assert_eq!((config.waiting.hold.as_secs(), config.retention_ms()), (20, 2 * 86_400_000));
    assert_eq!((config.auth.mode, config.front_door), (Mode::Keys, FrontDoor::HttpApi));
}

#[test]
fn a_missing_or_odd_key_is_refused_but_in_passthrough() {
    let of = |auth: &str, keys: &BTreeMap<String, SecretString>, path: &str| {
        Config::of_deployment(None, &variables(&[("OFFPEAK_AUTH", auth)]), keys, TEMPLATE, path)
            .map_err(|refused| refused.to_string())
    };
    let line = of("keys", &BTreeMap::new(), "/offpeak/stage").unwrap_err();
    let missing = "parameter keys/OPENAI_API_KEY under the path given by OFFPEAK_PARAMETERS is missing: create the \
                   SecureString /offpeak/stage/keys/OPENAI_API_KEY with";
    assert!(line.starts_with(missing), "{line}");
    assert!(of("passthrough", &BTreeMap::new(), PATH).unwrap().providers[0].key.is_none());
    let odd = BTreeMap::from([("OPENAI_API_KEY".to_owned(), SecretString::from("sk secret"))]);
    for auth in ["keys", "passthrough"] {
        let line = of(auth, &odd, PATH).unwrap_err();
        assert!(line.starts_with("parameter /offpeak/stage/keys/OPENAI_API_KEY is not a key"), "{line}");
        assert!(!line.contains("sk secret"), "{line}");
    }
}

#[test]
fn objects_outlive_results_by_the_longest_job() {
    let config = parameter("[retention]\nresults = '25h'").unwrap();
    assert!(config.object_days_suffice(16).is_ok());
    let refused = config.object_days_suffice(15).unwrap_err().to_string();
    assert!(refused.starts_with("parameter ObjectDays (OFFPEAK_OBJECT_DAYS): 15 days are too few"), "{refused}");
    assert!(refused.contains("at least 16") && refused.contains("ResultDays or retention.results"), "{refused}");
    let days = |objects, results| refused_by(&[("OFFPEAK_OBJECT_DAYS", objects), ("OFFPEAK_RESULT_DAYS", results)]);
    assert_eq!(days("44", ""), Vec::<String>::new());
    assert_eq!(days("43", "").len(), 1);
    assert_eq!(days("74", "60"), Vec::<String>::new());
    assert_eq!(days("73", "60").len(), 1);
}

#[test]
fn timing_is_that_of_schedules() {
    let config = parameter("[[class]]\nname = 'soon'\nwindow = '50ms'\n[limits]\nmax_attempts = 7").unwrap();
    let settings = config.settings();
    for timing in [&settings.timing, settings.timing_of("openai")] {
        assert_eq!((timing.tick_ms, timing.visibility_ms, timing.receive_wait_ms), (60_000, 900_000, 1_000));
        assert_eq!((timing.lease_ms, timing.poll_interval_ms, timing.max_attempts), (120_000, 60_000, 7));
        assert_eq!((timing.create_timeout_ms, timing.create_grace_ms), (60_000, 300_000));
        assert_eq!(timing.poll_tick_ms, 60_000, "no tick knows of another");
    }
    assert_eq!(settings.classes.len(), 2);
}

#[test]
fn answers_end_where_the_front_door_would_cut_them() {
    let of = |door: &str| with("", &variables(&[("OFFPEAK_FRONT_DOOR", door)]), TEMPLATE).unwrap().rules();
    let api = of("http-api");
    assert_eq!((api.hold_ms, api.retry_after_s, api.look_ms), (0, 60, 2_000));
    assert_eq!((api.stream_hold_ms, api.response_bytes, api.relay_ms), (Some(0), Some(3_000_000), Some(28_000)));
    let url = of("function-url");
    assert_eq!((url.stream_hold_ms, url.response_bytes, url.relay_ms), (Some(25_000), None, Some(28_000)));
    let local = file("").unwrap().rules();
    assert_eq!((local.hold_ms, local.retry_after_s, local.look_ms), (280_000, 30, 30_000));
    assert_eq!((local.stream_hold_ms, local.response_bytes, local.relay_ms), (None, None, None));
}

#[test]
fn the_effective_settings_are_a_valid_parameter() {
    for text in ["", "[[class]]\nname = 'nightly'\nwindow = '1h'\n[waiting]\nhold = '5s'\n[auth]\nmode = 'passthrough'"]
    {
        let config = parameter(text).unwrap();
        assert_eq!(settings(&parameter(&config.to_string()).unwrap()), settings(&config), "{text}");
    }
}

#[test]
fn nothing_printed_of_a_deployment_holds_a_key() {
    let config = parameter("").unwrap();
    assert!(!format!("{config} {config:?} {config:#?}").contains("sk-secret"));
}
