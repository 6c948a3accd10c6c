//! TLS for real, against a server whose certificate authority is made here.

use std::env;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use mode_analytics::{Client, Error, ErrorKind};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::{builder_at, chain, in_own_process};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{\"workspace\": \"acme\"}";

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn certify(&self, host: &str, expires: i32) -> ServerConfig {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(expires, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate: CertificateDer<'static> = params.signed_by(&key, &self.0).unwrap().into();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        versions
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap()
    }
}

/// Answers each connection once; counts them, and the bytes that came through the TLS.
struct Server {
    port: u16,
    seen: Arc<(AtomicUsize, AtomicUsize)>,
}

impl Server {
    fn start(config: ServerConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            seen: Arc::default(),
        };
        let (config, seen) = (Arc::new(config), server.seen.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                seen.0.fetch_add(1, Ordering::SeqCst);
                let mut tls = StreamOwned::new(
                    ServerConnection::new(config.clone()).unwrap(),
                    stream.unwrap(),
                );
                let _ = read_head(&mut tls).and_then(|head| {
                    seen.1.fetch_add(head.len(), Ordering::SeqCst);
                    tls.write_all(ANSWER)
                });
                tls.conn.send_close_notify();
                let _ = tls.flush();
            }
        });
        server
    }

    fn origin(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    fn seen(&self) -> (usize, usize) {
        (
            self.seen.0.load(Ordering::SeqCst),
            self.seen.1.load(Ordering::SeqCst),
        )
    }
}

fn read_head(stream: &mut impl Read) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8(head).unwrap())
}

/// An HTTP proxy that tunnels every CONNECT to `port`, or refuses it with `status`. Returns its URL and what it saw.
fn proxy(port: u16, status: u16) -> (String, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::<Mutex<String>>::default();
    let record = seen.clone();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let head = read_head(&mut client).unwrap();
            record.lock().unwrap().push_str(&head);
            write!(client, "HTTP/1.1 {status} x\r\n\r\n").unwrap();
            if status == 200 {
                let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || io::copy(&mut from, &mut to));
                thread::spawn(move || io::copy(&mut server, &mut client));
            }
        }
    });
    (url, seen)
}

fn verify(client: mode_analytics::Result<Client>) -> Result<String, Error> {
    client
        .unwrap()
        .verify()
        .map(|opened| opened.workspace.unwrap())
}

#[test]
fn an_unknown_authority_is_refused_before_a_byte_of_the_request() {
    // By its address: this test also runs in an empty root, where no file says what `localhost` is.
    let server = Server::start(Authority::new().certify("127.0.0.1", 2099));
    let error = verify(
        builder_at(server.origin().replace("localhost", "127.0.0.1"))
            .on_retry(|_| panic!("no retry"))
            .build(),
    )
    .unwrap_err();
    assert_eq!(
        (error.kind(), error.attempts(), error.is_retryable()),
        (ErrorKind::Tls, 1, false)
    );
    let text = chain(&error);
    assert!(
        text.contains("`platform-verifier`") && text.contains("UnknownIssuer"),
        "{text}"
    );
    assert_eq!(server.seen(), (1, 0));
}

#[test]
fn a_server_that_speaks_no_tls_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            stream
                .unwrap()
                .write_all(b"HTTP/1.1 200 OK\r\n\r\n")
                .unwrap();
        }
    });
    let error = verify(builder_at(origin).build()).unwrap_err();
    assert_eq!(
        (error.kind(), error.attempts()),
        (ErrorKind::Tls, 1),
        "{}",
        chain(&error)
    );
}

/// On Linux `SSL_CERT_FILE` says whom to trust. Windows and macOS ask their own stores, which a test must not change.
#[cfg(all(feature = "platform-verifier", target_os = "linux"))]
mod with_system_roots {
    use super::*;
    use crate::{SECRET, TOKEN};

    /// A file that the system's verifier can be pointed to.
    fn save(authority: &Authority, name: &str) -> String {
        let path =
            env::temp_dir().join(format!("mode-analytics-{}-{name}.pem", std::process::id()));
        std::fs::write(&path, authority.0.pem()).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn the_system_decides_whom_to_trust() {
        let authority = Authority::new();
        let [good, expired, other] = [
            ("localhost", 2099),
            ("localhost", 2021),
            ("other.example", 2099),
        ]
        .map(|(host, year)| Server::start(authority.certify(host, year)));
        let file = save(&authority, "trust");
        let (good_url, expired_url, other_url) = (good.origin(), expired.origin(), other.origin());
        // Loopback: the proxy, where nobody listens, is not asked.
        let variables = [
            ("SSL_CERT_FILE", &*file),
            ("HTTPS_PROXY", "http://127.0.0.1:1"),
            ("GOOD", &good_url),
            ("EXPIRED", &expired_url),
            ("OTHER", &other_url),
        ];
        if in_own_process(
            "tls::with_system_roots::the_system_decides_whom_to_trust",
            &variables,
        ) {
            let ask = |name| verify(builder_at(env::var(name).unwrap()).system_roots().build());
            assert_eq!(ask("GOOD").unwrap(), "acme");
            for name in ["EXPIRED", "OTHER"] {
                let error = ask(name).unwrap_err();
                assert_eq!(
                    (error.kind(), error.attempts()),
                    (ErrorKind::Tls, 1),
                    "{name}: {}",
                    chain(&error)
                );
            }
            // Without `system_roots()` the feature and the variable change nothing.
            assert_eq!(
                verify(builder_at(env::var("GOOD").unwrap()).build())
                    .unwrap_err()
                    .kind(),
                ErrorKind::Tls
            );
            return;
        }
        std::fs::remove_file(file).unwrap();
        assert_eq!(
            (good.seen().0, expired.seen(), other.seen()),
            (2, (1, 0), (1, 0))
        );
        assert!(good.seen().1 > 0);
    }

    #[test]
    fn a_proxy_tunnels_and_sees_no_credential() {
        let authority = Authority::new();
        let server = Server::start(authority.certify("mode.example", 2099));
        let (url, seen) = proxy(server.port, 200);
        let file = save(&authority, "tunnel");
        let variables = [("SSL_CERT_FILE", &*file), ("HTTPS_PROXY", &url)];
        if in_own_process(
            "tls::with_system_roots::a_proxy_tunnels_and_sees_no_credential",
            &variables,
        ) {
            let answer = verify(
                builder_at("https://mode.example".into())
                    .system_roots()
                    .build(),
            );
            assert_eq!(answer.unwrap(), "acme");
            return;
        }
        std::fs::remove_file(file).unwrap();
        let seen = seen.lock().unwrap();
        assert!(
            seen.starts_with("CONNECT mode.example:443 HTTP/1.1\r\n"),
            "{seen}"
        );
        for secret in [TOKEN, SECRET, "Authorization", "NWYzYTljMDFkMmU0"] {
            assert!(!seen.contains(secret), "{seen}");
        }
    }
}

#[test]
fn a_proxy_that_wants_a_password_is_a_readable_error() {
    let (url, seen) = proxy(0, 407);
    if in_own_process(
        "tls::a_proxy_that_wants_a_password_is_a_readable_error",
        &[("ALL_PROXY", &url)],
    ) {
        let error = verify(builder_at("https://mode.example".into()).build()).unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Transport, 1));
        assert!(chain(&error).contains("407"), "{}", chain(&error));
        return;
    }
    assert_eq!(seen.lock().unwrap().matches("CONNECT").count(), 1);
}

/// `ureq` would obey the variable as soon as any crate in the program switches its own feature on.
#[test]
fn a_socks_proxy_is_for_the_feature_alone() {
    let name = "tls::a_socks_proxy_is_for_the_feature_alone";
    for scheme in ["socks4", "socks4a", "socks5", "socks5h"] {
        if in_own_process(name, &[("ALL_PROXY", &format!("{scheme}://127.0.0.1:1"))]) {
            let error =
                verify(builder_at("https://no-such-host.invalid".into()).build()).unwrap_err();
            let proxy = env::var("ALL_PROXY").unwrap();
            assert_eq!(error.kind(), ErrorKind::Transport);
            // Directly, the name does not resolve; by way of the proxy, the port is refused.
            let asks_proxy = cfg!(feature = "socks-proxy")
                && ["socks4a:", "socks5h:"]
                    .iter()
                    .any(|s| proxy.starts_with(s));
            assert_eq!(
                error.attempts(),
                if asks_proxy { 4 } else { 1 },
                "{proxy}: {}",
                chain(&error)
            );
            return;
        }
    }
}
