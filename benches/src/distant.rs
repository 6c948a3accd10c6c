//! A stand-in for Mode that speaks TLS and is 25 ms away. All of it is in this process:
//!
//! client ⇄ relay that delays every byte ⇄ server that speaks TLS ⇄ `fake-mode`
//!
//! Only the time of travel is simulated: no bytes are lost, and neither bandwidth nor TCP's slow start limits them.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use fake_mode::FakeMode;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned};

use crate::Result;

pub const ONE_WAY: Duration = Duration::from_millis(25);
pub const ROUND_TRIP: Duration = Duration::from_millis(50);

const CHUNK: usize = 64 * 1024;

/// Makes a certificate authority, and a server whose certificate for `localhost` it has signed. The authority is PEM.
pub fn certify() -> Result<(String, Arc<ServerConfig>)> {
    let mut params = CertificateParams::new([])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;

    let key = KeyPair::generate()?;
    let params = CertificateParams::new(["localhost".to_owned()])?;
    let certificate: CertificateDer<'static> = params.signed_by(&key, &authority)?.into();
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    Ok((authority.pem(), Arc::new(config)))
}

/// When the server closes a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Closes {
    /// Only after the client has closed it.
    Never,
    /// After each response, which has the header `Connection: close`.
    AfterEachResponse,
}

/// A running server. It runs until the process ends.
pub struct Distant {
    pub origin: String,
    handshakes: Arc<Handshakes>,
}

#[derive(Default)]
struct Handshakes {
    all: AtomicUsize,
    resumed: AtomicUsize,
}

impl Distant {
    pub fn start(config: Arc<ServerConfig>, mode: &FakeMode, closes: Closes) -> Result<Self> {
        let handshakes = Arc::<Handshakes>::default();
        let server = Arc::new(Server {
            config,
            mode: mode.addr(),
            closes,
            handshakes: handshakes.clone(),
        });
        let near = listen(move |stream| {
            let server = server.clone();
            thread::spawn(move || {
                // An open connection always ends with an error, when its client leaves.
                let _ = server.serve(stream);
            });
        })?;
        let far = listen(move |client| {
            let _ = TcpStream::connect(near).and_then(|server| relay(client, server));
        })?;
        Ok(Self {
            origin: format!("https://localhost:{}", far.port()),
            handshakes,
        })
    }

    /// How many TLS handshakes there were so far, and how many of them resumed an earlier session.
    pub fn handshakes(&self) -> [usize; 2] {
        [&self.handshakes.all, &self.handshakes.resumed].map(|n| n.load(Ordering::SeqCst))
    }
}

/// Calls `f` with every connection, on a new thread. Returns the address that it listens on.
fn listen(f: impl Fn(TcpStream) + Send + 'static) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            f(stream);
        }
    });
    Ok(address)
}

/// Carries what each side sends to the other one, where it arrives [`ONE_WAY`] later.
fn relay(client: TcpStream, server: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, from_server) = (client.try_clone()?, server.try_clone()?);
    // On loopback a connection opens at once. Over a network that takes a round trip, and only then does the client
    // send its first bytes. So the first bytes arrive a round trip later than the others do.
    carry(from_client, server, ROUND_TRIP + ONE_WAY);
    carry(from_server, client, ONE_WAY);
    Ok(())
}

/// Carries one direction. The thread that reads does not wait for chunks that are still on their way, so a long body is
/// delayed once as a whole and not once for each chunk.
fn carry(mut from: TcpStream, mut to: TcpStream, first_delay: Duration) {
    let (on_its_way, arriving) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut delay = first_delay;
        loop {
            let mut chunk = vec![0; CHUNK];
            // A broken connection is treated as one that ended.
            let length = from.read(&mut chunk).unwrap_or(0);
            chunk.truncate(length);
            // The end of the stream is an empty chunk, so that it is delayed as well.
            if on_its_way.send((Instant::now() + delay, chunk)).is_err() || length == 0 {
                return;
            }
            delay = ONE_WAY;
        }
    });
    thread::spawn(move || {
        for (due, chunk) in arriving {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let delivered = if chunk.is_empty() {
                to.shutdown(Shutdown::Write)
            } else {
                to.write_all(&chunk)
            };
            if delivered.is_err() {
                return;
            }
        }
    });
}

struct Server {
    config: Arc<ServerConfig>,
    mode: SocketAddr,
    closes: Closes,
    handshakes: Arc<Handshakes>,
}

impl Server {
    /// Passes each request on to `fake-mode`, and its response back.
    fn serve(&self, stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        let mut tls = StreamOwned::new(ServerConnection::new(self.config.clone())?, stream);
        while tls.conn.is_handshaking() {
            tls.conn.complete_io(&mut tls.sock)?;
        }
        self.handshakes.all.fetch_add(1, Ordering::SeqCst);
        if tls.conn.handshake_kind() == Some(HandshakeKind::Resumed) {
            self.handshakes.resumed.fetch_add(1, Ordering::SeqCst);
        }
        let mut to_mode = TcpStream::connect(self.mode)?;
        to_mode.set_nodelay(true)?;
        let mut from_mode = BufReader::new(to_mode.try_clone()?);
        loop {
            to_mode.write_all(&read_head(&mut tls)?)?;
            tls.write_all(&self.read_response(&mut from_mode)?)?;
            if self.closes == Closes::AfterEachResponse {
                tls.conn.send_close_notify();
                return Ok(tls.flush()?);
            }
        }
    }

    fn read_response(&self, stream: &mut impl Read) -> Result<Vec<u8>> {
        let mut response = read_head(stream)?;
        let length: usize = str::from_utf8(&response)?
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "))
            .ok_or("a response without a length")?
            .parse()?;
        if self.closes == Closes::AfterEachResponse {
            response.truncate(response.len() - "\r\n".len());
            response.extend(b"Connection: close\r\n\r\n");
        }
        let head = response.len();
        response.resize(head + length, 0);
        stream.read_exact(&mut response[head..])?;
        Ok(response)
    }
}

fn read_head(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(head)
}
