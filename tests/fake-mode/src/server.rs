//! The server: its routes, its records, its life.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::connection;
use crate::reply::Reply;
use crate::request::Request;

/// A socket on which nothing moves for so long is given up.
const IDLE: Duration = Duration::from_secs(60);

type Route = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;
type Observer = Arc<dyn Fn(&Request, &Reply) + Send + Sync>;

/// A running stand-in for Mode on `127.0.0.1`. It stops when dropped.
///
/// A route is looked up by the whole request target, query included, then by its path alone. A later route for the
/// same target replaces the earlier one. What has no route is a 404 with Mode's id `not_found`.
pub struct FakeMode {
    shared: Arc<Shared>,
    addr: SocketAddr,
    acceptor: Option<JoinHandle<()>>,
}

impl FakeMode {
    /// Starts on a free port.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn start() -> FakeMode {
        FakeMode::start_on(0).expect("127.0.0.1 has a free port")
    }

    /// Starts on this port; 0 is any free one.
    ///
    /// # Errors
    ///
    /// If the port is taken or not allowed.
    pub fn start_on(port: u16) -> io::Result<FakeMode> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let acceptor = thread::spawn({
            let shared = shared.clone();
            move || accept(&listener, &shared)
        });
        Ok(FakeMode {
            shared,
            addr,
            acceptor: Some(acceptor),
        })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Where the server listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Answers every request for `target` with `reply`.
    pub fn on(&self, target: &str, reply: Reply) -> &Self {
        self.route(target, move |_| reply.clone())
    }

    /// Answers the requests for `target` with one reply each, in order; the last one repeats.
    ///
    /// # Panics
    ///
    /// If there are no replies.
    pub fn script(&self, target: &str, replies: impl IntoIterator<Item = Reply>) -> &Self {
        let replies: Vec<Reply> = replies.into_iter().collect();
        assert!(!replies.is_empty(), "the script for {target} is empty");
        let asked = AtomicUsize::new(0);
        self.route(target, move |_| {
            let turn = asked.fetch_add(1, Ordering::Relaxed);
            replies[turn.min(replies.len() - 1)].clone()
        })
    }

    /// Answers the requests for `target` with what `f` returns.
    pub fn route(
        &self,
        target: &str,
        f: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> &Self {
        let mut state = self.shared.state();
        state.routes.insert(target.to_owned(), Arc::new(f));
        drop(state);
        self
    }

    /// Calls `f` with every request and its reply, before the reply is sent.
    pub fn on_reply(&self, f: impl Fn(&Request, &Reply) + Send + Sync + 'static) -> &Self {
        self.shared.state().observer = Some(Arc::new(f));
        self
    }

    /// Every request so far, in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.state().requests.clone()
    }

    /// The target of every request so far, in order of arrival.
    pub fn targets(&self) -> Vec<String> {
        let state = self.shared.state();
        state.requests.iter().map(|r| r.target.clone()).collect()
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.state().sockets.len()
    }
}

impl Drop for FakeMode {
    fn drop(&mut self) {
        self.shared.stop();
        // A last connection wakes the acceptor.
        let woken = TcpStream::connect_timeout(&self.addr, Duration::from_secs(1)).is_ok();
        if let Some(acceptor) = self.acceptor.take().filter(|_| woken) {
            let _ = acceptor.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let accepted = listener.accept().and_then(|(stream, _)| {
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(IDLE))?;
            stream.set_write_timeout(Some(IDLE))?;
            Ok(Arc::new(stream))
        });
        match accepted {
            Ok(stream) => {
                let Some(number) = shared.admit(&stream) else {
                    return;
                };
                let shared = shared.clone();
                thread::spawn(move || connection::serve(&stream, number, &shared));
            }
            Err(_) if shared.pause(Duration::from_millis(10)).is_err() => return,
            Err(_) => {}
        }
    }
}

/// What the threads of a server have in common.
#[derive(Default)]
pub(crate) struct Shared {
    state: Mutex<State>,
    stopped: Condvar,
}

#[derive(Default)]
struct State {
    stopped: bool,
    routes: HashMap<String, Route>,
    observer: Option<Observer>,
    requests: Vec<Request>,
    /// One for each connection so far. Weak: its own thread alone decides when a socket closes.
    sockets: Vec<Weak<TcpStream>>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the lock panics")
    }

    /// Takes a connection in and numbers it, unless the server has stopped.
    fn admit(&self, stream: &Arc<TcpStream>) -> Option<usize> {
        let mut state = self.state();
        if state.stopped {
            return None;
        }
        state.sockets.push(Arc::downgrade(stream));
        Some(state.sockets.len() - 1)
    }

    /// Ends every wait and every connection.
    fn stop(&self) {
        let mut state = self.state();
        state.stopped = true;
        self.stopped.notify_all();
        for socket in state.sockets.iter().filter_map(Weak::upgrade) {
            // Fails where the client has already left.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// Records a request and finds its reply.
    pub(crate) fn answer(&self, request: Request) -> Reply {
        let mut state = self.state();
        state.requests.push(request.clone());
        let routes = &state.routes;
        let route = routes
            .get(&request.target)
            .or_else(|| routes.get(request.path()))
            .cloned();
        let observer = state.observer.clone();
        drop(state);
        let reply = match route {
            Some(route) => route(&request),
            None => Reply::error(404, "not_found", "There is nothing at this address"),
        };
        if let Some(observer) = observer {
            observer(&request, &reply);
        }
        reply
    }

    /// Waits. An error means that the server has stopped, then or before.
    pub(crate) fn pause(&self, time: Duration) -> io::Result<()> {
        let (state, _) = self
            .stopped
            .wait_timeout_while(self.state(), time, |state| !state.stopped)
            .expect("no holder of the lock panics");
        if state.stopped {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}
