//! What is refused before anything is sent.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use fake_mode::{FakeMode, Reply};
use mode_analytics::{Client, ClientBuilder, Credentials, ErrorKind};

use crate::{
    SECRET, TOKEN, assert_not_sent, builder, builder_at, client, client_with, credentials, each,
    is_own_process, run_in_own_process,
};

const ROUNDS: usize = 2000;

/// A text of up to 11 pieces, most of which mean something in a path, a URL or a header.
fn nasty(random: &mut fastrand::Rng) -> String {
    let length = random.usize(0..12);
    let pieces = "/ .. . %2e %2F %5c \\ ? # \r\n \0 : @ a B 9 - _";
    let pieces: Vec<&str> = pieces.split(' ').chain([" "]).collect();
    let piece = |random: &mut fastrand::Rng| match random.u8(0..10) {
        0 => random.char(..).to_string(),
        1 => char::from(random.u8(..128)).to_string(),
        _ => (*random.choice(&pieces).unwrap()).to_owned(),
    };
    (0..length).map(|_| piece(random)).collect()
}

#[test]
fn a_workspace_is_one_segment_or_nothing_is_sent() {
    let server = FakeMode::start();
    let client = client(&server);
    let (longest, too_long) = ("x".repeat(255), "x".repeat(256));
    let names = "acme a A-b_c.d ... 0 accounts Verify".split(' ');
    each(names.chain([&*longest]), |workspace| {
        let error = client.memberships(workspace).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });

    let sent = server.targets().len();
    let refused = "|.|..|account|verify|a/b|a b|a%2fb|\u{e4}cme|a\n|a?b|a#b|a\\b|a:b";
    each(refused.split('|').chain([&*too_long]), |workspace| {
        assert_not_sent(&client.memberships(workspace).unwrap_err());
        assert_not_sent(&client.memberships_lite(workspace).unwrap_err());
        assert_not_sent(&client.membership_counts(workspace).unwrap_err());
    });
    assert_eq!(server.targets().len(), sent);

    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..ROUNDS {
        let workspace = nasty(&mut random);
        let before = server.targets().len();
        let error = client.memberships_lite(&workspace).unwrap_err();
        let path = format!("/api/{workspace}/memberships/lite");
        let is_sent = error.kind() != ErrorKind::InvalidInput;
        let expected: &[String] = if is_sent { &[path] } else { &[] };
        assert_eq!(&server.targets()[before..], expected, "{workspace:?}");
    }
}

#[test]
fn a_path_is_sent_as_it_is_or_not_at_all() {
    let server = FakeMode::start();
    let client = client(&server);
    let refused = "|/|/api|/api/|api/acme|/apis/acme|/API/acme|/%61pi/acme|//api/acme|/api//acme|\
        /api/acme/|/api/./acme|/api/../admin|/api/acme/..|/api/%2e%2E/admin|/api/.%2e|\
        /api/a%2f..%2Fb|/api/a%2f%2fb|/api/a%5c..%5Cb|/api/a b|/api/a#b|/api/a\\b|\
        /api/a\r\nX: y|/api/\u{e4}|/api/a\u{7f}|/api/<a>|/api/`a`|/api/\"a\"|/api/a?<|\
        https://evil.example/api/a|@evil.example/api/a";
    let of_length = |length: usize| format!("/api/{}", "x".repeat(length - 5));
    let (longest, too_long) = (of_length(8192), of_length(8193));
    each(refused.split('|').chain([&*too_long]), |path| {
        assert_not_sent(&client.get::<()>(path).unwrap_err());
    });
    assert!(server.targets().is_empty());

    let accepted = "/api/a /api/a/b.c/... /api/a%20b /api/100% /api/%zz /api/a?b=../..//&c=%2e \
        /api/a:b@c,d;e=f";
    each(accepted.split(' ').chain([&*longest]), |&path| {
        let before = server.targets().len();
        let error = client.get::<()>(path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(server.targets()[before..], [path]);
    });

    let mut random = fastrand::Rng::with_seed(2);
    let mut sent = 0;
    for _ in 0..ROUNDS {
        let start = random.choice(["/api/", "/api/a", "/", ""]).unwrap();
        let path = start.to_owned() + &nasty(&mut random);
        let before = server.targets().len();
        let error = client.get::<()>(&path).unwrap_err();
        let targets = &server.targets()[before..];
        if error.kind() == ErrorKind::InvalidInput {
            assert!(targets.is_empty(), "{path:?}");
        } else {
            assert_eq!(targets, [path.as_str()]);
            let plain = path.split('?').next().unwrap();
            let is_odd = |segment| matches!(segment, "" | "." | "..");
            assert!(!plain.split('/').skip(1).any(is_odd), "{path:?}");
            sent += 1;
        }
    }
    assert!(sent > ROUNDS / 20, "{sent}");
}

#[test]
fn credentials_reach_the_header_unchanged_or_are_refused() {
    let server = FakeMode::start();
    server.on("/api/verify", Reply::json(200, r#"{"workspace": "acme"}"#));
    let longest = client_with(&"t".repeat(8192), &"s".repeat(8192), &server);
    longest.verify().unwrap();
    let mut random = fastrand::Rng::with_seed(3);
    let mut sent = 0;
    for _ in 0..ROUNDS {
        let (token, secret) = (nasty(&mut random), nasty(&mut random));
        if Credentials::new(&token, &secret).is_err() {
            continue;
        }
        client_with(&token, &secret, &server).verify().unwrap();
        let requests = server.requests();
        let request = requests.last().unwrap();
        let key = BASE64_STANDARD.encode(format!("{token}:{secret}"));
        let header = format!("Basic {key}");
        assert_eq!(request.header("authorization"), Some(&*header));
        assert_eq!(request.headers.len(), requests[0].headers.len());
        sent += 1;
        if sent == 200 {
            return;
        }
    }
    panic!("only {sent} were accepted");
}

fn kind_of_base_url(url: &str) -> Option<ErrorKind> {
    let error = builder_at(url.into()).build().err()?;
    assert!(!error.to_string().contains("password"), "{error}");
    Some(error.kind())
}

#[test]
fn a_base_url_is_an_https_origin_or_a_loopback_one() {
    let https = "https://app.mode.com HTTPS://App.Mode.Com/ https://x:8443 https://10.0.0.1 \
        https://[2001:db8::1]:1 https://[2001:db8::1] https://[2001:db8::1]/";
    let without_tls = (!cfg!(feature = "rustls")).then_some(ErrorKind::InvalidInput);
    each(https.split(' '), |url| {
        assert_eq!(kind_of_base_url(url), without_tls);
    });
    let loopback = "http://localhost http://LOCALHOST:80/ HTTP://127.0.0.1:1 http://127.9.9.9 \
        http://[::1]:65535";
    each(loopback.split(' '), |url| {
        assert_eq!(kind_of_base_url(url), None);
    });

    let too_long = format!("https://{}", "a".repeat(254));
    let refused = "|app.mode.com|://x|ftp://localhost|https:app.mode.com|https://|https:///|\
        https://:443|https://a b|https://\u{e4}.example|https://a\n| https://a|https://a//|\
        https://a/api|https://a?|https://a?x|https://a#|https://a\\b|https://user@a|\
        https://user:password@a|https://a:|https://a:0|https://a:65536|https://a:99999999999|\
        https://a:+80|https://a:8o|https://a:80:80|https://[::1|https://::1|https://[::g]|\
        https://[::1]x|https://[127.0.0.1]";
    each(refused.split('|').chain([&*too_long]), |url| {
        assert_eq!(kind_of_base_url(url), Some(ErrorKind::InvalidInput));
    });
}

#[test]
fn plain_http_is_for_loopback_only() {
    let hosts = "app.mode.com example.com 127.0.0.1.evil.com localhost.evil.com localhost. \
        evil-localhost user@127.0.0.1 user:pw@localhost 0x7f000001 0x7f.0.0.1 0177.0.0.1 \
        2130706433 127.1 127.0.1 127.0.0.1. 0.0.0.0 10.0.0.1 192.168.0.1 [::] \
        [::ffff:127.0.0.1] [fe80::1] [::1%lo] 127.0.0.1\\@evil.com 127.0.0.1#@evil.com \
        127.0.0.1?@evil.com 127.0.0.1/@evil.com";
    each(hosts.split(' '), |host| {
        let kind = kind_of_base_url(&format!("http://{host}"));
        assert_eq!(kind, Some(ErrorKind::InvalidInput));
    });
}

#[test]
fn a_user_agent_is_what_a_header_takes() {
    let longest = "x".repeat(8192);
    each(["a", "my tool/1.0 (x; y)", "a\tb", &longest], |&agent| {
        let server = FakeMode::start();
        server.on("/api/verify", Reply::json(200, r#"{"workspace": "acme"}"#));
        let client = builder(&server).user_agent(agent).build().unwrap();
        client.verify().unwrap();
        assert_eq!(server.requests()[0].header("user-agent"), Some(agent));
    });
    let too_long = "x".repeat(8193);
    let refused = [&too_long, "", "a\r\nX: y", "a\0", "a\u{7f}", "caf\u{e9}"];
    each(refused, |&agent| {
        let builder = builder_at("http://localhost".into()).user_agent(agent);
        assert_eq!(builder.build().unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

#[cfg(feature = "rustls")]
#[test]
fn new_has_the_defaults() {
    let shown = format!("{:?}", Client::new(credentials()).unwrap());
    assert_eq!(shown, "Client(https://app.mode.com)");
}

#[cfg(not(feature = "rustls"))]
#[test]
fn without_tls_a_client_for_https_is_refused() {
    let error = Client::new(credentials()).unwrap_err();
    assert_not_sent(&error);
    assert!(error.to_string().contains("feature `rustls`"), "{error}");
}

#[test]
fn a_base_url_is_kept_in_lower_case() {
    let cases = [
        ("HTTP://LocalHost:8080/", "http://localhost:8080"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://[::1]:80", "http://[::1]"),
    ];
    each(cases, |(url, kept)| {
        let client = builder_at((*url).into()).build().unwrap();
        let shown = format!("Client({kept})");
        assert_eq!(format!("{client:?}"), shown);
    });
}

#[test]
fn a_client_comes_from_the_environment() {
    if is_own_process() {
        let [url, expected] = ["URL", "EXPECTED"].map(|name| std::env::var(name).unwrap());
        let built = ClientBuilder::from_env().and_then(ClientBuilder::build);
        for client in [Client::from_env(), built] {
            let shown = match &client {
                Ok(client) => format!("{client:?}"),
                Err(error) => {
                    assert_not_sent(error);
                    error.to_string()
                }
            };
            assert!(shown.contains(&expected), "{shown}");
        }
        if !url.is_empty() {
            let error = Client::from_env().unwrap().verify().unwrap_err();
            assert_eq!(error.status(), Some(404));
        }
        return;
    }
    let server = FakeMode::start();
    let origin = server.origin();
    let default = match cfg!(feature = "rustls") {
        true => "Client(https://app.mode.com)",
        false => "feature `rustls`",
    };
    let names_it = "(correct or unset MODE_BASE_URL)";
    let cases = [
        (Some(&*origin), &*origin, &*origin),
        (Some(""), "", default),
        (None, "", default),
        (Some("app.mode.com"), "", names_it),
        (Some("http://app.mode.com"), "", names_it),
        (Some("https://app.mode.com/api"), "", names_it),
        (Some(" "), "", names_it),
    ];
    each(cases, |(base, url, expected)| {
        let mut variables = vec![
            ("MODE_API_TOKEN", TOKEN),
            ("MODE_API_SECRET", SECRET),
            ("URL", url),
            ("EXPECTED", expected),
        ];
        variables.extend(base.map(|base| ("MODE_BASE_URL", base)));
        run_in_own_process("input::a_client_comes_from_the_environment", &variables);
    });
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    let key = BASE64_STANDARD.encode(format!("{TOKEN}:{SECRET}"));
    let header = format!("Basic {key}");
    assert_eq!(requests[0].header("authorization"), Some(&*header));
}

#[test]
fn a_loopback_base_url_ignores_the_proxy_variables() {
    let test = "input::a_loopback_base_url_ignores_the_proxy_variables";
    if is_own_process() {
        let port = std::env::var("PORT").unwrap();
        let client = builder_at(format!("http://127.0.0.1:{port}")).build();
        let error = client.unwrap().verify().unwrap_err();
        assert_eq!(error.status(), Some(404));
        for host in ["127.0.0.1", "localhost", "[::1]"] {
            let https = builder_at(format!("https://{host}:{port}")).build();
            assert_eq!(https.is_ok(), cfg!(feature = "rustls"));
        }
        return;
    }
    let server = FakeMode::start();
    let port = server.addr().port().to_string();
    let proxies = "garbage:/// http://127.0.0.1:1 socks5://127.0.0.1:1";
    each(proxies.split(' '), |proxy| {
        let names = "http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY";
        let mut variables: Vec<_> = names.split(' ').map(|name| (name, *proxy)).collect();
        variables.push(("PORT", &port));
        run_in_own_process(test, &variables);
    });
    assert_eq!(server.targets().len(), 3);
}
