use fake_mode::{FakeMode, Shape, Workspace};
use mode_analytics::{Client, Credentials};

#[test]
fn smoke() {
    let server = FakeMode::start();
    let ws = Workspace::new("acme", 8).shape(Shape::Hal);
    ws.serve(&server);
    let client = Client::builder(Credentials::new("t", "s").unwrap()).base_url(server.origin()).build().unwrap();
    println!("{:?}", client.verify().unwrap());
    println!("{:?}", client.account().unwrap());
    println!("{:#?}", client.memberships("acme").unwrap());
    println!("{:?}", client.memberships_lite("acme").unwrap());
    println!("{:?}", client.membership_counts("acme").unwrap());
    println!("{:?}", client.memberships("acmex").unwrap_err().to_string());
    println!("{:?}", client);
}
