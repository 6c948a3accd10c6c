//! A function that asks Mode, and its tests against a mock server, without a network or a key.

use mode_analytics::{Client, ErrorKind, Result};

/// Returns how many seats of a workspace are taken, or `None` if there is no such workspace.
pub fn taken_seats(client: &Client, workspace: &str) -> Result<Option<usize>> {
    match client.membership_counts(workspace) {
        Ok(counts) => Ok(Some(counts.active)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mode_analytics::Credentials;

    fn client(server: &mockito::Server) -> Client {
        let credentials = Credentials::new("token", "secret").unwrap();
        let builder = Client::builder(credentials).base_url(server.url());
        builder.max_retries(0).build().unwrap()
    }

    #[test]
    fn active_members_take_seats() {
        let mut server = mockito::Server::new();
        server
            .mock("GET", "/api/acme/memberships")
            .with_body(r#"[{"state": "active"}, {"state": "invited"}]"#)
            .create();
        assert_eq!(taken_seats(&client(&server), "acme").unwrap(), Some(1));
    }

    #[test]
    fn a_missing_workspace_is_not_one_without_seats() {
        // The mock server answers unknown requests with 501, so define both routes.
        let mut server = mockito::Server::new();
        for path in ["/api/acme/memberships", "/api/acme/memberships/lite"] {
            server.mock("GET", path).with_status(404).create();
        }
        assert_eq!(taken_seats(&client(&server), "acme").unwrap(), None);
    }

    #[test]
    fn other_failures_are_passed_on() {
        let mut server = mockito::Server::new();
        let refusal = r#"{"id": "forbidden", "message": "no"}"#;
        server
            .mock("GET", "/api/acme/memberships")
            .with_status(403)
            .with_body(refusal)
            .create();
        let error = taken_seats(&client(&server), "acme").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Forbidden);
    }
}
