//! A stand-in for Mode that speaks TLS and is a round trip of 50 ms away.
//!
//! Only the time of travel is simulated: no bytes are lost, and neither bandwidth nor TCP's slow start limits them.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned};

use crate::{Result, stand_in};

pub const ROUND_TRIP: Duration = Duration::from_millis(50);

/// Makes a certificate authority, and a server whose certificate for `localhost` it has signed. The authority is PEM.
pub fn certify() -> Result<(String, Arc<ServerConfig>)> {
    let mut params = CertificateParams::new([])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;

    let key = KeyPair::generate()?;
    let params = CertificateParams::new(["localhost".to_owned()])?;
    let certificate: CertificateDer<'static> = params.signed_by(&key, &authority)?.into();
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate], key)?;
    Ok((authority.pem(), Arc::new(config)))
}

/// A running server. It runs until the process ends.
pub struct Distant {
    pub origin: String,
    server: Arc<Server>,
}

struct Server {
    config: Arc<ServerConfig>,
    /// Whether the server closes each connection after one response, or never.
    closes: bool,
    verification: String,
    memberships: String,
    handshakes: AtomicUsize,
    resumed: AtomicUsize,
}

impl Distant {
    pub fn start(config: Arc<ServerConfig>, people: usize, closes: bool) -> Result<Self> {
        let (name, workspace) = stand_in::workspace(people);
        let server = Arc::new(Server {
            config,
            closes,
            verification: format!(r#"{{"workspace":"{name}"}}"#),
            memberships: workspace.memberships_json(),
            handshakes: AtomicUsize::new(0),
            resumed: AtomicUsize::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let origin = format!("https://localhost:{}", listener.local_addr()?.port());
        let shared = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = shared.clone();
                // An open connection always ends with an error, when its client leaves.
                thread::spawn(move || drop(server.serve(stream)));
            }
        });
        Ok(Self { origin, server })
    }

    /// How many TLS handshakes there were so far, and how many of them resumed an earlier session.
    pub fn handshakes(&self) -> [usize; 2] {
        [&self.server.handshakes, &self.server.resumed].map(|it| it.load(Ordering::SeqCst))
    }
}

impl Server {
    fn serve(&self, stream: TcpStream) -> Result<()> {
        let connection = ServerConnection::new(self.config.clone())?;
        let mut tls = StreamOwned::new(connection, Far::new(stream)?);
        while tls.conn.is_handshaking() {
            tls.conn.complete_io(&mut tls.sock)?;
        }
        self.handshakes.fetch_add(1, Ordering::SeqCst);
        if tls.conn.handshake_kind() == Some(HandshakeKind::Resumed) {
            self.resumed.fetch_add(1, Ordering::SeqCst);
        }
        loop {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                tls.read_exact(&mut byte)?;
                head.push(byte[0]);
            }
            let body = if head.starts_with(b"GET /api/verify ") {
                &self.verification
            } else {
                &self.memberships
            };
            let keep = if self.closes { "close" } else { "keep-alive" };
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\nConnection: {keep}\r\nContent-Length: {length}");
            tls.write_all(format!("{head}\r\n\r\n{body}").as_bytes())?;
            tls.flush()?;
            if self.closes {
                tls.conn.send_close_notify();
                return Ok(tls.flush()?);
            }
        }
    }
}

/// A connection to a client that is a round trip away. All of it is added to the way to the client.
struct Far {
    stream: TcpStream,
    on_its_way: mpsc::Sender<(Instant, Vec<u8>)>,
}

impl Far {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let (on_its_way, arriving) = mpsc::channel::<(Instant, Vec<u8>)>();
        let mut client = stream.try_clone()?;
        thread::spawn(move || {
            for (due, bytes) in arriving {
                thread::sleep(due.saturating_duration_since(Instant::now()));
                client.write_all(&bytes)?;
            }
            client.shutdown(Shutdown::Both)
        });
        // On loopback, a connection opens at once.
        thread::sleep(ROUND_TRIP);
        Ok(Self { stream, on_its_way })
    }
}

impl Read for Far {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Far {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let due = Instant::now() + ROUND_TRIP;
        let sent = self.on_its_way.send((due, bytes.to_vec()));
        sent.map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
