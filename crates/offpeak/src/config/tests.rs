use super::*;

const EXAMPLE: &str = include_str!("../../../../offpeak.example.toml");

fn with_key(_: &str) -> Lookup {
    Lookup::Found(SecretString::from("sk-secret"))
}

fn file(text: &str) -> Result<Config, Vec<String>> {
    over(text, &Flags::default())
}

fn over(text: &str, flags: &Flags) -> Result<Config, Vec<String>> {
    Config::of(text, Path::new("offpeak.toml"), flags, &with_key).map_err(|refused| refused.lines)
}

/// Settings as text, in which two equal ones are equal.
fn settings(config: &Config) -> String {
    format!("{config}{:?}", config.providers.iter().map(|provider| provider.limits).collect::<Vec<_>>())
}

#[test]
fn the_example_is_the_default() {
    assert_eq!(settings(&file(EXAMPLE).unwrap()), settings(&Config::default()));
}

#[test]
fn what_the_example_shows_in_comments_is_valid() {
    let shown = |line: &str| line.strip_prefix("#: ").unwrap_or(line).to_owned();
    let text: Vec<String> = EXAMPLE.lines().map(shown).collect();
    let config = file(&text.join("\n")).unwrap();
    assert_eq!(config.classes.len(), 2);
    assert_eq!(config.routes.len(), 2);
    assert_eq!(config.routes[0].upstream_model.as_deref(), Some("gpt-5-mini"));
}

#[test]
fn the_effective_settings_are_a_valid_file() {
    for text in [
        "",
        "[[class]]\nname = 'nightly'\nat = '01:05'\ntime_zone = 'Europe/Berlin'",
        "[[class]]\nname = 'soon'\nwindow = '50ms'\nmax_jobs = 1_000",
        "[auth]\nmode = 'keys'\nrelay_allow = ['/v1/audio/']",
        "[[provider]]\nname = 'b'\nmax_tokens = 9",
        "[[route]]\nmodel = 'a*'\nupstream_model = \"b'\\\"c\"\ndeadline = '1h 30m'",
    ] {
        let config = file(text).unwrap();
        assert_eq!(settings(&file(&config.to_string()).unwrap()), settings(&config), "{text}");
    }
}

/// A file, and the one refusal that it must get.
const REFUSED: &[(&str, &str)] = &[
    (
        "[server]\nlisten = 'localhost:1'",
        "offpeak.toml:2: listen: \"localhost:1\" is not a socket address; write one such as 127.0.0.1:8080 or [::1]:8080",
    ),
    ("[server]\n\nlisten = 8080", "offpeak.toml:3: listen: expected a text in quotes, found integer"),
    ("[server]\ndata_dir = ''", "offpeak.toml:2: data_dir: empty; write a path"),
    (
        "[server]\nmax_body_bytes = 190_000_001",
        "offpeak.toml:2: max_body_bytes: 190000001 is out of range; allowed: 1 to 190000000",
    ),
    (
        "[server]\nmax_body_bytes = -1",
        "offpeak.toml:2: max_body_bytes: expected a whole number, not negative, found integer",
    ),
    ("[server]\nport = 1", "offpeak.toml:2: unknown key `port` in [server]; allowed: listen, data_dir, max_body_bytes"),
    ("[[server]]\nlisten = '127.0.0.1:1'", "offpeak.toml:1: `server` is written once, as a table [server]"),
    (
        "[auth]\nmode = 'none'",
        "offpeak.toml:2: mode: \"none\" is unknown; allowed: \"keys\", \"passthrough\", \"open\"",
    ),
    (
        "[auth]\nrelay_allow = [\n'/v1/audio',\n'/v1/']",
        "offpeak.toml:4: relay_allow: \"/v1/\" would show every caller what others have stored under /v1/assistants; allowed: prefixes apart from it, such as \"/v1/audio/\"",
    ),
    (
        "[auth]\nrelay_allow = ['audio']",
        "offpeak.toml:2: relay_allow: \"audio\" is not the beginning of a path; write one such as \"/v1/audio/\"",
    ),
    ("[auth]\nrelay_allow = '/v1/audio'", "offpeak.toml:2: relay_allow: expected a list of texts, found string"),
    ("[auth]\nrelay_allow = [1]", "offpeak.toml:2: relay_allow: expected a list of texts, found integer"),
    ("[waiting]\nhold = '10m'", "offpeak.toml:2: hold: \"10m\" is out of range; allowed: 0s to 9m 50s"),
    ("[waiting]\nhold = '1ms'", "offpeak.toml:2: hold: \"1ms\" is out of range; allowed: 0s, or from 50ms to 590s"),
    (
        "[waiting]\nhold = 'soon'",
        "offpeak.toml:2: hold: \"soon\" is not a duration; write one such as \"90s\" or \"1h 30m\"",
    ),
    ("[waiting]\nnot_ready_status = 500", "offpeak.toml:2: not_ready_status: 500 is unknown; allowed: 503, 422"),
    ("[waiting]\nretry_after = '61s'", "offpeak.toml:2: retry_after: \"61s\" is out of range; allowed: 1s to 1m"),
    ("[waiting]\nretry_after = '1500ms'", "offpeak.toml:2: retry_after: \"1500ms\" is not a number of whole seconds"),
    ("[waiting]\nredirect = 1", "offpeak.toml:2: redirect: expected true or false, found integer"),
    ("\n[[provider]]\nkind = 'openai'", "offpeak.toml:2: [[provider]] needs `name`"),
    (
        "[[provider]]\nname = 'a'\n[[provider]]\nname = 'a'",
        "offpeak.toml:4: name: \"a\" names a provider above; names are unique",
    ),
    (
        "[[provider]]\nname = 'a b'",
        "offpeak.toml:2: name: \"a b\" is not a name; allowed: 1 to 64 letters, digits, '.', '_' and '-'",
    ),
    ("[provider]\nname = 'a'", "offpeak.toml:1: `provider` is written as a list of tables, each [[provider]]"),
    ("provider = [1]", "offpeak.toml:1: `provider` is written as a list of tables, each [[provider]]"),
    ("[[provider]]\nname = 'a'\nkind = 'azure'", "offpeak.toml:3: kind: \"azure\" is unknown; allowed: \"openai\""),
    (
        "[[provider]]\nname = 'a'\nbase_url = 'ftp://x'",
        "offpeak.toml:3: base_url: \"ftp://x\" is not an http or https address; write one such as https://api.openai.com/v1",
    ),
    (
        "[[provider]]\nname = 'a'\nbase_url = 'http://x/v1?k=1'",
        "offpeak.toml:3: base_url: \"http://x/v1?k=1\" is not an http or https address; write one such as https://api.openai.com/v1",
    ),
    (
        "[[provider]]\nname = 'a'\nbase_url = 'http://me:secret@x/'",
        "offpeak.toml:3: base_url: no user name or password in an address; write one such as https://api.openai.com/v1",
    ),
    (
        "[[provider]]\nname = 'a'\nkey_env = 'sk-secret'",
        "offpeak.toml:3: key_env: not the name of an environment variable; allowed: capital letters, digits and '_' (the key itself belongs into that variable, never here)",
    ),
    (
        "[[provider]]\nname = 'a'\npoll_interval = '49ms'",
        "offpeak.toml:3: poll_interval: \"49ms\" is out of range; allowed: 50ms to 1h",
    ),
    (
        "[[provider]]\nname = 'a'\ncreate_timeout = '11m'",
        "offpeak.toml:3: create_timeout: \"11m\" is out of range; allowed: 50ms to 10m",
    ),
    (
        "[[provider]]\nname = 'a'\ncreate_grace = '0s'",
        "offpeak.toml:3: create_grace: \"0s\" is out of range; allowed: 50ms to 1h",
    ),
    (
        "[[provider]]\nname = 'a'\nmax_requests = 0",
        "offpeak.toml:3: max_requests: 0 is out of range; allowed: 1 to 1000000",
    ),
    ("[[class]]\nwindow = '1s'", "offpeak.toml:1: [[class]] needs `name`"),
    (
        "[[class]]\nname = 'Night'",
        "offpeak.toml:2: name: \"Night\" is not a class name; allowed: 1 to 32 small letters, digits and '-'",
    ),
    (
        "[[class]]\nname = 'a'\n[[class]]\nname = 'a'",
        "offpeak.toml:4: name: \"a\" names a class above; names are unique",
    ),
    (
        "[[class]]\nname = 'a'\nwindow = '8days'",
        "offpeak.toml:3: window: \"8days\" is out of range; allowed: 50ms to 7days",
    ),
    ("[[class]]\nname = 'a'\nmax_jobs = 0", "offpeak.toml:3: max_jobs: 0 is out of range; allowed: 1 to 1000000000"),
    (
        "[[class]]\nname = 'a'\nat = '25:00'",
        "offpeak.toml:3: at: \"25:00\" is not an hour of the day; write one such as \"01:00\"",
    ),
    ("[[class]]\nname = 'a'\nat = 01:00:00", "offpeak.toml:3: at: expected a text in quotes, found datetime"),
    (
        "[[class]]\nname = 'a'\nat = '1:00'",
        "offpeak.toml:3: at: \"1:00\" is not an hour of the day; write one such as \"01:00\"",
    ),
    (
        "[[class]]\nname = 'a'\nat = '01:00'\nwindow = '1s'",
        "offpeak.toml:4: window: not together with `at`; a class has a window or an hour",
    ),
    (
        "[[class]]\nname = 'a'\nat = '01:00'\nmax_jobs = 1",
        "offpeak.toml:4: max_jobs: not together with `at`; a class has a window or an hour",
    ),
    (
        "[[class]]\nname = 'a'\nat = '01:00'\ntime_zone = 'Mars'",
        "offpeak.toml:4: time_zone: \"Mars\" is not a time zone; write an IANA name such as \"Europe/Berlin\"",
    ),
    ("[[class]]\nname = 'a'\ntime_zone = 'UTC'", "offpeak.toml:3: time_zone: only together with `at`"),
    ("[[route]]\nclass = 'soon'", "offpeak.toml:1: [[route]] needs `model`"),
    (
        "[[route]]\nmodel = ''",
        "offpeak.toml:2: model: \"\" is not a model name; allowed: 1 to 256 bytes without spaces",
    ),
    (
        "[[route]]\nmodel = '*'\n[[route]]\nmodel = 'gpt-5'",
        "offpeak.toml:4: model: never reached: a route above takes every model",
    ),
    (
        "[[route]]\nmodel = 'a'\n[[route]]\nmodel = 'a'",
        "offpeak.toml:4: model: never reached: a route above takes \"a\"",
    ),
    (
        "[[route]]\nmodel = 'a'\nbackend = 'fleet'",
        "offpeak.toml:3: backend: this version has no \"fleet\" backend; allowed: \"provider\"",
    ),
    (
        "[[route]]\nmodel = 'a'\nbackend = 'live'",
        "offpeak.toml:3: backend: this version has no \"live\" backend; allowed: \"provider\"",
    ),
    ("[[route]]\nmodel = 'a'\nbackend = 'gpu'", "offpeak.toml:3: backend: \"gpu\" is unknown; allowed: \"provider\""),
    ("[[route]]\nmodel = 'a'\nprovider = 'b'", "offpeak.toml:3: provider: there is no provider \"b\"; allowed: openai"),
    ("[[route]]\nmodel = 'a'\nupstream_model = 'b*'", "offpeak.toml:3: upstream_model: one name, without `*`"),
    (
        "[[class]]\nname = 'night'\n[[route]]\nmodel = 'a'\nclass = 'day'",
        "offpeak.toml:5: class: there is no class \"day\"; allowed: night, soon",
    ),
    (
        "[[route]]\nmodel = 'a'\ndeadline = '14days'",
        "offpeak.toml:3: deadline: \"14days\" is out of range; allowed: 50ms to 13days",
    ),
    ("[limits]\nmax_attempts = 0", "offpeak.toml:2: max_attempts: 0 is out of range; allowed: 1 to 100"),
    ("[limits]\ndeadline = '10ms'", "offpeak.toml:2: deadline: \"10ms\" is out of range; allowed: 50ms to 13days"),
    ("[retention]\nresults = 30", "offpeak.toml:2: results: expected a text in quotes, found integer"),
    (
        "\n[batches]\ninput = 'split'",
        "offpeak.toml:2: unknown table or key `batches`; allowed: [server], [auth], [waiting], [[provider]], [[class]], [[route]], [limits], [retention]",
    ),
    (
        "webhooks.allow_private = true",
        "offpeak.toml:1: unknown table or key `webhooks`; allowed: [server], [auth], [waiting], [[provider]], [[class]], [[route]], [limits], [retention]",
    ),
    ("[server]\nlisten = '127.0.0.1:1'\nlisten = '127.0.0.1:2'", "offpeak.toml:3: not valid TOML: duplicate key"),
    ("[server]\nlisten 1", "offpeak.toml:2: not valid TOML: key with no value, expected `=`"),
];

#[test]
fn what_is_odd_is_refused_with_its_line() {
    let mut wrong = Vec::new();
    for (text, expected) in REFUSED {
        let lines = file(text).err().unwrap_or_default();
        if lines != [*expected] {
            wrong.push(format!("{text:?}\n  expected {expected}\n  got      {}", lines.join("\n           ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let flags = Flags { window: Some("1ms".to_owned()), ..Flags::default() };
    let lines = over("[limits]\nmax_attempts = 0\n[waiting]\nhold = 'x'\n[x]", &flags).unwrap_err();
    let starts: Vec<&str> = lines.iter().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(starts, ["offpeak.toml:2", "offpeak.toml:4", "offpeak.toml:5", "--window (OFFPEAK_WINDOW)"]);
}

#[test]
fn flags_overrule_the_file() {
    let given = |text: &str| Some(text.to_owned());
    let flags = Flags {
        config: None,
        listen: given("[::1]:9"),
        data_dir: Some("elsewhere".into()),
        upstream: given("http://127.0.0.1:1/v1/"),
        auth: given("passthrough"),
        window: given("50ms"),
        poll_interval: given("100ms"),
        hold: given("0s"),
    };
    let text = "[server]\nlisten = '127.0.0.1:1'\ndata_dir = 'd'\n[auth]\nmode = 'keys'\n[[provider]]\nname = 'a'\n\
                [[provider]]\nname = 'b'\n[[class]]\nname = 'soon'\nwindow = '1h'\nmax_jobs = 5";
    let config = over(text, &flags).unwrap();
    assert_eq!(config.server.listen, "[::1]:9".parse().unwrap());
    assert_eq!(config.server.data_dir, Path::new("elsewhere"));
    assert_eq!(config.auth.mode, Mode::Passthrough);
    assert_eq!(config.waiting.hold, Duration::ZERO);
    assert_eq!(config.classes["soon"], Rule::Window { window_ms: 50, max_jobs: Some(5) });
    let providers: Vec<(&str, u128)> =
        config.providers.iter().map(|one| (one.base_url.as_str(), one.poll_interval.as_millis())).collect();
    assert_eq!(providers, [("http://127.0.0.1:1/v1", 100), ("https://api.openai.com/v1", 100)]);
    assert_eq!((config.timing().tick_ms, config.timing().poll_interval_ms), (50, 100));
}

#[test]
fn open_mode_is_for_this_machine_only() {
    let listen = |address: &str| Flags { listen: Some(address.to_owned()), ..Flags::default() };
    for (address, mode) in [
        ("127.0.0.1:1", Mode::Open),
        ("[::1]:1", Mode::Open),
        ("[::ffff:127.0.0.1]:1", Mode::Open),
        ("0.0.0.0:1", Mode::Keys),
        ("[::]:1", Mode::Keys),
        ("10.0.0.1:1", Mode::Keys),
    ] {
        assert_eq!(over("", &listen(address)).unwrap().auth.mode, mode, "{address}");
        let explicit = over("[auth]\nmode = 'open'", &listen(address));
        assert_eq!(explicit.is_ok(), mode == Mode::Open, "{address}");
    }
    let flags = Flags { auth: Some("open".to_owned()), ..listen("0.0.0.0:1") };
    assert!(over("", &flags).unwrap_err()[0].starts_with("--auth (OFFPEAK_AUTH): \"open\" on 0.0.0.0:1 would let"));
}

#[test]
fn a_missing_key_is_refused_but_in_passthrough() {
    let text = "[[provider]]\nname = 'a'\nkey_env = 'A_KEY'";
    let of = |auth: &str, look_up: &dyn Fn(&str) -> Lookup| {
        let flags = Flags { auth: Some(auth.to_owned()), ..Flags::default() };
        Config::of(text, Path::new("offpeak.toml"), &flags, look_up).map_err(|refused| refused.lines)
    };
    for auth in ["open", "keys"] {
        let lines = of(auth, &|_| Lookup::Missing).unwrap_err();
        assert!(lines.len() == 1 && lines[0].starts_with("A_KEY is not set"), "{lines:?}");
    }
    assert!(of("passthrough", &|_| Lookup::Missing).unwrap().providers[0].key.is_none());
    assert!(of("passthrough", &|_| Lookup::Odd).is_err());
    assert!(of("open", &with_key).unwrap().providers[0].key.is_some());
}

#[test]
fn no_text_form_of_the_settings_holds_a_key() {
    let config = file("").unwrap();
    assert!(!format!("{config} {config:?} {config:#?}").contains("sk-secret"));
}

#[test]
fn timing_follows_the_provider() {
    let text = "[[provider]]\nname = 'a'\npoll_interval = '1h'\ncreate_timeout = '1s'\ncreate_grace = '2s'\n\
                [[provider]]\nname = 'b'\n[limits]\nmax_attempts = 7";
    let config = file(text).unwrap();
    let one = config.timing_of(&config.providers[0]);
    assert_eq!((one.poll_interval_ms, one.create_timeout_ms, one.create_grace_ms), (3_600_000, 1_000, 2_000));
    assert_eq!((one.absent_gap_ms, one.max_attempts, one.tick_ms), (2_000, 7, 1_000));
    let all = config.timing();
    assert_eq!((all.poll_interval_ms, all.create_timeout_ms, all.create_grace_ms), (30_000, 60_000, 300_000));
}
