//! What a call allocates and holds on the client's thread: a guard that, unlike a timed one, says the
//! same on every machine. A process of its own, because it replaces the allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::thread;

use fake_mode::{FakeMode, Framing, Reply, Workspace};
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
    // One text a row.
    assert!(
        allocations <= 1120,
        "count: {allocations} allocations for 1000 rows"
    );
    assert!(
        bytes <= body + 1000 * 100,
        "count: {bytes} bytes for a body of {body}"
    );

    // At most four texts a row.
    let (allocations, bytes) = made(|| client.memberships("acme").unwrap());
    assert!(
        allocations <= 4100,
        "list: {allocations} allocations for 1000 rows"
    );
    assert!(
        bytes <= body + 1000 * 400,
        "list: {bytes} bytes for a body of {body}"
    );
}

/// What a call may hold at its peak, as a multiple of the body that it reads.
struct Limit {
    name: &'static str,
    path: &'static str,
    reply: Reply,
    /// How many bytes the body has.
    size: usize,
    call: fn(&Client),
    at_most: f64,
}

const MEMBERSHIPS: &str = "/api/acme/memberships";

fn limit(
    name: &'static str,
    path: &'static str,
    body: String,
    call: fn(&Client),
    at_most: f64,
) -> Limit {
    Limit {
        name,
        path,
        size: body.len(),
        reply: Reply::json(200, body),
        call,
        at_most,
    }
}

impl Limit {
    /// The same without a `Content-Length`, so that the buffer for the body doubles while it is read.
    fn chunked(mut self, name: &'static str, at_most: f64) -> Self {
        self.reply = self.reply.framing(Framing::Chunked);
        (self.name, self.at_most) = (name, at_most);
        self
    }
}

#[test]
fn a_call_holds_a_small_multiple_of_the_body() {
    const SIZE: usize = 1 << 20;
    let members = Workspace::new("acme", 1000).memberships_json();
    let smallest = r#"{"state":""}"#;
    // The worst number of rows: a vector of them has just doubled.
    let smallest = format!("[{}]", vec![smallest; (1 << 16) + 2].join(","));
    let lite = Workspace::new("acme", (1 << 12) + 2).lite_json();
    let numbers = format!("[{}]", vec!["1"; SIZE / 2].join(","));
    let links = format!(r#"{{"workspace": "acme", "_links": {numbers}}}"#);
    let next_page =
        format!(r#"{{"_links": {{"next_page": {numbers}}}, "_embedded": {{"memberships": []}}}}"#);
    let foreign = format!(
        r#"{{"_links": {{"next_page": {{"href": "/x"}}}}, "_embedded": {{"memberships":
            [{{"state": "active", "email": {numbers}, "title": "{}"}}]}}}}"#,
        "x".repeat(SIZE)
    );
    let count: fn(&Client) = |client| drop(client.membership_counts("acme").unwrap());
    let list: fn(&Client) = |client| drop(client.memberships("acme").unwrap());
    let numbers_as_texts: fn(&Client) =
        |client| drop(client.get::<Vec<String>>("/api/x").unwrap_err());
    let no_account: fn(&Client) = |client| drop(client.account().unwrap_err());
    let verify: fn(&Client) = |client| drop(client.verify().unwrap());
    let with_next = |rows: &str| {
        let links = r#"{"next_page": {"href": "/x"}}"#;
        format!(r#"{{"_links": {links}, "_embedded": {{"memberships": {rows}}}}}"#)
    };
    let paged = with_next(&smallest);
    let text = format!(
        r#"[{{"state": "active", "admin": "{}"}}]"#,
        "\\u001f".repeat(SIZE / 6)
    );
    let counter = format!(
        r#"{{"pagination": {{"total_pages": "{}"}}}}"#,
        "\u{7f}".repeat(SIZE)
    );
    // While it is read, a text with escapes is copied into a buffer that doubles.
    let escaped = format!("\\n{}", "x".repeat(1_000)).repeat(SIZE / 1_002);
    let escaped = |field: &str| format!(r#"[{{"state": "active", "{field}": "{escaped}"}}]"#);
    let (good, refused) = (escaped("email"), escaped("admin"));
    let no_count: fn(&Client) = |client| drop(client.membership_counts("acme").unwrap_err());
    let no_list: fn(&Client) = |client| drop(client.memberships("acme").unwrap_err());
    // About 250 kB are buffers of the HTTP client and its connection.
    let limits = [
        limit("count", MEMBERSHIPS, members.clone(), count, 1.5),
        limit("", MEMBERSHIPS, members.clone(), count, 0.0).chunked("count, chunked", 2.6),
        limit("list", MEMBERSHIPS, members, list, 1.8),
        limit("list lite rows", MEMBERSHIPS, lite, list, 4.4),
        limit(
            "count the smallest rows",
            MEMBERSHIPS,
            smallest.clone(),
            count,
            5.5,
        ),
        limit("list the smallest rows", MEMBERSHIPS, smallest, list, 26.0),
        limit(
            "count them, another page",
            MEMBERSHIPS,
            paged.clone(),
            count,
            13.5,
        ),
        limit("list them, another page", MEMBERSHIPS, paged, list, 54.0),
        limit(
            "numbers for texts",
            "/api/x",
            numbers.clone(),
            numbers_as_texts,
            1.4,
        ),
        limit("", "/api/x", numbers, numbers_as_texts, 0.0).chunked("the same, chunked", 2.4),
        limit(
            "numbers for links",
            "/api/verify",
            links.clone(),
            no_account,
            1.4,
        ),
        limit("the same for verify", "/api/verify", links, verify, 1.4),
        limit("numbers for a link", MEMBERSHIPS, next_page, count, 1.4),
        limit("huge foreign fields", MEMBERSHIPS, foreign, count, 1.4),
        limit("a text for a boolean", MEMBERSHIPS, text, no_list, 2.4),
        limit("a text with escapes", MEMBERSHIPS, good, list, 4.3),
        limit("the same for a boolean", MEMBERSHIPS, refused, no_list, 4.3),
        limit("a text for a counter", MEMBERSHIPS, counter, no_count, 2.4),
    ];
    let measure = |limit: Limit| {
        let server = FakeMode::start();
        server.on(
            "/api/account",
            Reply::error(400, "bad_request", "use a key"),
        );
        server.on(limit.path, limit.reply);
        let client = client(&server);
        let multiple = held(|| (limit.call)(&client)) as f64 / limit.size as f64;
        println!("{}: {multiple:.3} times the body", limit.name);
        // Less than the body would mean that nothing was counted.
        let is_kept = (1.0..=limit.at_most).contains(&multiple);
        (!is_kept).then_some((limit.name, multiple, limit.at_most))
    };
    let exceeded: Vec<_> = thread::scope(|scope| {
        let threads = limits.map(|limit| scope.spawn(move || measure(limit)));
        let measured = threads.into_iter().map(|thread| thread.join().unwrap());
        measured.flatten().collect()
    });
    assert!(exceeded.is_empty(), "name, multiple, limit: {exceeded:?}");
}

#[test]
fn the_body_of_an_error_is_read_up_to_a_limit() {
    let server = FakeMode::start();
    let endless = Reply::json(403, "x".repeat(1000)).endless();
    let nested = |item: &str| {
        let items = vec![item; 65_000 / (item.len() + 1)].join(",");
        let message = format!("{}{items}{}", "[".repeat(100), "]".repeat(100));
        Reply::json(403, format!(r#"{{"message": {message}}}"#))
    };
    let replies = [
        endless.framing(Framing::Chunked),
        nested("[]"),
        nested("1"),
        nested(r#"{"":0}"#),
        nested(&format!("{}{}", "[".repeat(20), "]".repeat(20))),
    ];
    let client = client(&server);
    for reply in replies {
        server.on(MEMBERSHIPS, reply);
        let held = held(|| client.memberships("acme").unwrap_err());
        println!("{held} bytes for the body of an error");
        assert!(held < 2 << 20, "{held} bytes");
    }
}

#[test]
fn a_row_of_many_pages_holds_no_more_than_one_of_few() {
    let server = FakeMode::start();
    for pages in [10, 100] {
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
        ("count", [counted(10), counted(100)]),
        ("list", [listed(10), listed(100)]),
    ] {
        assert!(
            many <= few * 3 / 2,
            "{call}: {many} bytes a page of 100, {few} of 10"
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
