//! What a call allocates on the client's thread: a guard that, unlike a timed one, says the same on every machine.
//! A process of its own, because it replaces the allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use fake_mode::{FakeMode, Workspace};
use mode_analytics::{Client, Credentials};
#[cfg(feature = "gzip")]
use {fake_mode::Reply, mode_analytics::ErrorKind};

thread_local! {
    /// How many allocations this thread has made, and of how many bytes.
    static MADE: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

struct Counting;

fn count(bytes: usize) {
    let (allocations, total) = MADE.get();
    MADE.set((allocations + 1, total + bytes));
}

// SAFETY: every call is the system allocator's own, with the arguments as they came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn made<T>(call: impl FnOnce() -> T) -> (usize, usize) {
    MADE.set((0, 0));
    drop(call());
    MADE.get()
}

#[test]
fn a_call_allocates_no_more_than_the_answer_needs() {
    let server = FakeMode::start();
    let workspace = Workspace::new("acme", 1000);
    workspace.serve(&server);
    let body = workspace.memberships_json().len();
    let client = Client::builder(Credentials::new("token", "secret").unwrap())
        .base_url(server.origin())
        .build()
        .unwrap();
    // The first call connects.
    client.membership_counts("acme").unwrap();

    let (allocations, bytes) = made(|| client.membership_counts("acme").unwrap());
    assert!(
        allocations <= 100,
        "count: {allocations} allocations for 1000 rows"
    );
    assert!(
        bytes <= body + 16 * 1024,
        "count: {bytes} bytes for a body of {body}"
    );

    // Three texts a row, none of them the state.
    let (allocations, bytes) = made(|| client.memberships("acme").unwrap());
    assert!(
        allocations <= 3100,
        "list: {allocations} allocations for 1000 rows"
    );
    assert!(
        bytes <= body + 1000 * 400,
        "list: {bytes} bytes for a body of {body}"
    );
}

#[cfg(feature = "gzip")]
#[test]
fn a_gzip_bomb_costs_no_more_than_the_limit() {
    use std::io::Write;

    const LIMIT: usize = 1 << 20;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&vec![b' '; LIMIT]).unwrap();
    // Two megabytes that become two gigabytes.
    let bomb = encoder.finish().unwrap().repeat(2048);
    let server = FakeMode::start();
    server.on(
        "/api/acme/memberships",
        Reply::bytes(200, "application/json", bomb).header("Content-Encoding", "gzip"),
    );
    let client = Client::builder(Credentials::new("token", "secret").unwrap())
        .base_url(server.origin())
        .max_response_bytes(LIMIT)
        .build()
        .unwrap();

    let (_, bytes) = made(|| {
        let error = client.membership_counts("acme").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
    });
    // A buffer that doubles until it holds the limit, and what gzip itself needs.
    assert!(bytes <= 8 * LIMIT, "{bytes} bytes for a limit of {LIMIT}");
    assert_eq!(server.targets().len(), 1);
}
