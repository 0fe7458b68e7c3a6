mod deployed;
mod nightly;
mod refused;

use std::path::Path;
use std::time::Duration;

use bounds::by_model;
use keys::Lookup;
use offpeak_core::submission::Limits as Hold;
use refused::REFUSED;

use super::*;

const EXAMPLE: &str = include_str!("../../../offpeak.example.toml");

fn with_key(_: &str) -> Lookup {
    Lookup::Found(SecretString::from("sk-secret"))
}

fn file(text: &str) -> Result<Config, Vec<String>> {
    over(text, &Flags::default())
}

fn over(text: &str, flags: &Flags) -> Result<Config, Vec<String>> {
    looking_up(text, flags, &with_key)
}

fn looking_up(text: &str, flags: &Flags, look_up: &dyn Fn(&str) -> Lookup) -> Result<Config, Vec<String>> {
    let around = Surroundings { place: Place::Machine, flags, deployed: &[] };
    Config::of(text, "offpeak.toml", around, KeySource::Environment(look_up)).map_err(|refused| refused.lines)
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
    assert_eq!(config.nightly.schedules.len(), 1);
    assert!(config.nightly.inbox_dir.is_some() && config.nightly.outbox_dir.is_some());
    assert_eq!(config.routes[0].target.upstream_model.as_deref(), Some("gpt-5-mini"));
}

#[test]
fn the_effective_settings_are_a_valid_file() {
    for text in [
        "",
        "[[class]]\nname = 'nightly'\nat = '01:05'\ntime_zone = 'Europe/Berlin'",
        "[[class]]\nname = 'soon'\nwindow = '50ms'\nmax_jobs = 1_000",
        "[auth]\nmode = 'keys'\nrelay_allow = ['/v1/audio/']",
        "[inbox]\nenabled = false\ndir = 'in box'\noutbox_dir = '/out'",
        "[[schedule]]\nname = 'a'\nat = '23:59'\ninput = '/data/a b.jsonl'\n[[schedule]]\nname = 'b'\nat = '00:00'\n\
         time_zone = 'Asia/Tokyo'\ntenant = 'team ä'\nendpoint = '/v1/embeddings'\n\
         input = 'file_00000000000000000000000000000001'",
        "[server]\nmax_file_bytes = 1\n[batches]\ninput = 'strict'\nwindows = 'any'",
        "[[provider]]\nname = 'b'\nmax_tokens = 9",
        "[[route]]\nmodel = 'a'\nbackend = 'fleet'\n[fleet]\nchunk_tokens = 1000\nchunk_lines = 7\ncheckpoint = '1s'",
        "[[provider]]\nname = 'p'\nrequests_per_minute = 60\ntokens_per_minute = 9\nconcurrency = 3\n\
         request_timeout = '2s'\n[[route]]\nmodel = 'a'\nbackend = 'live'\nprovider = 'p'",
        "[[route]]\nmodel = ['a', 'b*']\nwithin = '12h'\ngrace = '3h'\n[[route.then]]\nbackend = 'fleet'\nwithin = '2h'\n\
         grace = '90s'\n[[route.then]]\nupstream_model = 'c'\nwithin = '1m'\n[[route]]\nmodel = 'd'",
        "[[provider]]\nname = 'b'\npatience = '1s'",
        "[[route]]\nmodel = 'a'\nmax_requests = 7\nmax_bytes = 9\nmax_tokens = 1_000\n[[route.then]]\nbackend = 'live'\n\
         requests_per_minute = 5\ntokens_per_minute = 6",
        "[[route]]\nmodel = 'a*'\nupstream_model = \"b'\\\"c\"\ndeadline = '1h 30m'",
    ] {
        let config = file(text).unwrap();
        assert_eq!(settings(&file(&config.to_string()).unwrap()), settings(&config), "{text}");
    }
}

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
        ..Flags::default()
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
        looking_up(text, &flags, look_up)
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
    assert_eq!(one.poll_tick_ms, 0, "the local poller remembers");
    let all = config.timing();
    assert_eq!((all.poll_interval_ms, all.create_timeout_ms, all.create_grace_ms), (30_000, 60_000, 300_000));
}

#[test]
fn a_fleet_needs_no_provider_and_a_key_for_its_workers() {
    let text = "[[route]]\nmodel = 'own-*'\nbackend = 'fleet'\nupstream_model = 'llama'\n[fleet]\nlease = '5s'";
    let config = file(text).unwrap();
    assert!(config.has_fleet() && config.providers.is_empty());
    assert_eq!(config.fleet.timing.lease_ms, 5_000);
    assert!(config.own_credentials().len() == 1 && config.relay().unwrap().is_none());
    let nothing = |_: &str| Lookup::Missing;
    let keys = looking_up(&format!("[auth]\nmode = 'keys'\n{text}"), &Flags::default(), &nothing).unwrap_err();
    let wanted = "OFFPEAK_WORKER_KEY is missing: workers show it, since they see what callers sent";
    assert_eq!(keys, [wanted]);
    let open = looking_up(&format!("[auth]\nmode = 'open'\n{text}"), &Flags::default(), &nothing);
    assert!(open.unwrap().fleet.worker_key.is_none());
    let passed_on = file(&format!("[auth]\nmode = 'passthrough'\n{text}")).unwrap_err();
    assert!(passed_on[0].contains("only a provider could tell who calls"), "{passed_on:?}");
    let both = format!("{text}\n[[route]]\nmodel = '*'");
    assert_eq!(file(&both).unwrap().providers.len(), 1, "what the last route needs");
}

#[test]
fn live_calls_are_made_with_the_providers_key() {
    let text = "[[provider]]\nname = 'a'\n[[provider]]\nname = 'b'\nrequests_per_minute = 7\n\
                [[route]]\nmodel = 'x'\nbackend = 'live'\nprovider = 'b'\n[[route]]\nmodel = '*'";
    let config = file(text).unwrap();
    let live: Vec<&str> = config.live_providers().map(|provider| provider.name.as_str()).collect();
    assert_eq!((live, config.routes[0].target.provider.as_str()), (vec!["b"], "live:b"));
    let names: Vec<String> = config.own_credentials().keys().map(|id| id.0.clone()).collect();
    assert_eq!(names, ["own:a", "own:b", "own:live:b"]);
    assert_eq!(config.settings().timing_of("live:b").poll_interval_ms, config.timing().tick_ms);
    let first = file("[[route]]\nmodel = '*'\nbackend = 'live'").unwrap();
    assert_eq!((first.routes[0].target.provider.as_str(), first.providers.len()), ("live:openai", 1));
    assert!(first.relay().unwrap().is_some(), "its provider answers what is no job");
    let passed_on = file(&format!("[auth]\nmode = 'passthrough'\n{text}")).unwrap_err();
    assert!(passed_on.len() == 1 && passed_on[0].contains("with the gateway's own key"), "{passed_on:?}");
    let around = Surroundings { place: Place::Lambda, flags: &Flags::default(), deployed: &["soon"] };
    assert!(Config::of(text, "config", around, KeySource::Nowhere).is_ok(), "also on AWS");
}

#[test]
fn a_route_bounds_each_model_that_it_leads_to() {
    let text = "[[provider]]\nname = 'p'\nmax_requests = 100\nmax_tokens = 50\n[[provider]]\nname = 'q'\n\
                [[route]]\nmodel = ['a', 'b']\nupstream_model = 'c'\nmax_tokens = 5\n\
                [[route]]\nmodel = 'c'\nmax_tokens = 6\n\
                [[route]]\nmodel = 'd*'\nprovider = 'q'\nmax_requests = 3\n\
                [[route.then]]\nbackend = 'live'\nprovider = 'q'\nupstream_model = 'e'\nrequests_per_minute = 8\n\
                [[route]]\nmodel = 'x*'\nmax_tokens = 9\n[[route]]\nmodel = 'y'\nupstream_model = 'xy'\nmax_tokens = 8\n\
                [[route]]\nmodel = '*'";
    let config = file(text).unwrap();
    let of_provider = Hold { requests: 100, tokens: 50, ..Hold::OPENAI };
    let limits = by_model(&config.routes, "p", |bounds| bounds.limits(of_provider));
    let of = |model: &str| limits.of(model).map(|limits| (limits.requests, limits.tokens));
    assert_eq!((of("c"), of("z")), (Some((100, 5)), None), "the first route that leads there says, if one does");
    assert_eq!((of("xx"), of("xy")), (Some((100, 9)), Some((100, 8))), "who names it outright says before patterns");
    let limits = by_model(&config.routes, "q", |bounds| bounds.limits(Hold::OPENAI));
    assert_eq!((limits.of("d1").map(|limits| limits.requests), limits.of("c")), (Some(3), None));
    let rates = by_model(&config.routes, "live:q", |bounds| bounds.rates);
    assert_eq!(rates.of("e").and_then(|rates| rates.requests_per_minute), Some(8));
    assert_eq!((rates.of("d1"), rates.of("e").and_then(|rates| rates.tokens_per_minute)), (None, None));
}

#[test]
fn a_route_has_targets_and_each_its_time() {
    let text = "[[provider]]\nname = 'p'\n[[provider]]\nname = 'q'\npatience = '2s'\n\
                [[route]]\nmodel = ['a', 'b']\ngrace = '2h'\ndeadline = '26h'\n\
                [[route.then]]\nbackend = 'fleet'\ngrace = '5m'\n\
                [[route.then]]\nbackend = 'live'\nprovider = 'q'\nupstream_model = 'c'\nwithin = '1m'";
    let config = file(text).unwrap();
    let settings = config.settings();
    let [a, b] = &settings.routes.0[..] else { panic!("{:?}", settings.routes) };
    assert_eq!((a.model.exact(), b.model.exact()), (Some("a"), Some("b")));
    assert_eq!((&a.target, &a.then, a.deadline_ms), (&b.target, &b.then, b.deadline_ms));
    let hour_ms = 3_600_000;
    let times = |route: &offpeak_core::route::Route| -> Vec<_> {
        route.targets().map(|target| (target.provider.clone(), target.within_ms, target.grace_ms)).collect()
    };
    let want = [("p", 24 * hour_ms, Some(2 * hour_ms)), ("fleet", hour_ms, Some(300_000)), ("live:q", 60_000, None)];
    assert_eq!(times(a), want.map(|(name, within_ms, grace_ms)| (name.to_owned(), within_ms, grace_ms)));
    assert_eq!(settings.timing_of("q").patience_ms, 2_000);
    assert_eq!(settings.timing_of("p").patience_ms, 900_000);
    assert!(config.has_fleet() && config.relay().unwrap().is_some());
    let passed_on = "[auth]\nmode = 'passthrough'\n[[provider]]\nname = 'p'\n[[provider]]\nname = 'q'\n\
                     [[route]]\nmodel = 'a'\n[[route.then]]\nprovider = 'q'";
    assert!(file(passed_on).unwrap_err()[0].contains("callers' keys are for one of them"));
}
