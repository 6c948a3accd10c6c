//! What a call allocates and holds on the client's thread: a guard that, unlike a timed one, says the
//! same on every machine. A process of its own, because it replaces the allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use fake_mode::{FakeMode, Reply, Workspace};
#[cfg(feature = "gzip")]
use mode_analytics::ErrorKind;
use mode_analytics::{Client, Credentials};

thread_local! {
    /// How many allocations this thread has made, and of how many bytes.
    static MADE: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
    /// How many bytes it holds, and the most that it has held.
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

struct Counting;

fn count(bytes: usize) {
    let (allocations, total) = MADE.get();
    MADE.set((allocations + 1, total + bytes));
}

fn hold(bytes: isize) {
    let (held, most) = HELD.get();
    HELD.set((held + bytes, most.max(held + bytes)));
}

// SAFETY: every call is the system allocator's own, with the arguments as they came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        hold(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        hold(-(layout.size() as isize));
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        hold(size as isize - layout.size() as isize);
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

/// The most bytes that are held while `call` runs, its result included.
fn held<T>(call: impl FnOnce() -> T) -> usize {
    let (before, _) = HELD.get();
    HELD.set((before, before));
    drop(call());
    (HELD.get().1 - before).try_into().unwrap()
}

fn client(server: &FakeMode) -> Client {
    Client::builder(Credentials::new("token", "secret").unwrap())
        .base_url(server.origin())
        .build()
        .unwrap()
}

#[test]
fn a_call_allocates_no_more_than_the_response_needs() {
    let server = FakeMode::start();
    let workspace = Workspace::new("acme", 1000);
    workspace.serve(&server);
    let body = workspace.memberships_json().len();
    let client = client(&server);
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

#[test]
fn a_large_count_holds_little_more_than_the_body() {
    let server = FakeMode::start();
    let workspace = Workspace::new("acme", 100_000);
    workspace.serve(&server);
    let body = workspace.memberships_json().len();
    let client = client(&server);
    let held = held(|| assert_eq!(client.membership_counts("acme").unwrap().total, 100_000));
    assert!(
        (body..=body + 2 * 1024 * 1024).contains(&held),
        "{held} bytes for a body of {body}"
    );
}

#[test]
fn a_row_of_many_pages_holds_no_more_than_one_of_few() {
    let server = FakeMode::start();
    for pages in [10, 1000] {
        server.route(&format!("/api/{pages}/memberships"), move |request| {
            let page = request.query("page").map_or(1, |page| page.parse().unwrap());
            let row = |n: usize| {
                let date = "2024-05-01T09:30:00.000Z";
                format!(
                    r#"{{"member_username":"user{n}","member_token":"{n:012x}","state":"active","activated_at":"{date}"}}"#
                )
            };
            let rows: Vec<String> = (page * 30 - 30..page * 30).map(row).collect();
            let next = if page < pages { r#"{"href":"/x"}"# } else { "null" };
            let links = format!(r#"{{"next_page":{next}}}"#);
            // The last page is as long as the others, so that one more is asked for.
            let rows = if page > pages { String::new() } else { rows.join(",") };
            let body = format!(r#"{{"_links":{links},"_embedded":{{"memberships":[{rows}]}}}}"#);
            Reply::json(200, body)
        });
    }
    let client = client(&server);
    client.membership_counts("10").unwrap();
    let counted = |pages: usize| {
        let name = pages.to_string();
        let call = || assert_eq!(client.membership_counts(&name).unwrap().total, pages * 30);
        held(call) / pages
    };
    let listed = |pages: usize| {
        let name = pages.to_string();
        held(|| client.memberships(&name).unwrap()) / pages
    };
    for (call, [few, many]) in [
        ("count", [counted(10), counted(1000)]),
        ("list", [listed(10), listed(1000)]),
    ] {
        assert!(
            many <= few * 3 / 2,
            "{call}: {many} bytes a page of 1000, {few} of 10"
        );
    }
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
