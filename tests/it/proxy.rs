//! Proxy variables: as curl reads them, and closed when in doubt.

use std::env;
use std::ffi::OsString;
use std::io::Write;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use mode_analytics::{Client, ErrorKind};

use crate::leaks::{Log, shown};
use crate::tls::{Authority, NO_TLS, Server, assert_refused, proxy, saying, verify};
use crate::{builder_at, chain, credentials, each, is_own_process, run_in_own_process};

const USER: &str = "mallory";
const PASSWORD: &str = "opensesame";
/// A value that no proxy has. A client is built only if the variable does not apply.
const UNUSABLE: &str = "garbage:///";

/// For each case, runs `check` in a process of its own that has its variables.
fn each_in_own_process(test: &str, cases: &[Vec<(&str, String)>], check: impl Fn()) {
    if is_own_process() {
        return check();
    }
    each(cases, |variables| {
        run_in_own_process(&format!("proxy::{test}"), variables);
    });
}

/// `build()` succeeds, or names this variable.
fn assert_built_or_refused(refused: &str) {
    let built = Client::builder(credentials()).build();
    match (built, refused) {
        (Ok(_), "") => {}
        (Err(error), _) if !refused.is_empty() => {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let words = format!("the variable {refused} ");
            assert!(error.to_string().starts_with(&words), "{error}");
        }
        (built, refused) => panic!("{built:?}, but expected {refused:?}"),
    }
}

fn refused() -> String {
    env::var("REFUSED").unwrap()
}

/// On Windows a variable has one name, in capitals or not.
#[cfg(not(windows))]
#[test]
fn the_first_variable_that_is_set_counts() {
    const USABLE: &str = "http://127.0.0.1:1";
    let cases = [
        (&[][..], ""),
        (&[("https_proxy", UNUSABLE)], "https_proxy"),
        (&[("HTTPS_PROXY", UNUSABLE)], "HTTPS_PROXY"),
        (&[("all_proxy", UNUSABLE)], "all_proxy"),
        (&[("ALL_PROXY", UNUSABLE)], "ALL_PROXY"),
        (&[("http_proxy", UNUSABLE), ("HTTP_PROXY", UNUSABLE)], ""),
        (
            &[
                ("https_proxy", UNUSABLE),
                ("HTTPS_PROXY", UNUSABLE),
                ("all_proxy", UNUSABLE),
                ("ALL_PROXY", UNUSABLE),
            ],
            "https_proxy",
        ),
        (
            &[
                ("HTTPS_PROXY", UNUSABLE),
                ("all_proxy", UNUSABLE),
                ("ALL_PROXY", UNUSABLE),
            ],
            "HTTPS_PROXY",
        ),
        (
            &[("all_proxy", UNUSABLE), ("ALL_PROXY", UNUSABLE)],
            "all_proxy",
        ),
        (&[("https_proxy", USABLE), ("HTTPS_PROXY", UNUSABLE)], ""),
        (&[("HTTPS_PROXY", USABLE), ("all_proxy", UNUSABLE)], ""),
        (&[("all_proxy", USABLE), ("ALL_PROXY", UNUSABLE)], ""),
        (
            &[
                ("https_proxy", ""),
                ("HTTPS_PROXY", " \n"),
                ("all_proxy", "\t"),
                ("ALL_PROXY", UNUSABLE),
            ],
            "ALL_PROXY",
        ),
        (&[("https_proxy", ""), ("ALL_PROXY", " ")], ""),
    ];
    let cases = cases.map(|(variables, refused)| {
        let variables = variables.iter().copied().chain([("REFUSED", refused)]);
        let owned = variables.map(|(name, value)| (name, value.to_owned()));
        owned.collect()
    });
    each_in_own_process("the_first_variable_that_is_set_counts", &cases, || {
        assert_built_or_refused(&refused());
    });
}

#[test]
fn no_proxy_covers_hosts_and_what_is_below_them() {
    // For `app.mode.com`.
    let exempt = [
        "*",
        " * ",
        "a,*",
        "mode.com",
        ".mode.com",
        "*.mode.com",
        "app.mode.com",
        ".app.mode.com",
        "*.app.mode.com",
        "com",
        "MODE.com",
        "*.Mode.COM",
        "localhost, 127.0.0.1 ,\tmode.com ",
        "mode.com,",
        ",,mode.com,,",
        "mode.com.",
    ];
    let others = [
        "",
        " ",
        ",",
        ".",
        ". ,",
        "mode.co",
        "ode.com",
        "p.mode.com",
        "notmode.com",
        "xapp.mode.com",
        "x.app.mode.com",
        "app.mode.com.example",
        "app.mode",
        "app",
        "a*",
        "*mode",
        "app.*.com",
        "app mode com",
        "localhost,127.0.0.1",
    ];
    let case = |name, list: &str, is_exempt| {
        let refused = if is_exempt { "" } else { "HTTPS_PROXY" };
        vec![
            (name, list.to_owned()),
            ("HTTPS_PROXY", UNUSABLE.into()),
            ("REFUSED", refused.to_owned()),
        ]
    };
    let mut cases = Vec::new();
    cases.extend(exempt.map(|list| case("NO_PROXY", list, true)));
    cases.extend(others.map(|list| case("NO_PROXY", list, false)));
    #[cfg(not(windows))]
    for (empty, other) in [("NO_PROXY", "no_proxy"), ("no_proxy", "NO_PROXY")] {
        for blank in ["", " "] {
            let mut variables = case(other, "mode.com", true);
            variables.push((empty, blank.into()));
            cases.push(variables);
        }
    }
    let test = "no_proxy_covers_hosts_and_what_is_below_them";
    each_in_own_process(test, &cases, || assert_built_or_refused(&refused()));
}

#[test]
fn a_proxy_that_cannot_be_used_is_refused_and_nothing_is_sent() {
    let test = "a_proxy_that_cannot_be_used_is_refused_and_nothing_is_sent";
    if is_own_process() {
        Log::listen(log::LevelFilter::Trace);
        let error = Client::builder(credentials()).build().unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("the variable HTTPS_PROXY "), "{text}");
        let is_socks = env::var("HTTPS_PROXY").is_ok_and(|it| it.trim().starts_with("socks"));
        assert_eq!(text.contains("`socks-proxy`"), is_socks, "{text}");
        let way_out = ": correct it, unset it, or put app.mode.com into NO_PROXY";
        assert!(text.ends_with(way_out), "{text}");
        let client = Client::new(credentials());
        let errors = [
            error,
            client.verify().unwrap_err(),
            client.account().unwrap_err(),
            client.memberships("acme").unwrap_err(),
            client.memberships_lite("acme").unwrap_err(),
            client.membership_counts("acme").unwrap_err(),
            client.get::<()>("/api/x").unwrap_err(),
        ];
        let mut all = format!("{client:?} {}", Log::heard());
        for error in &errors {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert_eq!((error.to_string(), error.attempts()), (text.clone(), 0));
            assert!(!error.is_retryable());
            all += &shown(error);
        }
        for secret in [USER, PASSWORD] {
            assert!(!all.contains(secret), "{all}");
        }
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let port = address.port();
    let key = format!("{USER}:{PASSWORD}");
    let mut values = vec![
        UNUSABLE.to_owned(),
        "://".into(),
        "http:".into(),
        "http://".into(),
        "http:///".into(),
        format!("http:/{key}@{address}"),
        format!("garbage://{key}@{address}"),
        format!("ftp://{key}@{address}"),
        format!("htp://{key}@{address}"),
        format!("http://%ff{key}@{address}"),
        format!("http://{key}%ff@{address}"),
        format!("http://{key}#x@{address}"),
        format!("http://{key}/x@{address}"),
        format!("http://{key}?x@{address}"),
        format!("{key}#x@{address}"),
        format!("http://{key}@{address}/{PASSWORD}"),
        format!("http://{key}@{address}?{PASSWORD}"),
        format!("http://{key}@{address}#{PASSWORD}"),
        format!("http://{key}@"),
        format!("http://{key}@:{port}"),
        format!("http://{key}@127.0.0.1:"),
        format!("http://{key}@127.0.0.1:0"),
        format!("http://{key}@127.0.0.1:65536"),
        format!("http://{key}@127.0.0.1:99999999999"),
        format!("http://{key}@127.0.0.1:+80"),
        format!("http://{key}@127.0.0.1:{PASSWORD}"),
        format!("http://{key}@127.0.0.1:{port}:{port}"),
        format!("http://{key}@[::1"),
        format!("http://{key}@127.0.0.1 x:{port}"),
        format!("http://{key} x@{address}"),
        format!("http://{key}\u{e4}@{address}"),
        format!("http://{key}@{address},http://{address}"),
    ];
    if cfg!(not(feature = "socks-proxy")) {
        let schemes = ["socks", "socks4", "socks4a", "socks5", "socks5h"];
        values.extend(schemes.map(|scheme| format!("{scheme}://{key}@{address}")));
        values.push(format!(" socks5://{address}\n"));
    }
    let mut values: Vec<OsString> = values.into_iter().map(OsString::from).collect();
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt;
        let start = format!("http://{key}").into_bytes();
        let end = format!("@{address}").into_bytes();
        values.push(OsString::from_vec([&start[..], b"\xff", &end].concat()));
        values.push(OsString::from_vec(b"\xff".to_vec()));
    }
    each(values, |value| {
        run_in_own_process(&format!("proxy::{test}"), &[("HTTPS_PROXY", value)]);
        assert!(listener.accept().is_err(), "nobody came");
    });
}

#[test]
fn what_is_well_formed_is_accepted() {
    let values = [
        "http://127.0.0.1:1",
        "http://127.0.0.1:1/",
        "HTTP://127.0.0.1:1",
        "https://127.0.0.1:1",
        "127.0.0.1:1",
        "localhost:1",
        "http://proxy.example",
        "proxy.example",
        "http://[::1]:1",
        "http://u@127.0.0.1:1",
        "http://u:p@127.0.0.1:65535",
        "u:p@127.0.0.1:1",
        "http://u%40v:p%23%2F%3f@127.0.0.1:1",
        " http://127.0.0.1:1 ",
        "\thttp://127.0.0.1:1\r\n",
    ];
    let mut cases: Vec<Vec<(&str, String)>> = values
        .iter()
        .map(|value| vec![("ALL_PROXY", (*value).to_owned())])
        .collect();
    if cfg!(feature = "socks-proxy") {
        let schemes = ["socks4", "socks4a", "socks5", "socks5h"];
        let case = |scheme| vec![("ALL_PROXY", format!("{scheme}://127.0.0.1:1"))];
        cases.extend(schemes.map(case));
    }
    each_in_own_process("what_is_well_formed_is_accepted", &cases, || {
        assert_built_or_refused("");
    });
}

/// A port where nobody listens.
fn dead_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn a_dead_proxy_is_named() {
    let test = "a_dead_proxy_is_named";
    let mut cases = Vec::new();
    for value in ["http://", "", "https://"] {
        let proxy = format!("127.0.0.1:{}", dead_port());
        let (key, blank) = (format!("{USER}:{PASSWORD}"), " \n");
        cases.push(vec![
            ("https_proxy", format!("{value}{key}@{proxy}{blank}")),
            ("PROXY", proxy),
        ]);
    }
    each_in_own_process(test, &cases, || {
        Log::listen(log::LevelFilter::Debug);
        let error = verify(builder_at("https://mode.example".into()).build()).unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Transport, 4));
        let proxy = env::var("PROXY").unwrap();
        let text = format!(
            "GET /api/verify: cannot connect through the proxy {proxy} (check the proxy that \
             https_proxy names)"
        );
        assert_eq!(error.to_string(), text);
        let all = format!("{} {}", shown(&error), Log::heard());
        // In the system's own words.
        let refused = std::net::TcpStream::connect(proxy).unwrap_err();
        assert!(all.contains(&refused.to_string()), "{all}");
        for secret in [USER, PASSWORD] {
            assert!(!all.contains(secret), "{all}");
        }
    });
}

#[test]
fn what_a_proxy_says_to_connect_is_told() {
    let test = "what_a_proxy_says_to_connect_is_told";
    if is_own_process() {
        let error = verify(builder_at("https://mode.example".into()).build()).unwrap_err();
        let [status, attempts, advice] =
            ["STATUS", "ATTEMPTS", "ADVICE"].map(|name| env::var(name).unwrap());
        assert_eq!(error.kind(), ErrorKind::Transport);
        assert_eq!(error.attempts().to_string(), attempts, "{error:?}");
        assert_eq!(error.is_retryable(), attempts == "4");
        // A status of the proxy's is not Mode's.
        assert_eq!(error.status(), None);
        let text = error.to_string();
        let proxy = env::var("PROXY").unwrap();
        assert!(
            text.contains(&format!("through the proxy {proxy} (")),
            "{text}"
        );
        assert!(text.ends_with(&format!("({advice})")), "{text}");
        if status != "0" {
            // Its port may have the same digits.
            let text = chain(&error).replace(&proxy, "");
            assert_eq!(text.matches(&status).count(), 1, "{error:?}");
        }
        assert!(!shown(&error).contains(PASSWORD), "{error:?}");
        return;
    }
    let check = "check the proxy that ALL_PROXY names";
    let key = "put its user name and password, percent-encoded, into the URL in ALL_PROXY";
    let forbids = "the proxy forbids connections to mode.example";
    let mut cases = vec![(407, 1, key), (403, 1, forbids)];
    // 0: it closes without a word.
    cases.extend([0, 502, 503].map(|status| (status, 4, check)));
    let others = [301, 400, 401, 404, 405, 408, 429, 500, 501, 504, 511];
    cases.extend(others.map(|status| (status, 1, check)));
    each(cases, |&(status, attempts, advice)| {
        let (address, seen) = proxy(0, status);
        let variables = [
            ("ALL_PROXY", format!("http://u:{PASSWORD}@{address}")),
            ("PROXY", address.to_string()),
            ("STATUS", status.to_string()),
            ("ATTEMPTS", attempts.to_string()),
            ("ADVICE", advice.to_owned()),
        ];
        run_in_own_process(&format!("proxy::{test}"), &variables);
        let seen = seen.lock().unwrap();
        assert_eq!(seen.matches("CONNECT mode.example:443").count(), attempts);
        assert_eq!(seen.matches("CONNECT").count(), attempts);
    });
}

#[test]
fn a_proxy_that_breaks_off_is_tried_four_times_and_one_that_does_not_speak_http_once() {
    let test = "a_proxy_that_breaks_off_is_tried_four_times_and_one_that_does_not_speak_http_once";
    if is_own_process() {
        let error = verify(builder_at("https://mode.example".into()).build()).unwrap_err();
        let [proxy, attempts] = ["PROXY", "ATTEMPTS"].map(|name| env::var(name).unwrap());
        assert_eq!(error.kind(), ErrorKind::Transport, "{error:?}");
        assert_eq!(error.attempts().to_string(), attempts, "{error:?}");
        let place = format!("through the proxy {proxy} (check the proxy that ALL_PROXY names)");
        assert!(error.to_string().ends_with(&place), "{error:?}");
        return;
    }
    let cases: [(&[u8], u32); 6] = [
        (b"", 4),
        (b"HTTP/1.1 20", 4),
        (b"HTTP/1.1 200 OK\r\nX: y", 4),
        // It breaks off as TLS starts.
        (b"HTTP/1.1 200 OK\r\n\r\n", 4),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", 1),
        (b"\x15\x03\x01\x00\x02\x02\x46", 1),
    ];
    each(cases, |&(words, attempts)| {
        let proxy = format!("127.0.0.1:{}", saying(words));
        let variables = [
            ("ALL_PROXY", format!("http://{proxy}")),
            ("PROXY", proxy),
            ("ATTEMPTS", attempts.to_string()),
        ];
        run_in_own_process(&format!("proxy::{test}"), &variables);
    });
}

#[test]
fn a_proxy_that_is_silent_is_named() {
    let test = "a_proxy_that_is_silent_is_named";
    if is_own_process() {
        let client = builder_at("https://mode.example".into())
            .attempt_timeout(Duration::from_millis(500))
            .max_retries(0);
        let error = verify(client.build()).unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 1));
        let proxy = env::var("PROXY").unwrap();
        let place = format!(" within 500.0ms through the proxy {proxy} (");
        assert!(error.to_string().contains(&place), "{error:?}");
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = listener.local_addr().unwrap().to_string();
    let variables = [("ALL_PROXY", format!("http://{proxy}")), ("PROXY", proxy)];
    run_in_own_process(&format!("proxy::{test}"), &variables);
}

#[test]
fn a_proxy_that_drips_ends_at_the_timeout() {
    let test = "a_proxy_that_drips_ends_at_the_timeout";
    if is_own_process() {
        let client = builder_at("https://mode.example".into())
            .timeout(Duration::from_millis(700))
            .attempt_timeout(Duration::from_millis(500));
        let start = Instant::now();
        let error = verify(client.build()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(5), "{error:?}");
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            thread::spawn(move || {
                let head = b"HTTP/1.1 200 OK\r\nX-Slow: ".iter().chain([&b'a'; 10_000]);
                for byte in head {
                    if client.write_all(&[*byte]).is_err() {
                        break;
                    }
                    thread::sleep(Duration::from_millis(20));
                }
            });
        }
    });
    let variables = [("https_proxy", format!("http://{proxy}"))];
    run_in_own_process(&format!("proxy::{test}"), &variables);
}

#[test]
fn user_name_and_password_reach_the_proxy() {
    let test = "user_name_and_password_reach_the_proxy";
    if is_own_process() {
        let _ = verify(builder_at("https://mode.example".into()).build()).unwrap_err();
        return;
    }
    let cases = [
        ("mallory:opensesame", "mallory:opensesame"),
        ("us%40er:p%3Aa%23s%2Fs%3f%25", "us@er:p:a#s/s?%"),
        ("us%C3%A9r:p", "us\u{e9}r:p"),
        ("mallory:open:sesame", "mallory:open:sesame"),
        ("mallory:open@sesame", "mallory:open@sesame"),
        ("mallory:", "mallory:"),
    ];
    each(cases, |(encoded, plain)| {
        let (address, seen) = proxy(0, 407);
        let variables = [("https_proxy", format!("http://{encoded}@{address}"))];
        run_in_own_process(&format!("proxy::{test}"), &variables);
        let seen = seen.lock().unwrap().to_ascii_lowercase();
        let header = format!(
            "proxy-authorization: basic {}\r\n",
            BASE64_STANDARD.encode(plain)
        );
        assert!(seen.contains(&header.to_ascii_lowercase()), "{seen}");
        // The key of Mode is not for the proxy.
        let own = seen.lines().any(|line| line.starts_with("authorization"));
        assert!(!own, "{seen}");
    });
}

#[test]
fn tls_that_fails_behind_a_proxy_has_the_advice_that_fits() {
    let test = "tls_that_fails_behind_a_proxy_has_the_advice_that_fits";
    if is_own_process() {
        let error = verify(builder_at("https://mode.example".into()).build()).unwrap_err();
        let [proxy, advice, cause] =
            ["PROXY", "ADVICE", "CAUSE"].map(|name| env::var(name).unwrap());
        let place = format!(" through the proxy {proxy}");
        assert_refused(&error, &place, &advice, &cause);
        return;
    }
    let re_signed = Server::start(Authority::new().certify("mode.example", 2099));
    let advice = "a proxy that re-signs traffic needs `platform-verifier` and `system_roots()`";
    let plain = saying(b"HTTP/1.1 200 OK\r\n\r\n");
    let cases = [
        (re_signed.port, advice, "UnknownIssuer"),
        (plain, NO_TLS, "InvalidContentType"),
    ];
    each(cases, |&(port, advice, cause)| {
        let (address, _) = proxy(port, 200);
        let variables = [
            ("HTTPS_PROXY", format!("http://{address}")),
            ("PROXY", address.to_string()),
            ("ADVICE", advice.to_owned()),
            ("CAUSE", cause.to_owned()),
        ];
        run_in_own_process(&format!("proxy::{test}"), &variables);
    });
    assert_eq!(re_signed.seen(), (1, 0));
}

#[cfg(feature = "socks-proxy")]
#[test]
fn a_proxy_that_does_not_speak_socks_is_not_taken_for_tls() {
    let port = saying(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let cases = ["socks5", "socks4"].map(|scheme| {
        let url = format!("{scheme}://127.0.0.1:{port}");
        vec![("ALL_PROXY", url)]
    });
    let test = "a_proxy_that_does_not_speak_socks_is_not_taken_for_tls";
    each_in_own_process(test, &cases, || {
        let error = verify(builder_at("https://192.0.2.1".into()).build()).unwrap_err();
        assert_eq!(
            (error.kind(), error.attempts()),
            (ErrorKind::Transport, 1),
            "{error:?}"
        );
        let advice = "(check the proxy that ALL_PROXY names)";
        assert!(error.to_string().ends_with(advice), "{error}");
    });
}

#[test]
fn a_socks_proxy_is_for_the_feature_alone() {
    let schemes = ["socks4", "socks4a", "socks5", "socks5h"];
    let cases = schemes.map(|scheme| {
        let url = format!("{scheme}://{USER}:{PASSWORD}@127.0.0.1:{}", dead_port());
        vec![("ALL_PROXY", url)]
    });
    each_in_own_process("a_socks_proxy_is_for_the_feature_alone", &cases, || {
        let built = builder_at("https://no-such-host.invalid".into()).build();
        if cfg!(not(feature = "socks-proxy")) {
            assert_eq!(built.unwrap_err().kind(), ErrorKind::InvalidInput);
            return;
        }
        let error = verify(built).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transport);
        assert!(!shown(&error).contains(PASSWORD), "{error:?}");
        // Some look the name up here, which fails; the others leave it to the proxy.
        let scheme = env::var("ALL_PROXY").unwrap();
        let asks_proxy = ["socks4a:", "socks5h:"]
            .iter()
            .any(|s| scheme.starts_with(s));
        assert_eq!(
            error.attempts(),
            if asks_proxy { 4 } else { 1 },
            "{error:?}"
        );
    });
}
