//! One client, many threads, a server that fails a quarter of the time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fake_mode::{FakeMode, Reply};

use crate::{builder, rows};

const THREADS: usize = 10;
const CALLS: usize = 40;

#[test]
fn a_shared_client_loses_nothing_and_mixes_nothing_up() {
    let server = FakeMode::start();
    let random = std::sync::Arc::new(Mutex::new(fastrand::Rng::with_seed(7)));
    let resets = std::sync::Arc::new(AtomicUsize::new(0));
    for thread in 0..THREADS {
        let (random, resets) = (random.clone(), resets.clone());
        let good = Reply::json(200, format!("[{}]", rows(thread * 10..thread * 10 + 7)));
        server.route(
            &format!("/api/w{thread}/memberships"),
            move |_| match random.lock().unwrap().u8(0..100) {
                0..10 => Reply::json(429, ""),
                10..20 => Reply::json(503, ""),
                20..25 => {
                    resets.fetch_add(1, Ordering::Relaxed);
                    Reply::reset()
                }
                _ => good.clone(),
            },
        );
    }
    let client = builder(&server)
        .max_retries(20)
        .max_retry_delay(Duration::from_millis(20))
        .build()
        .unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let client = &client;
            scope.spawn(move || {
                let expected: Vec<_> = (thread * 10..thread * 10 + 7)
                    .map(|n| Some(format!("user{n}")))
                    .collect();
                for _ in 0..CALLS {
                    let people = client.memberships(&format!("w{thread}")).unwrap();
                    assert_eq!(
                        people
                            .into_iter()
                            .map(|row| row.member_username)
                            .collect::<Vec<_>>(),
                        expected
                    );
                }
            });
        }
    });
    let (requests, closed) = (server.targets().len(), resets.load(Ordering::Relaxed));
    assert!(requests > THREADS * CALLS && closed > 0);
    assert!(
        server.connections() <= THREADS + closed,
        "{} connections, {closed} closed",
        server.connections()
    );
}
