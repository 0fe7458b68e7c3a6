//! What a file may not say.

/// A file, and the one refusal that it must get.
pub(super) const REFUSED: &[(&str, &str)] = &[
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
    (
        "[server]\nport = 1",
        "offpeak.toml:2: unknown key `port` in [server]; allowed: listen, data_dir, max_body_bytes, max_file_bytes",
    ),
    ("[[server]]\nlisten = '127.0.0.1:1'", "offpeak.toml:1: `server` is written once, as a table [server]"),
    (
        "[auth]\nmode = 'none'",
        "offpeak.toml:2: mode: \"none\" is unknown; allowed: \"keys\", \"passthrough\", \"open\"",
    ),
    (
        "[auth]\nrelay_allow = [\n'/v1/audio',\n'/v1/']\nmode = 'keys'",
        "offpeak.toml:4: relay_allow: \"/v1/\" would show every caller what others have stored under /v1/assistants; allowed: prefixes apart from it, such as \"/v1/audio/\"",
    ),
    (
        "[auth]\nrelay_allow = ['audio']",
        "offpeak.toml:2: relay_allow: \"audio\" is not the beginning of a path; write one such as \"/v1/audio/\"",
    ),
    (
        "[auth]\nrelay_allow = ['/v1/audio/']",
        "offpeak.toml:2: relay_allow: only mode \"keys\" has such a list; mode \"open\" relays every path",
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
        "[[provider]]\nname = 'p'\n[[route]]\nmodel = 'a'\nbackend = 'fleet'\nprovider = 'p'",
        "offpeak.toml:6: provider: own model servers are no provider",
    ),
    ("[[provider]]\nname = 'fleet'", "offpeak.toml:2: name: \"fleet\" names own model servers"),
    ("[fleet]\nlease = '1ms'", "offpeak.toml:2: lease: \"1ms\" is out of range; allowed: 1s to 1h"),
    (
        "[[provider]]\nname = 'p'\nrequests_per_minute = 0",
        "offpeak.toml:3: requests_per_minute: 0 is out of range; allowed: 1 to 1000000000",
    ),
    (
        "[[route]]\nmodel = 'a'\nrequests_per_minute = 5",
        "offpeak.toml:3: requests_per_minute: batches are bounded by max_requests, max_bytes and max_tokens",
    ),
    (
        "[[route]]\nmodel = 'a'\nbackend = 'live'\nmax_tokens = 5",
        "offpeak.toml:4: max_tokens: live calls are bounded by requests_per_minute and tokens_per_minute",
    ),
    (
        "[[route]]\nmodel = 'a'\nbackend = 'fleet'\nmax_requests = 5",
        "offpeak.toml:4: max_requests: own model servers are bounded by their workers",
    ),
    (
        "[[route]]\nmodel = 'a'\n[[route.then]]\nmax_bytes = 0",
        "offpeak.toml:4: max_bytes: 0 is out of range; allowed: 1 to 1000000000",
    ),
    (
        "[[route]]\nmodel = 'a'\nbackend = 'lvie'\nrequests_per_minute = 5",
        "offpeak.toml:3: backend: \"lvie\" is unknown; allowed: \"provider\", \"fleet\", \"live\"",
    ),
    (
        "[[route]]\nmodel = 'a'\nbackend = 'gpu'",
        "offpeak.toml:3: backend: \"gpu\" is unknown; allowed: \"provider\", \"fleet\", \"live\"",
    ),
    ("[[route]]\nmodel = 'a'\nprovider = 'b'", "offpeak.toml:3: provider: there is no provider \"b\"; allowed: openai"),
    ("[[route]]\nmodel = ['a', 'a']", "offpeak.toml:2: model: never reached: a route above takes \"a\""),
    ("[[route]]\nmodel = ['a', 1]", "offpeak.toml:2: model: expected a list of texts, found integer"),
    (
        "[[route]]\nmodel = 'a'\ngrace = '1h'",
        "offpeak.toml:3: grace: nothing comes after this target; write a [[route.then]]",
    ),
    (
        "[[route]]\nmodel = 'a'\ngrace = '2m'\n[[route.then]]\nwithin = '2m'",
        "offpeak.toml:3: grace: \"2m\" leaves no later target its time; write more than its `within`, 2m",
    ),
    (
        "[[route]]\nmodel = 'a'\n[[route.then]]\nclass = 'soon'",
        "offpeak.toml:4: unknown key `class` in [[route.then]]; allowed: backend, provider, upstream_model, within, max_requests, max_bytes, max_tokens, requests_per_minute, tokens_per_minute, grace",
    ),
    (
        "[[route]]\nmodel = 'a'\n[route.then]\nwithin = '1h'",
        "offpeak.toml:3: then: expected tables [[route.then]], found table",
    ),
    (
        "[[route]]\nmodel = 'a'\nwithin = '14days'",
        "offpeak.toml:3: within: \"14days\" is out of range; allowed: 50ms to 13days",
    ),
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
    ("[batches]\ninput = 'mixed'", "offpeak.toml:2: input: \"mixed\" is unknown; allowed: \"split\", \"strict\""),
    ("[batches]\nwindows = '48h'", "offpeak.toml:2: windows: \"48h\" is unknown; allowed: \"24h\", \"any\""),
    ("[batches]\nwindow = 'any'", "offpeak.toml:2: unknown key `window` in [batches]; allowed: input, windows"),
    (
        "[server]\nmax_file_bytes = 8_589_934_593",
        "offpeak.toml:2: max_file_bytes: 8589934593 is out of range; allowed: 1 to 8589934592",
    ),
    (
        "\n[gpus]\nkind = 'g6'",
        "offpeak.toml:2: unknown table or key `gpus`; allowed: [server], [auth], [waiting], [[provider]], [[class]], [[route]], [fleet], [batches], [webhooks], [inbox], [[schedule]], [limits], [retention]",
    ),
    (
        "hooks.allow_private = true",
        "offpeak.toml:1: unknown table or key `hooks`; allowed: [server], [auth], [waiting], [[provider]], [[class]], [[route]], [fleet], [batches], [webhooks], [inbox], [[schedule]], [limits], [retention]",
    ),
    ("[server]\nlisten = '127.0.0.1:1'\nlisten = '127.0.0.1:2'", "offpeak.toml:3: not valid TOML: duplicate key"),
    ("[server]\nlisten 1", "offpeak.toml:2: not valid TOML: key with no value, expected `=`"),
];
