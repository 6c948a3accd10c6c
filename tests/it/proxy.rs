//! Proxy variables: as curl reads them, and closed when in doubt.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use mode_analytics::Client;

use crate::leaks::{Log, shown};
use crate::tls::{Authority, NO_TLS, Server, UNKNOWN_ISSUER, proxy, saying};
use crate::{builder_at, chain, credentials, each, is_own_process, run_in_own_process};

const USER: &str = "mallory";
const PASSWORD: &str = "opensesame";
/// A value that no proxy has. A client is built only if the variable does not apply.
const UNUSABLE: &str = "garbage:///";
/// A host that the proxies below are asked for. It does not exist.
const AT_EXAMPLE: (&str, &str) = ("AT", "https://mode.example");
const SEPARATOR: &str = "\u{1f}";

/// The error of a call in a process of its own.
#[derive(Debug)]
struct Told {
    kind: String,
    text: String,
    /// The text and its causes.
    chain: String,
    attempts: usize,
    is_retryable: bool,
    /// Everything that the error and the log show.
    shown: String,
}

/// Builds a client for Mode in a process of its own that has these variables. If `AT` is an origin,
/// builds one for that and calls `verify()`.
fn told<V: AsRef<OsStr>>(variables: &[(&str, V)]) -> Option<Told> {
    let output = run_in_own_process("proxy::own_process", variables);
    let fields: Vec<&str> = output.split(SEPARATOR).collect();
    match fields[..] {
        [_, "no error", _] => None,
        [_, kind, text, chain, attempts, is_retryable, shown, _] => Some(Told {
            kind: kind.into(),
            text: text.into(),
            chain: chain.into(),
            attempts: attempts.parse().unwrap(),
            is_retryable: is_retryable == "true",
            shown: shown.into(),
        }),
        _ => panic!("{output}"),
    }
}

/// Does nothing by itself: `told` runs it in a process of its own.
#[test]
fn own_process() {
    if !is_own_process() {
        return;
    }
    let result = match env::var("AT") {
        Ok(origin) => {
            Log::listen(log::LevelFilter::Debug);
            let mut builder = builder_at(origin);
            if let Ok(millis) = env::var("MILLIS") {
                let timeout = Duration::from_millis(millis.parse().unwrap());
                builder = builder.attempt_timeout(timeout).max_retries(0);
            }
            builder.build().and_then(|client| client.verify()).err()
        }
        Err(_) => {
            Log::listen(log::LevelFilter::Trace);
            let built = Client::builder(credentials()).build().err();
            let new = Client::new(credentials()).err();
            assert_eq!(format!("{new:?}"), format!("{built:?}"));
            built
        }
    };
    let fields = result.map(|error| {
        assert_eq!(
            error.status(),
            None,
            "a status of the proxy's is not Mode's"
        );
        [
            error.kind().to_string(),
            error.to_string(),
            chain(&error),
            error.attempts().to_string(),
            error.is_retryable().to_string(),
            shown(&error) + &Log::heard(),
        ]
    });
    let fields = fields.map_or("no error".into(), |fields| fields.join(SEPARATOR));
    println!("{SEPARATOR}{fields}{SEPARATOR}");
}

/// `build()` succeeds, or names this variable.
fn assert_built_or_refused<V: AsRef<OsStr>>(variables: &[(&str, V)], refused: &str) {
    let Some(error) = told(variables) else {
        return assert_eq!(refused, "", "it was built");
    };
    assert_eq!(error.kind, "invalid input");
    let words = format!("the variable {refused} ");
    assert!(error.text.starts_with(&words), "{}", error.text);
}

/// On Windows a variable has one name, in capitals or not.
#[cfg(not(windows))]
#[test]
fn the_first_variable_that_is_set_counts() {
    let cases = [
        ("", ""),
        ("https_proxy=bad", "https_proxy"),
        ("HTTPS_PROXY=bad", "HTTPS_PROXY"),
        ("all_proxy=bad", "all_proxy"),
        ("ALL_PROXY=bad", "ALL_PROXY"),
        ("http_proxy=bad HTTP_PROXY=bad", ""),
        (
            "https_proxy=bad HTTPS_PROXY=bad all_proxy=bad ALL_PROXY=bad",
            "https_proxy",
        ),
        ("HTTPS_PROXY=bad all_proxy=bad ALL_PROXY=bad", "HTTPS_PROXY"),
        ("all_proxy=bad ALL_PROXY=bad", "all_proxy"),
        ("https_proxy=good HTTPS_PROXY=bad", ""),
        ("HTTPS_PROXY=good all_proxy=bad", ""),
        ("all_proxy=good ALL_PROXY=bad", ""),
        (
            "https_proxy= HTTPS_PROXY=blank all_proxy=tab ALL_PROXY=bad",
            "ALL_PROXY",
        ),
        ("https_proxy= ALL_PROXY=blank", ""),
    ];
    each(cases, |(variables, refused)| {
        let variables = variables.split_whitespace().map(|variable| {
            let (name, value) = variable.split_once('=').unwrap();
            let value = match value {
                "bad" => UNUSABLE,
                "good" => "http://127.0.0.1:1",
                "blank" => " \n",
                "tab" => "\t",
                _ => "",
            };
            (name, value)
        });
        assert_built_or_refused(&variables.collect::<Vec<_>>(), refused);
    });
}

#[test]
fn no_proxy_covers_hosts_and_what_is_below_them() {
    // For `app.mode.com`.
    let exempt = "*| * |a,*|mode.com|.mode.com|*.mode.com|app.mode.com|.app.mode.com|\
        *.app.mode.com|com|MODE.com|*.Mode.COM|localhost, 127.0.0.1 ,\tmode.com |mode.com,|\
        ,,mode.com,,|mode.com.|foo app.mode.com|app\tmode.com\nx";
    let others = "| |,|.|. ,|mode.co|ode.com|p.mode.com|notmode.com|xapp.mode.com|x.app.mode.com|\
        app.mode.com.example|app.mode|app|a*|*mode|app.*.com|app mode co|localhost,127.0.0.1 ::1";
    for (lists, refused) in [(exempt, ""), (others, "HTTPS_PROXY")] {
        each(lists.split('|'), |list| {
            let variables = [("NO_PROXY", *list), ("HTTPS_PROXY", UNUSABLE)];
            assert_built_or_refused(&variables, refused);
        });
    }
    #[cfg(not(windows))]
    for (empty, other) in [("NO_PROXY", "no_proxy"), ("no_proxy", "NO_PROXY")] {
        each(["", " "], |blank| {
            let list = (other, "mode.com");
            assert_built_or_refused(&[list, (empty, blank), ("HTTPS_PROXY", UNUSABLE)], "");
        });
    }
}

#[test]
fn a_proxy_that_cannot_be_used_is_refused_and_nothing_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let values = "garbage:///|://|http:|http://|http:///|http:/KEY@ADDRESS|garbage://KEY@ADDRESS|\
        ftp://KEY@ADDRESS|htp://KEY@ADDRESS|http://%ffKEY@ADDRESS|http://KEY%ff@ADDRESS|\
        http://KEY#x@ADDRESS|http://KEY/x@ADDRESS|http://KEY?x@ADDRESS|KEY#x@ADDRESS|\
        http://KEY@ADDRESS/opensesame|http://KEY@ADDRESS?opensesame|\
        http://KEY@ADDRESS#opensesame|http://KEY@|http://KEY@:PORT|http://KEY@127.0.0.1:|\
        http://KEY@127.0.0.1:0|http://KEY@127.0.0.1:65536|http://KEY@127.0.0.1:99999999999|\
        http://KEY@127.0.0.1:+80|http://KEY@127.0.0.1:opensesame|http://KEY@127.0.0.1:PORT:PORT|\
        http://KEY@[::1|http://KEY@127.0.0.1 x:PORT|http://KEY x@ADDRESS|\
        http://KEY\u{e4}@ADDRESS|http://KEY@ADDRESS,http://ADDRESS";
    let socks = "socks://KEY@ADDRESS|socks4://KEY@ADDRESS|socks4a://KEY@ADDRESS|\
        socks5://KEY@ADDRESS|socks5h://KEY@ADDRESS| socks5://ADDRESS\n";
    let has_socks = cfg!(feature = "socks-proxy");
    let values = values
        .split('|')
        .chain(socks.split('|').filter(|_| !has_socks));
    let replaced = |value: &str| {
        let value = value.replace("KEY", &format!("{USER}:{PASSWORD}"));
        let value = value.replace("ADDRESS", &address.to_string());
        OsString::from(value.replace("PORT", &address.port().to_string()))
    };
    let mut values: Vec<OsString> = values.map(replaced).collect();
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt;
        let start = format!("http://{USER}:{PASSWORD}").into_bytes();
        let end = format!("@{address}").into_bytes();
        values.push(OsString::from_vec([&start[..], b"\xff", &end].concat()));
        values.push(OsString::from_vec(b"\xff".to_vec()));
    }
    each(values, |value| {
        let error = told(&[("HTTPS_PROXY", value)]).unwrap();
        assert_eq!((&*error.kind, error.attempts), ("invalid input", 0));
        let text = &error.text;
        assert!(text.starts_with("the variable HTTPS_PROXY "), "{text}");
        let is_socks = value.to_string_lossy().trim().starts_with("socks");
        assert_eq!(text.contains("`socks-proxy`"), is_socks, "{text}");
        let way_out = " (correct it, unset it, or add app.mode.com to NO_PROXY)";
        assert!(text.ends_with(way_out) && !error.is_retryable, "{text}");
        assert_no_login(&error);
        assert!(listener.accept().is_err(), "nobody came");
    });
}

fn assert_no_login(error: &Told) {
    let shown = &error.shown;
    assert!(
        !shown.contains(USER) && !shown.contains(PASSWORD),
        "{shown}"
    );
}

#[test]
fn what_is_well_formed_is_accepted() {
    let values = "http://127.0.0.1:1|http://127.0.0.1:1/|HTTP://127.0.0.1:1|https://127.0.0.1:1|\
        127.0.0.1:1|localhost:1|http://proxy.example|proxy.example|http://[::1]:1|\
        http://u@127.0.0.1:1|http://u:p@127.0.0.1:65535|u:p@127.0.0.1:1|\
        http://u%40v:p%23%2F%3f@127.0.0.1:1| http://127.0.0.1:1 |\thttp://127.0.0.1:1\r\n";
    let socks = "socks4://127.0.0.1:1|socks4a://127.0.0.1:1|socks5://127.0.0.1:1|socks5h://a:1";
    let has_socks = cfg!(feature = "socks-proxy");
    let socks = socks.split('|').filter(|_| has_socks);
    each(values.split('|').chain(socks), |value| {
        assert_built_or_refused(&[("ALL_PROXY", value)], "");
    });
}

/// An address where nobody listens.
fn dead_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn a_dead_proxy_is_named() {
    each(["http://", "", "https://"], |scheme| {
        let proxy = dead_address();
        let url = format!("{scheme}{USER}:{PASSWORD}@{proxy} \n");
        let error = told(&[("https_proxy", &*url), AT_EXAMPLE]).unwrap();
        assert_eq!((&*error.kind, error.attempts), ("transport", 4));
        let text = format!("GET /api/verify: cannot connect through the proxy {proxy}");
        let advice = "check the proxy variables";
        assert_eq!(error.text, format!("{text} ({advice})"));
        // In the system's own words.
        let refused = TcpStream::connect(proxy).unwrap_err();
        assert!(error.shown.contains(&refused.to_string()), "{error:?}");
        assert_no_login(&error);
    });
}

const CHECK: &str = "check the proxy variables";

/// The error of a call through the proxy at `address`, which names the proxy and gives this advice.
fn failing_through(address: &str, attempts: usize, advice: &str) -> Told {
    let url = format!("http://u:{PASSWORD}@{address}");
    let error = told(&[("ALL_PROXY", &*url), AT_EXAMPLE]).unwrap();
    assert_eq!(
        (&*error.kind, error.attempts),
        ("transport", attempts),
        "{error:?}"
    );
    assert_eq!(error.is_retryable, attempts == 4);
    let end = format!(" through the proxy {address} ({advice})");
    assert!(error.text.ends_with(&end), "{error:?}");
    assert!(!error.shown.contains(PASSWORD), "{error:?}");
    error
}

#[test]
fn what_a_proxy_says_to_connect_is_told() {
    let key = "only Basic authentication is supported: put the user name and the password, percent-encoded, into the \
        proxy's URL";
    let forbids = "the proxy forbids connections to this host";
    let mut cases = vec![(407, 1, key), (403, 1, forbids)];
    // 0: it closes without a word.
    let retried = [0, 408, 429, 500, 502, 503, 504, 522];
    cases.extend(retried.map(|status| (status, 4, CHECK)));
    let others = [301, 400, 401, 404, 405, 501, 505, 511];
    cases.extend(others.map(|status| (status, 1, CHECK)));
    each(cases, |&(status, attempts, advice)| {
        let (address, seen) = proxy(0, status);
        let address = address.to_string();
        let error = failing_through(&address, attempts, advice);
        if status != 0 {
            // Its port may have the same digits.
            let text = error.chain.replace(&address, "");
            assert_eq!(text.matches(&status.to_string()).count(), 1, "{error:?}");
        }
        let seen = seen.lock().unwrap();
        assert_eq!(seen.matches("CONNECT mode.example:443").count(), attempts);
        assert_eq!(seen.matches("CONNECT").count(), attempts);
    });
}

#[test]
fn a_proxy_that_breaks_off_is_tried_four_times_and_one_that_does_not_speak_http_once() {
    let cases: [(&[u8], usize); 6] = [
        (b"", 4),
        (b"HTTP/1.1 20", 4),
        (b"HTTP/1.1 200 OK\r\nX: y", 4),
        // It breaks off as TLS starts.
        (b"HTTP/1.1 200 OK\r\n\r\n", 4),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", 1),
        (b"\x15\x03\x01\x00\x02\x02\x46", 1),
    ];
    each(cases, |&(words, attempts)| {
        let address = format!("127.0.0.1:{}", saying(words));
        failing_through(&address, attempts, CHECK);
    });
}

#[test]
fn a_proxy_that_is_silent_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = listener.local_addr().unwrap().to_string();
    let error = told(&[("ALL_PROXY", &*proxy), AT_EXAMPLE, ("MILLIS", "500")]).unwrap();
    assert_eq!((&*error.kind, error.attempts), ("timeout", 1));
    let place = format!(" within 500.0ms through the proxy {proxy} (");
    assert!(error.text.contains(&place), "{error:?}");
}

#[test]
fn a_proxy_that_drips_ends_at_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            thread::spawn(move || {
                let head = b"HTTP/1.1 200 OK\r\nX-Slow: ".iter().chain([&b'a'; 500]);
                for byte in head {
                    if client.write_all(&[*byte]).is_err() {
                        break;
                    }
                    thread::sleep(Duration::from_millis(20));
                }
            });
        }
    });
    let start = Instant::now();
    let error = told(&[("https_proxy", &*proxy), AT_EXAMPLE, ("MILLIS", "500")]).unwrap();
    assert_eq!(error.kind, "timeout", "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(5), "{error:?}");
}

#[test]
fn user_name_and_password_reach_the_proxy() {
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
        let url = format!("http://{encoded}@{address}");
        told(&[("https_proxy", &*url), AT_EXAMPLE]).unwrap();
        let seen = seen.lock().unwrap().to_ascii_lowercase();
        let key = BASE64_STANDARD.encode(plain).to_ascii_lowercase();
        let header = format!("proxy-authorization: basic {key}\r\n");
        assert!(seen.contains(&header), "{seen}");
        // The key of Mode is not for the proxy.
        let own = seen.lines().any(|line| line.starts_with("authorization"));
        assert!(!own, "{seen}");
    });
}

#[test]
fn tls_that_fails_behind_a_proxy_has_the_advice_that_fits() {
    let re_signed = Server::start(Authority::new().certify("mode.example", 2099));
    let plain = saying(b"HTTP/1.1 200 OK\r\n\r\n");
    let cases = [
        (re_signed.port, UNKNOWN_ISSUER, "UnknownIssuer"),
        (plain, NO_TLS, "InvalidContentType"),
    ];
    each(cases, |&(port, advice, cause)| {
        let (proxy, _) = proxy(port, 200);
        let url = format!("http://{proxy}");
        let error = told(&[("HTTPS_PROXY", &*url), AT_EXAMPLE]).unwrap();
        let text = "GET /api/verify: no trusted connection through the proxy";
        assert_eq!(error.text, format!("{text} {proxy} ({advice})"));
        assert!(error.chain.contains(cause), "{error:?}");
        assert_eq!((&*error.kind, error.attempts), ("tls", 1));
        assert!(!error.is_retryable);
    });
    assert_eq!(re_signed.seen(), (1, 0));
}

#[cfg(feature = "socks-proxy")]
#[test]
fn a_proxy_that_does_not_speak_socks_is_not_taken_for_tls() {
    let port = saying(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    each(["socks5", "socks4"], |scheme| {
        let url = format!("{scheme}://127.0.0.1:{port}");
        let error = told(&[("ALL_PROXY", &*url), ("AT", "https://192.0.2.1")]).unwrap();
        assert_eq!(
            (&*error.kind, error.attempts),
            ("transport", 1),
            "{error:?}"
        );
        assert!(error.text.ends_with(&format!("({CHECK})")), "{error:?}");
    });
}

#[test]
fn a_socks_proxy_is_for_the_feature_alone() {
    // Some look the name up here, which fails; the others leave it to the proxy.
    let cases = [
        ("socks4", "cannot look up"),
        ("socks4a", "cannot connect"),
        ("socks5", "cannot look up"),
        ("socks5h", "cannot connect"),
    ];
    each(cases, |(scheme, fault)| {
        let url = format!("{scheme}://{USER}:{PASSWORD}@{}", dead_address());
        let at = ("AT", "https://no-such-host.invalid");
        let error = told(&[("ALL_PROXY", &*url), at]).unwrap();
        assert!(!error.shown.contains(PASSWORD), "{error:?}");
        let (expected, text) = match cfg!(feature = "socks-proxy") {
            true => (("transport", 4), *fault),
            false => (("invalid input", 0), "`socks-proxy`"),
        };
        assert_eq!((&*error.kind, error.attempts), expected, "{error:?}");
        assert!(error.text.contains(text), "{error:?}");
    });
}
