//! TLS for real, against a server whose certificate authority is made here.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use mode_analytics::{Client, Error, ErrorKind};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned};

use crate::builder_at;

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 21\r\n\r\n\
    {\"workspace\": \"acme\"}";

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let name = format!("authority {}", MADE.fetch_add(1, Ordering::SeqCst));
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn certify(&self, host: &str, expires: i32) -> ServerConfig {
        self.certify_from(2020, host, expires)
    }

    fn certify_from(&self, begins: i32, host: &str, expires: i32) -> ServerConfig {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        params.not_before = date_time_ymd(begins, 1, 1);
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

/// Answers each connection once.
pub(crate) struct Server {
    pub(crate) port: u16,
    seen: Arc<Seen>,
}

/// How many connections there were, how many bytes came through the TLS, and how many handshakes were
/// resumed.
#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    bytes: AtomicUsize,
    resumed: AtomicUsize,
}

impl Server {
    pub(crate) fn start(config: ServerConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            seen: Arc::default(),
        };
        let (config, seen) = (Arc::new(config), server.seen.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                seen.connections.fetch_add(1, Ordering::SeqCst);
                let mut tls = StreamOwned::new(
                    ServerConnection::new(config.clone()).unwrap(),
                    stream.unwrap(),
                );
                let _ = read_head(&mut tls).and_then(|head| {
                    seen.bytes.fetch_add(head.len(), Ordering::SeqCst);
                    let is_resumed = tls.conn.handshake_kind() == Some(HandshakeKind::Resumed);
                    seen.resumed
                        .fetch_add(usize::from(is_resumed), Ordering::SeqCst);
                    tls.write_all(RESPONSE)
                });
                tls.conn.send_close_notify();
                let _ = tls.flush();
            }
        });
        server
    }

    #[cfg(all(feature = "platform-verifier", target_os = "linux"))]
    fn origin(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// How many connections there were, and how many bytes came through the TLS.
    pub(crate) fn seen(&self) -> (usize, usize) {
        let Seen {
            connections, bytes, ..
        } = &*self.seen;
        (
            connections.load(Ordering::SeqCst),
            bytes.load(Ordering::SeqCst),
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

/// A server that says these words to everybody and nothing more, and hears everybody out: a close with
/// unread bytes would be a reset, which may overtake the words.
pub(crate) fn saying(words: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                stream.write_all(words)?;
                stream.shutdown(Shutdown::Write)?;
                io::copy(&mut stream, &mut io::sink())
            });
        }
    });
    port
}

/// An HTTP proxy that tunnels every CONNECT to `port`, or refuses it with `status`, or closes if that
/// is 0. Returns its address and what it saw.
pub(crate) fn proxy(port: u16, status: u16) -> (SocketAddr, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::<Mutex<String>>::default();
    let record = seen.clone();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let Ok(head) = read_head(&mut client) else {
                continue;
            };
            record.lock().unwrap().push_str(&head);
            if status == 0 {
                continue;
            }
            let _ = write!(client, "HTTP/1.1 {status} x\r\n\r\n");
            if status == 200 {
                let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || io::copy(&mut from, &mut to));
                thread::spawn(move || io::copy(&mut server, &mut client));
            }
        }
    });
    (address, seen)
}

pub(crate) fn verify(client: mode_analytics::Result<Client>) -> Result<String, Error> {
    client.unwrap().verify().map(|opened| opened.workspace)
}

/// The error is of TLS, has this advice, keeps rustls' words as its cause, and was not retried.
pub(crate) fn assert_refused(error: &Error, place: &str, advice: &str, cause: &str) {
    assert_eq!(
        error.to_string(),
        format!("GET /api/verify: no trusted connection{place} ({advice})")
    );
    let source = std::error::Error::source(error).unwrap().to_string();
    assert!(source.contains(cause), "{source}");
    assert!(format!("{error:?}").contains(&source));
    assert_eq!(
        (error.kind(), error.attempts(), error.is_retryable()),
        (ErrorKind::Tls, 1, false)
    );
}

pub(crate) const NO_TLS: &str = "the other side does not speak TLS: check the port (and the \
    scheme of a proxy's URL)";
pub(crate) const UNKNOWN_ISSUER: &str = "let this system trust the certificate's issuer, and use \
    `system_roots()` (feature `platform-verifier`)";

#[test]
fn an_unknown_authority_is_refused_before_a_byte_of_the_request() {
    // By its address: this test also runs in an empty root, where no file says what `localhost` is.
    let server = Server::start(Authority::new().certify("127.0.0.1", 2099));
    let origin = format!("https://127.0.0.1:{}", server.port);
    let client = builder_at(origin).on_retry(|_| panic!("no retry"));
    let error = verify(client.build()).unwrap_err();
    assert_refused(&error, "", UNKNOWN_ISSUER, "UnknownIssuer");
    assert_eq!(server.seen(), (1, 0));
}

#[test]
fn a_server_that_speaks_no_tls_is_refused() {
    for words in [&b"HTTP/1.1 200 OK\r\n\r\n"[..], b"SSH-2.0-OpenSSH_9.6\r\n"] {
        let origin = format!("https://127.0.0.1:{}", saying(words));
        let error = verify(builder_at(origin).build()).unwrap_err();
        assert_refused(&error, "", NO_TLS, "InvalidContentType");
    }
}

#[test]
fn a_server_that_refuses_the_handshake_is_told_with_the_usual_advice() {
    // An alert: fatal, handshake failure.
    let port = saying(b"\x15\x03\x03\x00\x02\x02\x28");
    let error = verify(builder_at(format!("https://127.0.0.1:{port}")).build()).unwrap_err();
    let advice = "check the base URL, this machine's clock, and any proxy in between";
    assert_refused(&error, "", advice, "HandshakeFailure");
}

/// On Linux `SSL_CERT_FILE` says whom to trust. Windows and macOS ask their own stores, which a test must not change.
#[cfg(all(feature = "platform-verifier", target_os = "linux"))]
mod with_system_roots {
    use std::env;
    use std::time::Duration;

    use super::*;
    use crate::{SECRET, TOKEN, each, in_own_process, is_own_process, run_in_own_process};

    /// A file that the system's verifier can be pointed to.
    fn save(authority: &Authority, name: &str) -> String {
        let path =
            env::temp_dir().join(format!("mode-analytics-{}-{name}.pem", std::process::id()));
        std::fs::write(&path, authority.0.pem()).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn the_system_decides_whom_to_trust() {
        let name = "tls::with_system_roots::the_system_decides_whom_to_trust";
        if is_own_process() {
            let client = builder_at(env::var("ORIGIN").unwrap());
            let response = verify(client.clone().system_roots().build());
            match env::var("ADVICE").unwrap().as_str() {
                "" => assert_eq!(response.unwrap(), "acme"),
                advice => {
                    let cause = env::var("CAUSE").unwrap();
                    assert_refused(&response.unwrap_err(), "", advice, &cause);
                }
            }
            // Without `system_roots()` the feature and the variable change nothing.
            let error = verify(client.build()).unwrap_err();
            assert_eq!((error.kind(), error.attempts()), (ErrorKind::Tls, 1));
            return;
        }
        let (authority, unknown) = (Authority::new(), Authority::new());
        let file = save(&authority, "trust");
        let cases = [
            (authority.certify("localhost", 2099), "", ""),
            (
                authority.certify("localhost", 2021),
                "check the base URL, this machine's clock, and any proxy in between",
                "expired",
            ),
            (
                authority.certify_from(2098, "localhost", 2099),
                "check the base URL, this machine's clock, and any proxy in between",
                "not valid yet",
            ),
            (
                authority.certify("other.example", 2099),
                "the certificate is for another host",
                "not valid for name",
            ),
            (
                unknown.certify("localhost", 2099),
                UNKNOWN_ISSUER,
                "UnknownIssuer",
            ),
        ];
        each(cases, |(config, advice, cause)| {
            let server = Server::start(config.clone());
            // Loopback: the proxy, where nobody listens, is not asked.
            let variables = [
                ("SSL_CERT_FILE", &*file),
                ("HTTPS_PROXY", "http://127.0.0.1:1"),
                ("ORIGIN", &server.origin()),
                ("ADVICE", advice),
                ("CAUSE", cause),
            ];
            run_in_own_process(name, &variables);
            let (connections, bytes) = server.seen();
            assert_eq!((connections, bytes > 0), (2, advice.is_empty()));
        });
        std::fs::remove_file(file).unwrap();
    }

    #[test]
    fn a_system_without_authorities_says_so() {
        let name = "tls::with_system_roots::a_system_without_authorities_says_so";
        if is_own_process() {
            let client = builder_at(env::var("ORIGIN").unwrap()).system_roots();
            let error = verify(client.build()).unwrap_err();
            let advice = "install the system's CA certificates, or omit `system_roots()`";
            assert_refused(&error, "", advice, "No CA");
            return;
        }
        let server = Server::start(Authority::new().certify("localhost", 2099));
        let folder = env::temp_dir().join(format!("mode-analytics-{}-no-ca", std::process::id()));
        let folders = folder.join("empty");
        std::fs::create_dir_all(&folders).unwrap();
        let file = folder.join("empty.pem");
        std::fs::write(&file, "").unwrap();
        let variables = [
            ("SSL_CERT_FILE", file.to_str().unwrap()),
            ("SSL_CERT_DIR", folders.to_str().unwrap()),
            ("ORIGIN", &server.origin()),
        ];
        run_in_own_process(name, &variables);
        std::fs::remove_dir_all(folder).unwrap();
        assert_eq!(server.seen().1, 0);
    }

    #[test]
    fn tls_is_resumed_whatever_the_timeouts_are() {
        let name = "tls::with_system_roots::tls_is_resumed_whatever_the_timeouts_are";
        if is_own_process() {
            let seconds = |name| Duration::from_secs(env::var(name).unwrap().parse().unwrap());
            let client = builder_at(env::var("ORIGIN").unwrap())
                .system_roots()
                .timeout(seconds("TIMEOUT"))
                .attempt_timeout(seconds("ATTEMPT_TIMEOUT"));
            let client = client.build().unwrap();
            (0..10).for_each(|_| drop(client.verify().unwrap()));
            return;
        }
        let authority = Authority::new();
        let file = save(&authority, "resume");
        // The first are the defaults.
        each([("60", "30"), ("30", "30"), ("20", "30")], |timeouts| {
            let server = Server::start(authority.certify("localhost", 2099));
            let variables = [
                ("SSL_CERT_FILE", &*file),
                ("ORIGIN", &server.origin()),
                ("TIMEOUT", timeouts.0),
                ("ATTEMPT_TIMEOUT", timeouts.1),
            ];
            run_in_own_process(name, &variables);
            let resumed = server.seen.resumed.load(Ordering::SeqCst);
            // On a busy machine a call may start so late that its request gets a limit of its own.
            assert!(
                server.seen().0 == 10 && (7..=9).contains(&resumed),
                "{resumed} of {}",
                server.seen().0
            );
        });
        std::fs::remove_file(file).unwrap();
    }

    #[test]
    fn a_proxy_tunnels_and_sees_no_credential() {
        let authority = Authority::new();
        let server = Server::start(authority.certify("mode.example", 2099));
        let (address, seen) = proxy(server.port, 200);
        let file = save(&authority, "tunnel");
        let url = format!("http://{address}");
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
